"""Conversations: questions and answers as they were shown, so that they outlive a restart.

Every conversation belongs to a user, and every function asks whose it is: nobody reads or changes another's.
It does not know who a user is (the page decides), nor how an answer is made or shown.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import LibraryError, NotFoundError
from minicpm_rag.library.ledger.checksums import OF_EXCHANGE
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.messages import Message
from minicpm_rag.records import Answer, Citation, Computation, Conversation, Exchange

if TYPE_CHECKING:
    from langchain_core.documents import Document

TITLE_CHARACTERS = 40

_SELECT = "SELECT id, title, knowledge_base, changed_at, pinned FROM conversations"
# Instead of an answer that is damaged there is a sentence; its question is shown as far as it can be read.
_IS_SOUND = f"exchanges.checksum IS {OF_EXCHANGE}"
_EXCHANGE = (
    f"SELECT exchanges.id, CASE WHEN {_IS_SOUND} THEN question ELSE hex(question) END AS question, asked_at, "
    f"CASE WHEN {_IS_SOUND} THEN answer END AS answer, rating, note, {_IS_SOUND} AS is_sound FROM exchanges"
)
_LAST_USED_FIRST = "ORDER BY pinned DESC, changed_at DESC, id DESC"


def listed(connection: Connection, user: str) -> list[Conversation]:
    """The user's conversations, pinned ones first, then the last used first."""
    rows = connection.execute(f"{_SELECT} WHERE owner = ? {_LAST_USED_FIRST}", (user,))
    return [_conversation(row) for row in rows]


def holding(connection: Connection, user: str, words: str) -> list[Conversation]:
    """Those of the user's conversations whose title, questions or answers hold the words as they are written."""
    pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    rows = connection.execute(
        f"{_SELECT} WHERE owner = ? AND (title LIKE ? ESCAPE '\\' OR EXISTS ("
        "SELECT 1 FROM exchanges WHERE conversation = conversations.id AND (question LIKE ? ESCAPE '\\' "
        f"OR CASE WHEN {_IS_SOUND} THEN json_extract(answer, '$.text') END LIKE ? ESCAPE '\\'))) {_LAST_USED_FIRST}",
        (user, pattern, pattern, pattern),
    )
    return [_conversation(row) for row in rows]


def _conversation(row: Any) -> Conversation:
    return replace(Conversation(*row), pinned=bool(row["pinned"]))


def get(connection: Connection, user: str, conversation: int) -> Conversation:
    """One conversation. Raises NotFoundError where it is gone or another's."""
    row = connection.execute(f"{_SELECT} WHERE owner = ? AND id = ?", (user, conversation)).fetchone()
    if row is None:
        raise NotFoundError("library.no_conversation", number=conversation)
    return _conversation(row)


def create(connection: Connection, user: str, knowledge_base: str, title: str) -> Conversation:
    """Begin a conversation; without a title its first question becomes one."""
    row = connection.execute(
        "INSERT INTO conversations (owner, title, knowledge_base, changed_at) VALUES (?, ?, ?, ?) RETURNING id",
        (user, _shortened(title), knowledge_base, _now()),
    ).fetchone()
    return get(connection, user, int(row[0]))


def rename(connection: Connection, user: str, conversation: int, title: str) -> None:
    """Give a conversation another title. Raises LibraryError where it is blank."""
    if not title.strip():
        raise LibraryError("library.blank_title")
    get(connection, user, conversation)
    connection.execute("UPDATE conversations SET title = ? WHERE id = ?", (_shortened(title), conversation))


def pin(connection: Connection, user: str, conversation: int, pinned: bool) -> None:
    """Keep a conversation before the others, or no longer."""
    get(connection, user, conversation)
    connection.execute("UPDATE conversations SET pinned = ? WHERE id = ?", (int(pinned), conversation))


def delete(connection: Connection, user: str, conversation: int) -> None:
    """Delete a conversation with all its questions and answers."""
    get(connection, user, conversation)
    connection.execute("DELETE FROM conversations WHERE id = ?", (conversation,))


def exchanges(connection: Connection, user: str, conversation: int) -> list[Exchange]:
    """The questions and answers, oldest first."""
    get(connection, user, conversation)
    rows = connection.execute(f"{_EXCHANGE} WHERE conversation = ? ORDER BY id", (conversation,))
    return [_exchange(row) for row in rows]


def damaged(connection: Connection) -> list[tuple[str, int]]:
    """The titles of everybody's conversations with damaged questions or answers, and how many these are."""
    rows = connection.execute(
        "SELECT title, count(*) FROM exchanges JOIN conversations ON conversations.id = conversation "
        f"WHERE NOT {_IS_SOUND} GROUP BY conversation, title ORDER BY conversation"
    )
    return [(str(title), int(count)) for title, count in rows]


def reword(connection: Connection, user: str, conversation: int, exchange: int, question: str) -> None:
    """Put other words in the place of a question; its answer goes."""
    set_answer(connection, user, conversation, exchange, None)
    connection.execute(
        "UPDATE exchanges SET question = ? WHERE id = ? AND conversation = ?", (question, exchange, conversation)
    )
    _sum_up(connection, exchange)


def rate(connection: Connection, user: str, conversation: int, exchange: int, rating: int | None, note: str) -> None:
    """Keep what the user thinks of an answer: 1 good, -1 bad, None nothing."""
    get(connection, user, conversation)
    connection.execute(
        "UPDATE exchanges SET rating = ?, note = ? WHERE id = ? AND conversation = ?",
        (rating, note.strip(), exchange, conversation),
    )


def praised(connection: Connection, knowledge_base: str) -> list[Exchange]:
    """The exchanges about a knowledge base whose answers their users called good, whoever they are; oldest first."""
    rows = connection.execute(
        f"{_EXCHANGE} JOIN conversations ON conversations.id = conversation "
        f"WHERE rating = 1 AND answer IS NOT NULL AND {_IS_SOUND} AND knowledge_base = ? ORDER BY exchanges.id",
        (knowledge_base,),
    )
    return [_exchange(row) for row in rows]


def _exchange(row: Any) -> Exchange:
    question, answer = row["question"], _decoded(json.loads(row["answer"])) if row["answer"] else None
    if not row["is_sound"]:
        question = bytes.fromhex(question).decode(errors="replace")
        answer = Answer(mode="failed", error=Message("library.answer_damaged"))
    return Exchange(row["id"], question, row["asked_at"], answer, row["rating"], row["note"])


def ask(connection: Connection, user: str, conversation: int, question: str) -> int:
    """Store a question that has no answer yet; returns the number of the exchange."""
    current = get(connection, user, conversation)
    row = connection.execute(
        "INSERT INTO exchanges (conversation, question, asked_at) VALUES (?, ?, ?) RETURNING id",
        (conversation, question, _now()),
    ).fetchone()
    connection.execute(
        "UPDATE conversations SET changed_at = ?, title = ? WHERE id = ?",
        (_now(), current.title or _shortened(question), conversation),
    )
    _sum_up(connection, int(row[0]))
    return int(row[0])


def set_answer(connection: Connection, user: str, conversation: int, exchange: int, answer: Answer | None) -> None:
    """Store the answer to a question in place of an earlier one and its rating; with None, delete it."""
    get(connection, user, conversation)
    encoded = None if answer is None else json.dumps(_encoded(answer), ensure_ascii=False)
    connection.execute(
        "UPDATE exchanges SET answer = ?, rating = NULL, note = '' WHERE id = ? AND conversation = ?",
        (encoded, exchange, conversation),
    )
    _sum_up(connection, exchange)


def _sum_up(connection: Connection, exchange: int) -> None:
    connection.execute(f"UPDATE exchanges SET checksum = {OF_EXCHANGE} WHERE id = ?", (exchange,))


def _shortened(text: str) -> str:
    """The text as a one-line title."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1] + "…"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def _encoded(answer: Answer) -> dict[str, Any]:
    bare = replace(answer, citations=[], documents=[], error=None, note=None)
    return asdict(bare) | {
        "error": answer.error.as_json() if answer.error else "",
        "note": answer.note.as_json() if answer.note else "",
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
            "note": Message.from_json(values.get("note", "")),
            "computations": tuple(map(_decoded_computation, values.get("computations", ()))),
        }
    )


def _decoded_computation(values: dict[str, Any]) -> Computation:
    return Computation(
        values["query"], values["sql"], tuple(values["columns"]), tuple(tuple(row) for row in values["rows"])
    )


def _decoded_document(values: dict[str, Any]) -> Document:
    from langchain_core.documents import Document

    return Document(id=values["id"], page_content=values["text"], metadata=values["metadata"])
