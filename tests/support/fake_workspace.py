"""A workspace in memory for the tests of the page: what it answers is set by the test. No model, no index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from langchain_core.documents import Document

from minicpm_rag.errors import ModelError, NotFoundError
from minicpm_rag.library.ledger import Ledger
from minicpm_rag.library.ledger import knowledge_bases as stored
from minicpm_rag.library.ledger.knowledge_bases import new_name
from minicpm_rag.library.listing import Listing
from minicpm_rag.llm.remote import Connection
from minicpm_rag.llm.speed import Speed
from minicpm_rag.messages import Message
from minicpm_rag.records import (
    Answer,
    AnswerEvent,
    Citation,
    DocumentRow,
    Heading,
    KnowledgeBase,
    Page,
    Question,
    Retrieval,
    Rewritten,
    Text,
)

HANDBOOK = (
    "# 员工手册\n\n## 年假\n\n员工入职满一年后，每年有 12 天带薪年假。年假须提前三天申请。\n\n"
    "## 报销\n\n差旅费用在出差结束后 30 天内报销。住宿标准为每晚 600 元以内。\n"
)
MANUAL = (
    "# X100 Manual\n\n## Cleaning\n\nRinse the filter with water every two weeks.\n\n"
    "## Error codes\n\nE3 means that the water tank is empty.\n"
)


def page_of(text: str) -> Page:
    headings, offset = [], 0
    for line in text.splitlines(keepends=True):
        if line.startswith("#"):
            level = len(line) - len(line.lstrip("#"))
            headings.append(Heading(offset, level, line.strip("# \n")))
        offset += len(line)
    return Page(1, text, headings=tuple(headings))


def row(number: int, title: str, **changes: Any) -> DocumentRow:
    values = DocumentRow(
        id=number,
        knowledge_base="default",
        source=f"/files/{title}",
        title=title,
        status="ready",
        sha256="0",
        size_bytes=20_480,
        pages_indexed=1,
        pages_present=1,
        chunks=3,
        encoding="",
        reason=None,
        remedy=None,
        indexed_at=f"2026-01-0{number}T00:00:00+00:00",
    )
    return replace(values, **changes)


def passage(page: Page, words: str, number: int, title: str, headings: str = "") -> Document:
    start = page.text.index(words)
    metadata = {
        "page": 1,
        "page_kind": "text",
        "page_label": "",
        "start": start,
        "end": start + len(words),
        "headings": headings,
        "table_header": "",
        "chunk_id": f"{number}:{start}",
        "document_id": number,
        "source": f"/files/{title}",
        "title": title,
        "score": 0.9,
        "evidence": 0.9,
    }
    return Document(id=metadata["chunk_id"], page_content=words, metadata=metadata)


class FakeWorker:
    def __init__(self, library: object, size: object, **options: object) -> None:
        pass

    def start(self) -> None:
        pass


class FakeLibrary:
    def __init__(self, pages: dict[int, Page] | None = None, rows: list[DocumentRow] | None = None) -> None:
        self.home = Path()
        self.first_pages = pages if pages is not None else {1: page_of(HANDBOOK), 2: page_of(MANUAL)}
        self.rows = rows if rows is not None else [row(1, "员工手册.md"), row(2, "x100-manual.md")]
        self.names = ["default"]
        self.number = 1  # of the knowledge base "default"
        self.unrecorded: dict[int, Exception] = {}
        self.user = None
        self.news: dict[str, Message] = {}

    def seen_by(self, user: Any) -> FakeLibrary:
        return self

    def sign_in(self) -> None:
        pass

    def note(self, *_: Any) -> None:
        pass

    def level(self, name: str) -> str:
        return "read"

    def users(self) -> list[Any]:
        return []

    def audit(self, limit: int) -> list[Any]:
        return []

    def find(self, connection: Any, name: str, need: str = "read") -> int:
        return stored.find(connection, name)

    def ensure(self, connection: Any, name: str) -> int:
        return stored.ensure(connection, name)

    @cached_property
    def ledger(self) -> Ledger:
        """A real one, for the queue of jobs that others fill."""
        return Ledger(Path(os.environ["MINICPM_RAG_HOME"]))

    def knowledge_bases(self) -> list[KnowledgeBase]:
        ready = [found for found in self.rows if found.status == "ready"]
        counts = {"default": (len(ready), len(ready), 3 * len(ready))}
        return [KnowledgeBase(name, "fake", 8, *counts.get(name, (0, 0, 0))) for name in self.names]

    def create(self, name: str) -> None:
        self.names.append(new_name(name))

    def rename(self, name: str, new_name: str) -> None:
        self.names[self.names.index(name)] = new_name

    def delete(self, name: str) -> None:
        self.names.remove(name)

    def reindex_news(self, knowledge_base: str) -> Message | None:
        return self.news.pop(knowledge_base, None)

    def version(self, knowledge_base: str) -> tuple[int, int]:
        return self.number, len(self.rows)

    def listing(self, knowledge_base: str) -> Listing:
        return Listing(self.documents(knowledge_base))

    def documents(self, knowledge_base: str) -> list[DocumentRow]:
        return self.rows if knowledge_base == "default" else []

    def document(self, document_id: int) -> DocumentRow:
        for found in self.rows:
            if found.id == document_id:
                return found
        raise NotFoundError("gone")

    def page(self, document_id: int, page_number: int) -> Page:
        if page_number != 1 or document_id not in self.first_pages:
            raise NotFoundError("gone")
        return self.first_pages[document_id]

    def page_text(self, document_id: int, page_number: int) -> str:
        return self.page(document_id, page_number).text

    def page_texts(self, document_id: int) -> dict[int, str]:
        return {1: self.first_pages[document_id].text}

    def pages(self, document_id: int) -> list[Page]:
        return [self.first_pages[document_id]]

    def original_path(self, document_id: int) -> Path | None:
        return None


@dataclass
class FakeChain:
    """Plays events; among them a number is a pause in seconds, a function is called, an exception is raised.

    Stops as the real one does.
    """

    workspace: FakeWorkspace
    options: dict[str, Any]

    def stream(self, question: Question) -> Iterator[AnswerEvent]:
        self.workspace.asked.append({"question": question, **self.options})
        answer = Answer()
        for step in self.workspace.script or usual_script(question.text):
            if isinstance(step, float):
                question.cancel.wait(step)
            elif callable(step):
                step()
            elif isinstance(step, Exception):
                raise step
            else:
                answer = answer.after(step)
                yield step
            if question.cancel.is_set():
                yield replace(answer, mode="stopped")
                return


@dataclass
class FakeWorkspace:
    library: FakeLibrary = field(default_factory=FakeLibrary)
    script: list[Any] | None = None
    mode: str = "extractive"
    model_name: str | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    used: list[Any] = field(default_factory=list)
    opened: int = 0

    def chain(self, knowledge_base: str, **options: Any) -> FakeChain:
        return FakeChain(self, {"knowledge_base": knowledge_base, **options})

    def seen_by(self, user: Any) -> FakeWorkspace:
        return self

    def warm(self) -> None:
        self.used.append("warm")

    def facts(self) -> dict[str, str]:
        return {
            "model": self.model_name or "", "family": "minicpm", "context": "4,096",
            "device": "cpu", "precision": "float32", "memory": "1.2 GB",
        }  # fmt: skip

    def measure_speed(self) -> Speed:
        return Speed(0.42, 17.3)

    def use_model(self, folder: Path | None) -> None:
        self.mode, self.model_name = ("extractive", None) if folder is None else ("model", folder.name)
        self.used.append(folder)

    def use_server(self, address: str, model: str | None, key: str | None) -> None:
        self.used.append((address, model, key))

    def test_server(self, address: str, model: str | None, key: str | None) -> Connection:
        if "nowhere" in address:
            raise ModelError("llm.server_unknown_host", url=address)
        return Connection(("bge-m3", "minicpm"), model or "minicpm", 8192, 0.25)

    def retriever(self, knowledge_base: str) -> FakeWorkspace:
        return self

    def retrieve(self, question: str, limit: int) -> Retrieval:
        found = passage(self.library.first_pages[1], "每年有 12 天带薪年假。", 1, "员工手册.md", "员工手册 > 年假")
        return Retrieval([found], 0.9, 0.5)


def usual_script(question: str) -> list[Any]:
    page = page_of(HANDBOOK)
    quote = "每年有 12 天带薪年假。"
    first = passage(page, quote, 1, "员工手册.md", "员工手册 > 年假")
    second = passage(
        page_of(MANUAL),
        "E3 means that the water tank is empty.",
        2,
        "x100-manual.md",
        "X100 Manual > Error codes",
    )
    text = "满一年的员工**每年有 12 天带薪年假**。[1] 此外公司还会在春节多放三天假。"
    start = text.index("此外")
    citation = Citation(1, 0, 22, quote, page.text.index(quote), page.text.index(quote) + len(quote), 0.95, first)
    return [
        Rewritten(question, question, False),
        Retrieval([first, second], 0.9, 0.5),
        *[Text(text[index : index + 4]) for index in range(0, len(text), 4)],
        Answer(text, "model", question, [citation], [(start, len(text))], [first, second],
               {"rewrite": 0.0, "retrieve": 0.21, "first_token": 0.64, "generate": 2.3}, 31.4),
    ]  # fmt: skip
