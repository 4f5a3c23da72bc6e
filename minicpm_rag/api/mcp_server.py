"""The workspace as tools and resources of the Model Context Protocol, over stdio or streamable HTTP.

Every result quotes with its place: title, document, page, offsets. Errors are sentences for the model that reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

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
    server = MCPServer(
        "minicpm-rag",
        title="MiniCPM-RAG",
        version=__version__,
        log_level="WARNING",
        instructions="The user's own documents. Search or ask before you answer from them; quote what is returned, "
        "with title and page; where the evidence is below the threshold, say that the documents do not tell.",
    )
    offered = _Offered(workspace)
    for tool in (offered.search, offered.ask, offered.read_page, offered.summarize, offered.list_documents):
        server.tool(annotations=_READS, structured_output=True)(tool)
    page = server.resource("document://{document}/page/{page}", mime_type="text/plain", title="A page of a document")
    page(offered.page_text)
    library = server.resource("library://documents", mime_type="application/json", title="The documents of the library")
    library(offered.documents)
    return server


class _Offered:
    """The tools and resources; their names, words and types are what a model is told of them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def search(
        self, query: Words, knowledge_base: KnowledgeBaseName = "", limit: Annotated[int, Field(ge=1, le=50)] = 5
    ) -> Found:
        """Search the user's documents by keywords and meaning. Returns literal passages with title, page, offsets."""
        with _telling(query):
            found = self._workspace.retriever(self._name(knowledge_base)).retrieve(query, limit)
            passages = [_passage(passage_fields(document)) for document in found.documents]
            return Found(evidence=found.evidence, threshold=found.threshold, passages=passages)

    def ask(
        self,
        question: Words,
        knowledge_base: KnowledgeBaseName = "",
        history: Annotated[
            list[tuple[str, str]] | None, Field(description="earlier (question, answer) pairs", max_length=50)
        ] = None,
    ) -> Answered:
        """Answer a question from the user's documents, every sentence proven by a literal quote with its page."""
        with _telling(question):
            turns = [Turn(*pair) for pair in history or ()]
            return _answer(self._workspace, self._name(knowledge_base), Question(question, history=turns))

    def read_page(
        self,
        document: DocumentName,
        page: Annotated[int, Field(ge=1, le=2**53)] = 1,
        start: Annotated[int, Field(ge=0, description="character to begin at, for a long page")] = 0,
    ) -> PageOfDocument:
        """Read the stored text of a page, slide or sheet."""
        with _telling(str(document)):
            library = self._workspace.library
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

    def summarize(
        self,
        document: DocumentName,
        language: Annotated[Literal["zh", "en"], Field(description="of the summary's own words")] = "en",
    ) -> Answered:
        """Summarize a whole document section by section, each sentence proven by a literal quote with its page."""
        with _telling("你好" if language == "zh" else ""):
            row = _named(self._workspace.library, document)
            question = Question(text(language, Message("api.summarize")), scope=Scope(documents=(row.id,)))
            return _answer(self._workspace, row.knowledge_base, question)

    def list_documents(self, knowledge_base: KnowledgeBaseName = "") -> list[Listed]:
        """List the documents of a knowledge base; with no name, those of all knowledge bases."""
        with _telling(""):
            library = self._workspace.library
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

    def page_text(self, document: int, page: int) -> str:
        """The stored text of a page."""
        with _telling(""):
            return self._workspace.library.page_text(document, page)

    def documents(self) -> list[dict[str, Any]]:
        """All documents, with the numbers under which their pages are read."""
        return [entry.model_dump() for entry in self.list_documents()]

    def _name(self, knowledge_base: str) -> str:
        return knowledge_base or self._workspace.settings.knowledge_base


def http_application(server: MCPServer, *, hosts: Sequence[str], token: str | None, per_minute: int) -> Application:
    """The server over streamable HTTP at /mcp, behind the same walls as the HTTP API."""
    # Our own gate checks hosts and origins.
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app: Any = server.streamable_http_app(transport_security=unchecked)
    walls = Walls(app, token=token, per_minute=per_minute, most_upload_bytes=0)
    return Gate(walls, LOCAL_HOSTS | set(hosts))


@contextmanager
def _telling(words: str) -> Iterator[None]:
    """One of our errors is told to the model, in the language of what it asked."""
    try:
        yield
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
