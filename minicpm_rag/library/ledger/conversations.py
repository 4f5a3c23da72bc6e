"""Conversations: questions and answers as they were shown, so that they outlive a restart.

Every conversation belongs to a user, and every function asks whose it is: nobody reads or changes another's.
It does not know who a user is (the page decides), nor how an answer is made or shown.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import LibraryError, NotFoundError
from minicpm_rag.library.ledger import Ledger
from minicpm_rag.messages import Message
from minicpm_rag.records import Answer, Citation, Conversation, Exchange, Turn

if TYPE_CHECKING:
    from langchain_core.documents import Document

TITLE_CHARACTERS = 40

_SELECT = "SELECT id, title, knowledge_base, changed_at FROM conversations"


class Conversations:
    """The conversations that a ledger keeps. Thread-safe; close it when done."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def close(self) -> None:
        """Close the ledger; harmless when repeated."""
        self._ledger.close()

    def listed(self, owner: str) -> list[Conversation]:
        """The owner's conversations, the last used first."""
        with self._ledger.reading() as connection:
            rows = connection.execute(
                f"{_SELECT} WHERE owner = ? ORDER BY changed_at DESC, id DESC", (owner,)
            ).fetchall()
        return [Conversation(*row) for row in rows]

    def get(self, owner: str, conversation: int) -> Conversation:
        """One conversation. Raises NotFoundError where it is gone or another's."""
        with self._ledger.reading() as connection:
            return _get(connection, owner, conversation)

    def create(self, owner: str, knowledge_base: str, title: str = "") -> Conversation:
        """Begin a conversation; without a title its first question becomes one."""
        with self._ledger.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO conversations (owner, title, knowledge_base, changed_at) VALUES (?, ?, ?, ?)",
                (owner, shortened(title), knowledge_base, _now()),
            )
            assert cursor.lastrowid is not None
            return _get(connection, owner, cursor.lastrowid)

    def rename(self, owner: str, conversation: int, title: str) -> None:
        """Give a conversation another title. Raises LibraryError where it is blank."""
        if not title.strip():
            raise LibraryError("library.blank_title")
        with self._ledger.writing() as connection:
            _get(connection, owner, conversation)
            connection.execute(
                "UPDATE conversations SET title = ? WHERE owner = ? AND id = ?",
                (shortened(title), owner, conversation),
            )

    def delete(self, owner: str, conversation: int) -> None:
        """Delete a conversation with all its questions and answers."""
        with self._ledger.writing() as connection:
            _get(connection, owner, conversation)
            connection.execute("DELETE FROM conversations WHERE owner = ? AND id = ?", (owner, conversation))

    def exchanges(self, owner: str, conversation: int) -> list[Exchange]:
        """The questions and answers, oldest first."""
        with self._ledger.reading() as connection:
            _get(connection, owner, conversation)
            rows = connection.execute(
                "SELECT id, question, asked_at, answer FROM exchanges WHERE conversation = ? ORDER BY id",
                (conversation,),
            ).fetchall()
        return [Exchange(row[0], row[1], row[2], row[3] and _decoded(json.loads(row[3]))) for row in rows]

    def ask(self, owner: str, conversation: int, question: str) -> int:
        """Keep a question before it is answered, so that nothing that happens next can lose it."""
        with self._ledger.writing() as connection:
            current = _get(connection, owner, conversation)
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

    def answer(self, owner: str, conversation: int, exchange: int, answer: Answer) -> None:
        """Keep the answer to a question, in place of an earlier one."""
        self._set_answer(owner, conversation, exchange, json.dumps(_encoded(answer), ensure_ascii=False))

    def forget_answer(self, owner: str, conversation: int, exchange: int) -> None:
        """Delete an answer, because its question is being answered again."""
        self._set_answer(owner, conversation, exchange, None)

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

    def _set_answer(self, owner: str, conversation: int, exchange: int, encoded: str | None) -> None:
        with self._ledger.writing() as connection:
            _get(connection, owner, conversation)
            connection.execute(
                "UPDATE exchanges SET answer = ? WHERE id = ? AND conversation = ?", (encoded, exchange, conversation)
            )


def _get(connection: sqlite3.Connection, owner: str, conversation: int) -> Conversation:
    row = connection.execute(f"{_SELECT} WHERE owner = ? AND id = ?", (owner, conversation)).fetchone()
    if row is None:
        raise NotFoundError("library.no_conversation", number=conversation)
    return Conversation(*row)


def shortened(text: str) -> str:
    """The text as a one-line title."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1] + "…"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def _encoded(answer: Answer) -> dict[str, Any]:
    bare = replace(answer, citations=[], documents=[], error=None)
    return asdict(bare) | {
        "error": answer.error.as_json() if answer.error else "",
        "documents": [_encoded_document(document) for document in answer.documents],
        "citations": [
            asdict(replace(citation, document=None))  # type: ignore[arg-type]
            | {"document": _encoded_document(citation.document)}
            for citation in answer.citations
        ],
    }


def _encoded_document(document: Document) -> dict[str, Any]:
    return {"id": document.id, "text": document.page_content, "metadata": document.metadata}


def _decoded(values: dict[str, Any]) -> Answer:
    return Answer(
        **values
        | {
            "documents": [_decoded_document(document) for document in values["documents"]],
            "citations": [
                Citation(**citation | {"document": _decoded_document(citation["document"])})
                for citation in values["citations"]
            ],
            "unsupported": [(start, end) for start, end in values["unsupported"]],
            "error": Message.from_json(values["error"]),
        }
    )


def _decoded_document(values: dict[str, Any]) -> Document:
    from langchain_core.documents import Document

    return Document(id=values["id"], page_content=values["text"], metadata=values["metadata"])
