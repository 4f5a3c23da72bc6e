"""Records that the stages share: metadata keys of a passage, and small data classes that LangChain lacks.

A passage is a LangChain `Document`: `page_content` is the chunk's literal text, so that
`page.text[start:end] == page_content` for the page it came from. Only data, except that an `Answer`
grows by the chain's events.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from minicpm_rag.messages import Message

if TYPE_CHECKING:
    import numpy
    from langchain_core.documents import Document
    from numpy.typing import NDArray

# Metadata keys of a passage. Set by chunking:
PAGE = "page"  # int, 1-based position in the file: page, slide, sheet, or 1
PAGE_KIND = "page_kind"  # PageKind
PAGE_LABEL = "page_label"  # what users call it: "3", "Sheet1"; "" where the file has no pages
START, END = "start", "end"  # character offsets into the page's text
HEADINGS = "headings"  # heading path, " > " between levels; "" where there is none
TABLE_HEADER = "table_header"  # header row of the table the chunk continues; "" elsewhere
ROW_START, ROW_END = "row_start", "row_end"  # 1-based rows of the sheet or table; absent elsewhere
# Set by the library:
CHUNK_ID = "chunk_id"  # str, deterministic, equal to Document.id
DOCUMENT_ID = "document_id"  # int, row of the ledger
SOURCE = "source"  # absolute path, address, or "upload:<name>"; unique in its knowledge base
TITLE = "title"  # what is shown: the file name or the page title
# Set by retrieval:
SCORE = "score"  # float in 0..1 after fusion and reranking, higher is better
CLOSENESS = "closeness"  # float in 0..1: how near its words come to the question's; absent where not compared
SECTIONS = "sections"  # [offset in the passage, heading path] of each section in it; [] where the page has none
EVIDENCE = "evidence"  # float in 0..1: probability that this passage bears on the question

PageKind = Literal["page", "slide", "sheet", "text"]
FileStatus = Literal["indexed", "unchanged", "replaced", "duplicate", "moved", "skipped", "failed", "removed"]
Mode = Literal["model", "extractive", "computed", "fixed", "refused", "stopped", "failed"]  # how an answer came about

PageText = Callable[[int, int], str]  # (document id, page number) -> the stored text of that page
# Gives the cosine of each text to the first argument, or None where the embedder cannot read it.
Similarity = Callable[[str, Sequence[str]], "Sequence[float] | None"]


@dataclass(frozen=True)
class Heading:
    """A heading inside a page's text."""

    start: int
    level: int
    text: str


@dataclass(frozen=True)
class Table:
    """A table inside a page's text: one line a row, the header line first.

    `rows` pairs the character offset of each data row's line with the row's number in the file
    (1-based, as a spreadsheet shows it). Rows lie within `start`..`end`.
    """

    start: int
    end: int
    header: str
    rows: tuple[tuple[int, int], ...]


ColumnKind = Literal["text", "number", "date", "year", "quarter", "month"]


@dataclass(frozen=True)
class Column:
    """A column of a data table.

    Values of kind "number" are numbers in `unit` ("元", "USD", "%", "kg"; "" where nobody says), of "date" ISO dates
    or months as text, of "year", "quarter" and "month" whole numbers, of "text" the cell's text.
    """

    name: str
    kind: ColumnKind
    unit: str = ""
    distinct: int = 0  # how many different values there are
    texts: tuple[str, ...] = ()  # the different values of kind "text", where they are few
    unread: int = 0  # cells that hold something else than this kind; they count as empty


@dataclass(frozen=True)
class DataTable:
    """A stored table as values to compute with. Its cells' own texts stand on the page.

    Rows that hold totals are kept, but apart: no computation counts them twice.
    """

    id: int
    document_id: int
    title: str  # of its document
    page: int  # the first one, where it goes over several
    label: str  # of that page: a sheet's name
    caption: str  # the heading or line above it, "" where there is none
    columns: tuple[Column, ...]
    rows: int  # without totals
    # Of like sheets taken as one table: each of them with what its rows have in the last column, the sheet's.
    parts: tuple[tuple[DataTable, str | float], ...] = ()


@dataclass(frozen=True)
class Page:
    """One page, slide or sheet of a file, as the text that quotes are proven against."""

    number: int
    text: str
    kind: PageKind = "text"
    label: str = ""
    headings: tuple[Heading, ...] = ()
    tables: tuple[Table, ...] = ()
    language: str = ""  # the most likely one, as ISO 639 writes it; "" where nothing tells
    recognised: bool = False  # its text was read off a picture, and may have slips
    body: tuple[int, int] | None = None  # what chunks are made of, None for all: not the running head, for one
    runs_over: tuple[int, str] | None = None  # where text of the next page begins, to end a sentence; its label


@dataclass(frozen=True)
class ChunkSize:
    """How long chunks are: usual length, and the text that is repeated from the chunk before."""

    characters: int = 350
    overlap_characters: int = 50


Level = Literal["read", "write", "manage"]  # each with what the ones before it may
LEVELS: tuple[Level, ...] = ("read", "write", "manage")


@dataclass(frozen=True)
class User:
    """A person who signed in. `names` are all by which something can be granted to them, `id` is one of these."""

    id: str
    names: frozenset[str]
    groups: frozenset[str]
    shown: str
    is_administrator: bool = False


@dataclass(frozen=True)
class Grant:
    """What a person or a group may do with a knowledge base."""

    kind: Literal["user", "group"]
    name: str
    level: Level


@dataclass(frozen=True)
class Sharing:
    """Who may do what with a knowledge base: everyone who signed in, persons and groups."""

    everyone: Level | None
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class KnownUser:
    """Who has signed in, in which groups (with commas between them) and when last (ISO 8601)."""

    user: str
    groups: str
    seen_at: str


@dataclass(frozen=True)
class AuditLine:
    """What a user did, and when (ISO 8601)."""

    at: str
    user: str
    action: str
    knowledge_base: str
    detail: str


@dataclass(frozen=True)
class Service:
    """A model that another program serves: its address, its name there, the key, and what goes before its texts.

    Prefixes that are None are those that are known for the model's name.
    """

    address: str
    model: str | None = None
    key: str | None = field(default=None, repr=False)
    query_prefix: str | None = None
    passage_prefix: str | None = None


@dataclass(frozen=True)
class Chunk:
    """A piece of a page, from where it is split off until retrieval hands it out as a LangChain `Document`.

    `text` is literally `page.text[metadata[START]:metadata[END]]`; `metadata` has the keys PAGE to ROW_END. What is
    embedded and searched is the text with `title` and headings before it (`chunking.indexed_text`).
    """

    text: str
    metadata: dict[str, Any]
    title: str  # of its document
    # Set by the embedder:
    vector: NDArray[numpy.float32] | None = None
    token_signs: bytes = b""  # of the token vectors, see embedding/token_signs.py; empty where there are none
    # Set by the library:
    id: str = ""
    document_id: int = 0
    source: str = ""


@dataclass(frozen=True)
class LoadedFile:
    """A file turned into pages. `pages_present` counts pages with and without text."""

    title: str
    pages: tuple[Page, ...]
    pages_present: int
    encoding: str = ""
    note: Message | None = None  # what the user should know: "2 of 7 pages are scans without text"
    remedy: Message | None = None


@dataclass(frozen=True)
class NewDocument:
    """A file on its way into the library; each stage fills in more: named, measured, read, split, embedded."""

    source: str
    title: str
    sha256: str = ""
    size_bytes: int = 0
    pages: tuple[Page, ...] = ()
    pages_present: int = 0
    chunks: Sequence[Chunk] = ()
    encoding: str = ""
    reason: Message | None = None
    remedy: Message | None = None


@dataclass(frozen=True)
class Verdict:
    """What became of one file."""

    source: str
    title: str
    status: FileStatus
    reason: Message | None = None
    remedy: Message | None = None
    pages_indexed: int = 0
    pages_present: int = 0
    chunks: int = 0
    encoding: str = ""


@dataclass(frozen=True)
class IngestProgress:
    """One step of an ingest: which file, which stage, how far; `verdict` is set when the file is done."""

    source: str
    stage: Literal["queued", "reading", "embedding", "writing", "done"]
    file_number: int  # 1-based
    files: int
    verdict: Verdict | None = None
    share: float = 0.0  # of the stage's work on this file, 0..1
    seconds_left: int = 0  # of the stage, as far as can be told; 0 where it cannot


@dataclass(frozen=True)
class DocumentRow:
    """One document of a knowledge base, as the ledger knows it."""

    id: int
    knowledge_base: str
    source: str
    title: str
    status: Literal["indexing", "ready", "failed", "retired"]
    sha256: str
    size_bytes: int
    pages_indexed: int
    pages_present: int
    chunks: int
    encoding: str
    reason: Message | None
    remedy: Message | None
    indexed_at: str  # ISO 8601, UTC
    other_names: tuple[str, ...] = ()  # sources with the same bytes that share these vectors
    tags: tuple[str, ...] = ()
    folder: str = ""  # of the library, where it was put into one; else it is in that of its file


@dataclass(frozen=True)
class Scope:
    """The documents that a question is held to; an empty one holds all.

    A scope holds a document that is named, lies in one of the folders or has one of the tags (where any of these is
    given), and that has one of the formats and was indexed within the dates (where these are given).
    """

    documents: tuple[int, ...] = ()  # ids
    folders: tuple[str, ...] = ()  # paths, or names of folders
    tags: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()  # ".pdf"
    since: str = ""  # ISO dates of indexing, both included
    until: str = ""

    def joined(self, other: Scope) -> Scope:
        """What either names; where both give a date, the other's counts."""
        return Scope(
            self.documents + other.documents,
            self.folders + other.folders,
            self.tags + other.tags,
            self.formats + other.formats,
            other.since or self.since,
            other.until or self.until,
        )


@dataclass(frozen=True)
class KnowledgeBase:
    """A knowledge base and the embedder its vectors were made with."""

    name: str
    embedder: str
    dimension: int
    documents: int
    pages: int
    chunks: int


@dataclass(frozen=True)
class Citation:
    """A sentence of the answer tied to the words of a passage that support it.

    `quote` is a literal substring of the stored page text: `page_text[quote_start:quote_end]`.
    """

    number: int  # the passage's number in the answer, 1-based
    sentence_start: int  # offsets of the supported sentence in the answer's text
    sentence_end: int
    quote: str
    quote_start: int
    quote_end: int
    support: float  # 0..1
    document: Document


@dataclass(frozen=True)
class Computation:
    """What an answer computed over a table: in words, as SQL, and what came out, as it is shown."""

    query: str
    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Turn:
    """One earlier question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True)
class Conversation:
    """One conversation in the list; its exchanges are read apart."""

    id: int
    title: str
    knowledge_base: str
    changed_at: str  # ISO 8601, UTC
    pinned: bool = False


@dataclass(frozen=True)
class Exchange:
    """A question and its answer; `answer` is None where none was finished: the machine was switched off, say."""

    id: int
    question: str
    asked_at: str
    answer: Answer | None
    rating: Literal[1, -1] | None = None  # what the user thinks of the answer
    note: str = ""  # and why


@dataclass(frozen=True)
class Question:
    """What is asked, and how, from the page or the command line to the chain.

    `standalone` is the question to search for where a user wrote it; else a follow-up is rewritten. `cancel` stops
    the answer, from any thread.
    """

    text: str
    history: Sequence[Turn] = ()
    standalone: str | None = None
    answer_anyway: bool = False  # also where there is too little evidence
    scope: Scope = Scope()  # the documents that it is held to
    cancel: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)


class Features(NamedTuple):
    """What the evidence for one passage is computed from."""

    lead: float = 0.0  # how much more of the question the passage holds than passages on other subjects do
    sentence: float = 0.0  # the share of the question in the passage's best sentence
    length: float = 0.0  # the logarithm of the number of the question's terms
    readable: float = 0.0  # the share of the question that the embedder reads
    cosine: float = 0.0  # between question and passage
    dense_lead: float = 0.0  # how much nearer the passage is than those on other subjects
    closeness_lead: float = 0.0  # how much nearer its words are
    is_foreign: float = 0.0  # 1 where the passage is in another language than the question
    is_chinese: float = 0.0  # 1 where both are in Chinese
    answers: float = 0.0  # the log odds that it answers, as the reader has it
    span: float = 0.0  # the logarithm of the reader's score of the likeliest answer in it
    is_vetoed: float = 0.0  # 1 where it lacks a number of the question, or the reader finds no answer anywhere


@dataclass(frozen=True)
class Reading:
    """What a passage has to say to a question: the likeliest answer is `page_content[start:end]`.

    `answers` is the probability (0..1) that the passage answers the question at all; `span_score` (0..1) is how sure
    the span is, given that it does. Both are the model's own, not calibrated for a library. `places` are the likeliest
    places apart from each other, best first: (start, end, the probability that the answer lies there or overlaps it).
    """

    start: int
    end: int
    answers: float
    span_score: float
    places: tuple[tuple[int, int, float], ...] = ()


@dataclass
class Candidate:
    """A passage that a search found, and what each stage made of it; the fields are filled in from top to bottom.

    Ranks count from 1; one is None where that search did not find the passage. A score is None where nothing was
    compared.
    """

    document: Document
    fused: float  # weighted sum of both searches
    keyword_score: float | None = None
    keyword_rank: int | None = None
    dense_score: float | None = None
    dense_rank: int | None = None
    closeness: float | None = None  # of the passage's words to the question's, 0..1
    score: float = 0.0  # what it is ranked by, 0..1
    reading: Reading | None = None  # of the first few, where there is a reader
    is_lacking: bool = False  # what the question names or asks for, such as a number or a form
    features: Features = field(default_factory=Features)
    evidence: float = 0.0  # probability that it bears on the question, 0..1
    fate: Message | None = None  # what became of it, such as "passage 1"


@dataclass(frozen=True)
class Trace:
    """How a retrieval came about: every candidate, best first."""

    dense_weight: float  # of the embedding search, 0..0.5
    features: Features  # of the passage whose evidence counts
    candidates: list[Candidate]


# What the chain streams, in this order: Rewritten, Retrieval, Waiting*, Thought*, Text*, Answer.
@dataclass(frozen=True)
class Rewritten:
    """The question that is searched for; `changed` when it differs from what was typed."""

    question: str
    standalone_question: str
    changed: bool


@dataclass(frozen=True)
class Retrieval:
    """The passages found, best first, and the evidence they give.

    `evidence` is the calibrated probability that they answer the question; under `threshold` no model is called,
    and the chain says so by `refused`. `trace` explains the result where our own retriever found it. `readings` has
    one entry for each document, None for one that was not read, and none at all where there is no reader. `question`
    is what was searched for, without polite words and typing errors; empty where another retriever found it.
    """

    documents: list[Document]
    evidence: float
    threshold: float
    readings: list[Reading | None] = field(default_factory=list, repr=False, compare=False)
    trace: Trace | None = field(default=None, repr=False, compare=False)
    refused: bool = False
    question: str = field(default="", repr=False, compare=False)


@dataclass(frozen=True)
class Waiting:
    """The question waits for the model: `position` 1 is next, 0 is being read by it."""

    position: int


@dataclass(frozen=True)
class Text:
    """A piece of the answer. With `anew` it takes the place of all before it, which was not part of the answer."""

    text: str
    anew: bool = False


@dataclass(frozen=True)
class Thought:
    """A piece of what a model thinks before it answers. With `anew` it takes the place of all thoughts before it."""

    text: str
    anew: bool = False


@dataclass(frozen=True)
class Answer:
    """An answer, as far as it has come: grown by events, whole in the chain's last one, stored and shown again.

    `text` is what the user sees: invalid marks removed, `[n]` after each supported sentence.
    `unsupported` are the (start, end) offsets in `text` of factual sentences without support.
    `seconds` are stage timings: rewrite, retrieve, first_token, generate.
    `note` is what the user should know of it: that it was cut off (its text says so too), or that the model said
    nothing and sentences are quoted instead.
    `thoughts` are what the model thought first: the page shows them folded away, and nothing else is made of them.
    """

    text: str = ""
    mode: Mode | None = None  # None while it grows
    standalone_question: str = ""  # what was searched for
    citations: list[Citation] = field(default_factory=list)
    unsupported: list[tuple[int, int]] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    tokens_per_second: float | None = None
    error: Message | None = None  # what the user was told, where the answer failed
    model: str = ""
    note: Message | None = None
    computations: tuple[Computation, ...] = ()
    thoughts: str = ""

    def after(self, event: AnswerEvent) -> Answer:
        """The answer as it is after the chain's next event."""
        if isinstance(event, Rewritten):
            return replace(self, standalone_question=event.standalone_question)
        if isinstance(event, Retrieval):
            return replace(self, documents=event.documents)
        if isinstance(event, Text):
            return replace(self, text=event.text if event.anew else self.text + event.text)
        if isinstance(event, Thought):
            return replace(self, thoughts=event.text if event.anew else self.thoughts + event.text)
        return event if isinstance(event, Answer) else self


AnswerEvent = Rewritten | Retrieval | Waiting | Thought | Text | Answer
