"""The workspace as tools and resources of the Model Context Protocol, over stdio or streamable HTTP.

Every result quotes with its place: title, document, page, offsets. Errors are sentences for the model that reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from minicpm_rag import __version__
from minicpm_rag.api.limits import Walls
from minicpm_rag.errors import LibraryError, NotFoundError, RAGError
from minicpm_rag.fields import answer_fields, passage_fields
from minicpm_rag.gate import LOCAL_HOSTS, Gate
from minicpm_rag.messages import Message, text
from minicpm_rag.records import (
    DOCUMENT_ID,
    END,
    HEADINGS,
    PAGE,
    PAGE_LABEL,
    SCORE,
    START,
    TITLE,
    DocumentRow,
    Question,
    Retrieval,
    Scope,
    Turn,
)
from minicpm_rag.text.questions import language_of
from minicpm_rag.workspace import Workspace

if TYPE_CHECKING:
    from minicpm_rag.gate import Application
    from minicpm_rag.library import Library

Result = TypeVar("Result")

_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
MOST_CHARACTERS = 40_000  # of a page in one result; longer ones are read in pieces

KnowledgeBaseName = Annotated[
    str, Field(description="knowledge base to look in; empty for the usual one", max_length=200)
]
DocumentName = Annotated[
    Annotated[int, Field(ge=1, le=2**53)] | Annotated[str, Field(max_length=1_000)],
    Field(description="its number, as search and list_documents give it, or its title"),
]
Words = Annotated[str, Field(description="a question or words, in any language", min_length=1, max_length=20_000)]


class Passage(BaseModel):
    """A passage of a document, literally, with its place."""

    title: str
    document: int
    page: int
    page_label: str
    headings: str
    start: int
    end: int
    text: str
    score: float


class Found(BaseModel):
    """Passages, best first. Below the threshold they probably do not hold the answer."""

    evidence: float
    threshold: float
    passages: list[Passage]


class Quote(BaseModel):
    """Words of a document that prove a sentence of the answer."""

    number: int
    quote: str
    title: str
    document: int
    page: int
    start: int
    end: int


class Answered(BaseModel):
    """An answer with [n] after each proven sentence."""

    answer: str
    mode: str
    question: str
    citations: list[Quote]
    note: str


class PageOfDocument(BaseModel):
    """The text of a page, or a piece of it."""

    title: str
    document: int
    page: int
    label: str
    start: int
    characters: int
    text: str


class Listed(BaseModel):
    """A document of the library."""

    document: int
    title: str
    knowledge_base: str
    status: str
    pages: int
    reason: str


def create_server(workspace: Workspace) -> MCPServer:
    """The MCP server over a workspace."""
    library = workspace.library
    server = MCPServer(
        "minicpm-rag",
        title="MiniCPM-RAG",
        version=__version__,
        log_level="WARNING",
        instructions="The user's own documents. Search or ask before you answer from them; quote what is returned, "
        "with title and page; where the evidence is below the threshold, say that the documents do not tell.",
    )

    def name_of(knowledge_base: str) -> str:
        return knowledge_base or workspace.settings.knowledge_base

    @server.tool(annotations=_READS, structured_output=True)
    def search(
        query: Words, knowledge_base: KnowledgeBaseName = "", limit: Annotated[int, Field(ge=1, le=50)] = 5
    ) -> Found:
        """Search the user's documents by keywords and meaning. Returns literal passages with title, page, offsets."""

        def work() -> Found:
            found = workspace.retriever(name_of(knowledge_base)).retrieve(query, limit)
            passages = [_passage(passage_fields(document)) for document in found.documents]
            return Found(evidence=found.evidence, threshold=found.threshold, passages=passages)

        return _told(query, work)

    @server.tool(annotations=_READS, structured_output=True)
    def ask(
        question: Words,
        knowledge_base: KnowledgeBaseName = "",
        history: Annotated[
            list[tuple[str, str]] | None, Field(description="earlier (question, answer) pairs", max_length=50)
        ] = None,
    ) -> Answered:
        """Answer a question from the user's documents, every sentence proven by a literal quote with its page."""

        def work() -> Answered:
            turns = [Turn(*pair) for pair in history or ()]
            return _answer(workspace, name_of(knowledge_base), Question(question, history=turns))

        return _told(question, work)

    @server.tool(annotations=_READS, structured_output=True)
    def read_page(
        document: DocumentName,
        page: Annotated[int, Field(ge=1, le=2**53)] = 1,
        start: Annotated[int, Field(ge=0, description="character to begin at, for a long page")] = 0,
    ) -> PageOfDocument:
        """Read the stored text of a page, slide or sheet."""

        def work() -> PageOfDocument:
            row = _named(library, document)
            found = library.page(row.id, page)
            return PageOfDocument(
                title=row.title,
                document=row.id,
                page=page,
                label=found.label,
                start=start,
                characters=len(found.text),
                text=found.text[start : start + MOST_CHARACTERS],
            )

        return _told(str(document), work)

    @server.tool(annotations=_READS, structured_output=True)
    def summarize(
        document: DocumentName,
        language: Annotated[Literal["zh", "en"], Field(description="of the summary's own words")] = "en",
    ) -> Answered:
        """Summarize a whole document section by section, each sentence proven by a literal quote with its page."""

        def work() -> Answered:
            row = _named(library, document)
            question = Question(text(language, Message("api.summarize")), scope=Scope(documents=(row.id,)))
            return _answer(workspace, row.knowledge_base, question)

        return _told("你好" if language == "zh" else "", work)

    @server.tool(annotations=_READS, structured_output=True)
    def list_documents(knowledge_base: KnowledgeBaseName = "") -> list[Listed]:
        """List the documents of a knowledge base; with no name, those of all knowledge bases."""

        def work() -> list[Listed]:
            names = [knowledge_base] if knowledge_base else [entry.name for entry in library.knowledge_bases()]
            return [
                Listed(
                    document=row.id,
                    title=row.title,
                    knowledge_base=name,
                    status=row.status,
                    pages=row.pages_indexed,
                    reason="" if row.reason is None else str(row.reason),
                )
                for name in names
                for row in library.documents(name)
            ]

        return _told("", work)

    @server.resource("document://{document}/page/{page}", mime_type="text/plain", title="A page of a document")
    def page_text(document: int, page: int) -> str:
        """The stored text of a page."""
        return _told("", lambda: library.page_text(document, page))

    @server.resource("library://documents", mime_type="application/json", title="The documents of the library")
    def documents() -> list[dict[str, Any]]:
        """All documents, with the numbers under which their pages are read."""
        return [entry.model_dump() for entry in list_documents("")]

    return server


def http_application(server: MCPServer, *, hosts: Sequence[str], token: str | None, per_minute: int) -> Application:
    """The server over streamable HTTP at /mcp, behind the same walls as the HTTP API."""
    # Our own gate checks hosts and origins.
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app: Any = server.streamable_http_app(transport_security=unchecked)
    walls = Walls(app, token=token, per_minute=per_minute, most_upload_bytes=0)
    return Gate(walls, LOCAL_HOSTS | set(hosts))


def _told(words: str, work: Callable[[], Result]) -> Result:
    """Do it; one of our errors is told to the model, in the language of what it asked."""
    try:
        return work()
    except RAGError as error:
        raise ToolError(text(language_of(words), error.message)) from error


def _named(library: Library, named: int | str) -> DocumentRow:
    """The document of that number or title, of any knowledge base. Raises LibraryError where none or several are."""
    if isinstance(named, int) or named.isdecimal():
        return library.document(min(int(named), 2**53))
    title = named.strip().casefold()
    rows = [row for entry in library.knowledge_bases() for row in library.documents(entry.name)]
    titled = [row for row in rows if row.status == "ready" and row.title.casefold() == title]
    if not titled:
        raise NotFoundError("api.no_document_titled", title=named)
    if len(titled) > 1:
        raise LibraryError("api.several_titled", title=named, numbers=[row.id for row in titled])
    return titled[0]


def _answer(workspace: Workspace, knowledge_base: str, question: Question) -> Answered:
    retrieval: Retrieval | None = None
    answer = None
    for answer in workspace.chain(knowledge_base).stream(question):
        if isinstance(answer, Retrieval):
            retrieval = answer
    fields = answer_fields(question.text, retrieval, answer, language_of(question.text))  # type: ignore[arg-type]
    quotes = [
        Quote(
            number=cited["number"],
            quote=cited["quote"],
            title=str(cited[TITLE] or ""),
            document=int(cited[DOCUMENT_ID] or 0),
            page=int(cited[PAGE] or 1),
            start=cited["quote_offsets"][0],
            end=cited["quote_offsets"][1],
        )
        for cited in fields["citations"]
    ]
    return Answered(
        answer=fields["answer"],
        mode=fields["mode"],
        question=fields["standalone_question"],
        citations=quotes,
        note=fields["note"] or "",
    )


def _passage(fields: dict[str, Any]) -> Passage:
    return Passage(
        title=str(fields.get(TITLE, "")),
        document=int(fields.get(DOCUMENT_ID, 0)),
        page=int(fields.get(PAGE, 1)),
        page_label=str(fields.get(PAGE_LABEL) or ""),
        headings=str(fields.get(HEADINGS) or ""),
        start=int(fields.get(START, 0)),
        end=int(fields.get(END, 0)),
        text=fields["text"],
        score=float(fields.get(SCORE, 0.0)),
    )
