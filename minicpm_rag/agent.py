"""An agent that answers over a library in several steps: it searches, reads pages and computes until it can answer.

The steps are LangChain's (`create_agent`), the tools ours. What it writes at last is proven like every other answer:
against the passages that its tools have given it. Needs a model that can call tools.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool

from minicpm_rag.answering import tables
from minicpm_rag.answering.citations import CitedAnswer
from minicpm_rag.answering.held import held
from minicpm_rag.errors import ModelError, NotFoundError, RAGError
from minicpm_rag.messages import Message, text
from minicpm_rag.records import DOCUMENT_ID, END, PAGE, SOURCE, START, TITLE, Answer, Question, Scope
from minicpm_rag.text.questions import language_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableConfig

    from minicpm_rag.workspace import Workspace

MOST_STEPS = 12  # of model and tools together
MOST_PAGE_CHARACTERS = 6000  # of a page in one result: the model's window must hold several

_PROMPT = {
    "zh": "你根据用户自己的资料回答问题。先用工具查找，不要凭记忆回答；每个结论后写上所依据段落的编号，如 [1]。"
    "工具找不到依据时，直说资料里没有。用提问的语言简短作答。",
    "en": "You answer questions from the user's own documents. Look things up with the tools first, never answer from "
    "memory; after each statement write the number of the passage it rests on, such as [1]. Where the tools find "
    "nothing, say that the documents do not tell. Answer briefly, in the language of the question.",
}


@dataclass(frozen=True)
class ToolUse:
    """A step of the agent: a tool that it called, with what."""

    name: str
    arguments: dict[str, Any]


@dataclass
class LibraryTools:
    """The tools over one knowledge base, for one question; `passages` are what they have given, numbered from 1.

    They know only the documents that the `scope` holds.
    """

    workspace: Workspace
    knowledge_base: str
    scope: Scope = field(default_factory=Scope)
    passages: list[Document] = field(default_factory=list)

    def all(self) -> list[BaseTool]:
        """The tools as LangChain knows them."""
        return [
            StructuredTool.from_function(self.search, name="search", parse_docstring=True),
            StructuredTool.from_function(self.read_page, name="read_page", parse_docstring=True),
            StructuredTool.from_function(self.compute, name="compute", parse_docstring=True),
        ]

    def search(self, query: str) -> str:
        """Search the documents by keywords and meaning; gives numbered passages.

        Args:
            query: a question or words, complete in themselves
        """
        scope = None if self.scope == Scope() else self.scope
        found = self.workspace.retriever(self.knowledge_base).retrieve(query, filter=scope)
        return "\n\n".join(self._numbered(document) for document in found.documents) or _NOTHING

    def read_page(self, document: int, page: int = 1, start: int = 0) -> str:
        """Read a page of a document, to see what stands around a passage.

        Args:
            document: the document's number, as search gives it
            page: the page's number
            start: the character to begin at, for a long page
        """
        library = self.workspace.library
        within = library.within(self.knowledge_base, self.scope)
        if within is not None and document not in within:
            raise NotFoundError("library.no_document", number=document)
        row, whole = library.document(document), library.page(document, page)
        words = whole.text[start : start + MOST_PAGE_CHARACTERS]
        place = {PAGE: page, START: start, END: start + len(words), DOCUMENT_ID: document}
        return self._numbered(Document(words, metadata={**place, TITLE: row.title, SOURCE: row.source}))

    def compute(self, question: str) -> str:
        """Count, sum or compare over the tables of the documents, where search would only show single rows.

        Args:
            question: what to compute, in words, such as "how many orders over 10,000 in March?"
        """
        library = self.workspace.library
        within = library.within(self.knowledge_base, self.scope)
        found = tables.compute(question, library, self.knowledge_base, within=within)
        if found is None:
            return _NOT_COMPUTED
        *_, answer = tables.answer(Answer(standalone_question=question), found, library)
        assert isinstance(answer, Answer)
        return "\n\n".join([answer.text, *(self._numbered(document) for document in answer.documents)])

    def _numbered(self, document: Document) -> str:
        self.passages.append(document)
        metadata = document.metadata
        place = f"{metadata.get(TITLE, '')} (document {metadata.get(DOCUMENT_ID)}, page {metadata.get(PAGE, 1)})"
        return f"[{len(self.passages)}] {place}\n{document.page_content}"


_NOTHING = "Nothing was found."
_NOT_COMPUTED = "No table of the documents answers that; search instead."


def chat_model(workspace: Workspace) -> BaseChatModel:
    """The workspace's model as one that takes tools. Raises ModelError where none is set up, or it knows no tools."""
    llm = workspace.llm
    if llm is None:
        raise ModelError("answering.agent_needs_model")
    from minicpm_rag.llm.remote import RemoteLLM

    if isinstance(llm, RemoteLLM):
        return llm.chat()
    from minicpm_rag.llm.chat import ChatMiniCPM

    return ChatMiniCPM(llm=llm)  # type: ignore[call-arg]


def run(
    workspace: Workspace,
    knowledge_base: str,
    question: Question,
    *,
    model: BaseChatModel | None = None,
    config: RunnableConfig | None = None,
) -> Iterator[ToolUse | Answer]:
    """Answer a question step by step; the last item is the answer, proven against what the tools gave.

    Raises ModelError where the model cannot be asked, and where it comes to no answer within MOST_STEPS.
    """
    import openai
    from langchain.agents import create_agent
    from langgraph.errors import GraphRecursionError

    from minicpm_rag.llm.remote import RemoteLLM

    language = language_of(question.text)
    question = held(question, workspace.library, knowledge_base)
    tools = LibraryTools(workspace, knowledge_base, question.scope)
    agent = create_agent(model or chat_model(workspace), _forgiving(tools.all()), system_prompt=_PROMPT[language])
    turns = [message for turn in question.history for message in (HumanMessage(turn.question), AIMessage(turn.answer))]
    given: Any = {"messages": [*turns, HumanMessage(question.text)]}
    written = ""
    try:
        for update in agent.stream(given, {**(config or {}), "recursion_limit": MOST_STEPS}, stream_mode="updates"):
            for message in (message for node in update.values() for message in node.get("messages", ())):
                if isinstance(message, ToolMessage):
                    continue
                yield from (ToolUse(call["name"], call["args"]) for call in message.tool_calls)
                written = str(message.text)
            if question.cancel.is_set():
                break
    except openai.OpenAIError as error:
        llm = workspace.llm
        raise (llm.server.error(error) if isinstance(llm, RemoteLLM) else error) from error
    except GraphRecursionError as error:
        raise ModelError("answering.agent_no_end", steps=MOST_STEPS) from error
    yield _proven(workspace, question, written, tools.passages)


def _proven(workspace: Workspace, question: Question, written: str, passages: list[Document]) -> Answer:
    if not written.strip():
        sentence = text(language_of(question.text), Message("answering.nothing_found"))
        return Answer(sentence, "refused", question.text)
    cited = CitedAnswer(question.text, passages, page_text=workspace.library.page_text)
    cited.add(written)
    cited.finish()
    mode: Any = "stopped" if question.cancel.is_set() else "model"
    return Answer(cited.text, mode, question.text, cited.citations, cited.unsupported, passages)


def _forgiving(tools: list[BaseTool]) -> list[BaseTool]:
    """Have one of our errors told to the model, which may then try something else: another page, say."""
    for tool in tools:
        work: Any = tool.func  # type: ignore[attr-defined]

        def told(_work: Any = work, **arguments: Any) -> str:
            try:
                return str(_work(**arguments))
            except RAGError as error:
                return str(error)

        tool.func = told  # type: ignore[attr-defined]
    return tools
