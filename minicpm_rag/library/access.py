"""Whether a user may do what is asked: the one place that everything of the library passes through.

Without a user everything is allowed, as in a library of one person and on the command line. To a user, what is hidden
is as if it were not there: the error is the one for a name or number that does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence

from minicpm_rag.errors import AccessError, NotFoundError
from minicpm_rag.library.ledger import documents, knowledge_bases, people
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.library.ledger.jobs import Job
from minicpm_rag.messages import Message
from minicpm_rag.records import LEVELS, Level, User


def find(connection: Connection, name: str, user: User | None, need: Level) -> int:
    """The row id of a knowledge base on which the user has the level `need`. Raises NotFoundError, AccessError."""
    if user is None:
        return knowledge_bases.find(connection, name)
    levels = people.levels(connection, user)
    held = None
    if knowledge_bases.exists(connection, name):
        kb_id = knowledge_bases.find(connection, name)
        held = levels.get(kb_id)
    if held is None:
        names = [known for number, known in knowledge_bases.names(connection).items() if number in levels]
        known = Message("library.known_names", names=sorted(names)) if names else Message("library.no_names")
        raise NotFoundError("library.no_knowledge_base", name=name, known=known)
    _suffices(held, need, name)
    return kb_id


def require_documents(connection: Connection, numbers: Sequence[int], user: User | None, need: Level) -> None:
    """Raise NotFoundError, or AccessError, where a document is of a knowledge base that the user may not so use."""
    if user is None:
        return
    levels = people.levels(connection, user)
    for number in numbers:
        documents.one(connection, number)
        held = levels.get(kb_id := documents.knowledge_base_of(connection, number))
        if held is None:
            raise NotFoundError("library.no_document", number=number)
        _suffices(held, need, knowledge_bases.name_of(connection, kb_id))


def visible_chunks(connection: Connection, ids: Sequence[str], user: User | None) -> list[str]:
    """Those of the chunks that the user may read."""
    if user is None:
        return list(ids)
    levels = people.levels(connection, user)
    indexes = people.knowledge_bases_of_indexes(connection)
    return [one for one in ids if indexes.get(_index_of(one)) in levels]


def may(connection: Connection, job: Job, user: User | None, need: Level) -> bool:
    """Whether the user may see a job (read), or end it (write). One without a knowledge base is its maker's."""
    if user is None:
        return True
    if job.kb_id is None:
        return job.arguments.get("user") == user.id
    held = people.level(connection, job.kb_id, user)
    return held is not None and LEVELS.index(held) >= LEVELS.index(need)


def _index_of(chunk: str) -> int:
    first = chunk.partition("-")[0]
    return int(first) if first.isdecimal() else -1


def _suffices(held: Level, need: Level, name: str) -> None:
    if LEVELS.index(held) < LEVELS.index(need):
        raise AccessError("library.may_not_manage" if need == "manage" else "library.may_not_write", name=name)
