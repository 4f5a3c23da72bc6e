"""Conversations, kept in tables of their own in the ledger's SQLite file, so that they outlive a restart.

Every conversation has an owner, and every function asks for it: nobody reads or changes another's.
It does not know who an owner is (the page decides), nor how an answer is made or shown.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import LibraryError, NotFoundError
from minicpm_rag.library.ledger import translated, write_ahead
from minicpm_rag.messages import reason_of
from minicpm_rag.records import Citation, Conversation, Exchange, Finished, StoredAnswer, Turn

if TYPE_CHECKING:
    from langchain_core.documents import Document

BUSY_SECONDS = 10.0  # another process may be writing a document into the same file
TITLE_CHARACTERS = 40

_TABLES = """
CREATE TABLE IF NOT EXISTS conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    title TEXT NOT NULL,
    knowledge_base TEXT NOT NULL,
    changed_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS conversations_by_owner ON conversations (owner, changed_at);
CREATE TABLE IF NOT EXISTS exchanges (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    question TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    answer TEXT
);
CREATE INDEX IF NOT EXISTS exchanges_by_conversation ON exchanges (conversation);
"""


def stored(finished: Finished, *, standalone_question: str = "", model: str = "") -> StoredAnswer:
    """The part of a finished answer that is kept."""
    return StoredAnswer(
        text=finished.text,
        mode=finished.mode,
        standalone_question=standalone_question,
        citations=list(finished.citations),
        unsupported=[(start, end) for start, end in finished.unsupported],
        documents=list(finished.documents),
        seconds=dict(finished.seconds),
        tokens_per_second=finished.tokens_per_second,
        model=model,
    )


class Conversations:
    """The conversations of one home folder. Thread-safe; close it when done."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise LibraryError("library.home_not_made", folder=file.parent, why=reason_of(exc)) from exc
        with translated(file):
            self._connection = sqlite3.connect(
                file, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
            write_ahead(self._connection)
            # A killed process loses nothing; only a power cut may lose the last answer. A full sync took
            # up to a second on a busy disk, in which a stopped answer stood still.
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.executescript(_TABLES)
        self._file = file

    def close(self) -> None:
        """Close the file; harmless when repeated."""
        with self._lock:
            self._connection.close()

    def listed(self, owner: str) -> list[Conversation]:
        """The owner's conversations, the last used first."""
        rows = self._read(
            "SELECT id, title, knowledge_base, changed_at FROM conversations WHERE owner = ? "
            "ORDER BY changed_at DESC, id DESC",
            (owner,),
        )
        return [Conversation(*row) for row in rows]

    def get(self, owner: str, conversation: int) -> Conversation:
        """One conversation. Raises NotFoundError where it is gone or another's."""
        rows = self._read(
            "SELECT id, title, knowledge_base, changed_at FROM conversations WHERE owner = ? AND id = ?",
            (owner, conversation),
        )
        if not rows:
            raise NotFoundError("library.no_conversation", number=conversation)
        return Conversation(*rows[0])

    def create(self, owner: str, knowledge_base: str, title: str = "") -> Conversation:
        """Begin a conversation; without a title its first question becomes one."""
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT INTO conversations (owner, title, knowledge_base, changed_at) VALUES (?, ?, ?, ?)",
                (owner, shortened(title), knowledge_base, _now()),
            )
            assert cursor.lastrowid is not None
            return self.get(owner, cursor.lastrowid)

    def rename(self, owner: str, conversation: int, title: str) -> None:
        """Give a conversation another title. Raises LibraryError where it is blank."""
        if not title.strip():
            raise LibraryError("library.blank_title")
        with self._writing() as connection:
            self.get(owner, conversation)
            connection.execute(
                "UPDATE conversations SET title = ? WHERE owner = ? AND id = ?",
                (shortened(title), owner, conversation),
            )

    def delete(self, owner: str, conversation: int) -> None:
        """Delete a conversation with all its questions and answers."""
        with self._writing() as connection:
            self.get(owner, conversation)
            connection.execute("DELETE FROM conversations WHERE owner = ? AND id = ?", (owner, conversation))

    def exchanges(self, owner: str, conversation: int) -> list[Exchange]:
        """The questions and answers, oldest first."""
        self.get(owner, conversation)
        rows = self._read(
            "SELECT id, question, asked_at, answer FROM exchanges WHERE conversation = ? ORDER BY id",
            (conversation,),
        )
        return [Exchange(row[0], row[1], row[2], row[3] and _decoded(json.loads(row[3]))) for row in rows]

    def ask(self, owner: str, conversation: int, question: str) -> int:
        """Keep a question before it is answered, so that nothing that happens next can lose it."""
        with self._writing() as connection:
            current = self.get(owner, conversation)
            cursor = connection.execute(
                "INSERT INTO exchanges (conversation, question, asked_at) VALUES (?, ?, ?)",
                (conversation, question, _now()),
            )
            connection.execute(
                "UPDATE conversations SET changed_at = ?, title = ? WHERE id = ?",
                (_now(), current.title or shortened(question), conversation),
            )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def answer(self, owner: str, conversation: int, exchange: int, answer: StoredAnswer) -> None:
        """Keep the answer to a question, in place of an earlier one."""
        with self._writing() as connection:
            self.get(owner, conversation)
            connection.execute(
                "UPDATE exchanges SET answer = ? WHERE id = ? AND conversation = ?",
                (json.dumps(_encoded(answer), ensure_ascii=False), exchange, conversation),
            )

    def forget_answer(self, owner: str, conversation: int, exchange: int) -> None:
        """Take an answer back, because its question is being answered anew."""
        with self._writing() as connection:
            self.get(owner, conversation)
            connection.execute(
                "UPDATE exchanges SET answer = NULL WHERE id = ? AND conversation = ?",
                (exchange, conversation),
            )

    def history(self, owner: str, conversation: int, before: int | None = None) -> list[Turn]:
        """The answered questions, oldest first, as a follow-up needs them, `before` an exchange."""
        return [
            Turn(exchange.question, exchange.answer.text)
            for exchange in self.exchanges(owner, conversation)
            if exchange.answer is not None
            and exchange.answer.mode in ("model", "extractive", "stopped")
            and exchange.answer.text
            and (before is None or exchange.id < before)
        ]

    def _read(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        with self._lock, translated(self._file):
            return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self._file):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk has already rolled it back
                    self._connection.execute("ROLLBACK")
                raise


def shortened(text: str) -> str:
    """The text as a one-line title."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1] + "…"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def _encoded(answer: StoredAnswer) -> dict[str, Any]:
    bare = replace(answer, citations=[], documents=[])
    return asdict(bare) | {
        "documents": [_encoded_document(document) for document in answer.documents],
        "citations": [
            asdict(replace(citation, document=None))  # type: ignore[arg-type]
            | {"document": _encoded_document(citation.document)}
            for citation in answer.citations
        ],
    }


def _encoded_document(document: Document) -> dict[str, Any]:
    return {"id": document.id, "text": document.page_content, "metadata": document.metadata}


def _decoded(values: dict[str, Any]) -> StoredAnswer:
    return StoredAnswer(
        **values
        | {
            "documents": [_decoded_document(document) for document in values["documents"]],
            "citations": [
                Citation(**citation | {"document": _decoded_document(citation["document"])})
                for citation in values["citations"]
            ],
            "unsupported": [(start, end) for start, end in values["unsupported"]],
        }
    )


def _decoded_document(values: dict[str, Any]) -> Document:
    from langchain_core.documents import Document

    return Document(id=values["id"], page_content=values["text"], metadata=values["metadata"])
