"""The ledger's rows about knowledge bases: names of any script, counts, generations.

Functions on a connection, inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
import unicodedata

from minicpm_rag.errors import LibraryError, NotFoundError
from minicpm_rag.library.ledger.documents import now
from minicpm_rag.messages import Message
from minicpm_rag.records import KnowledgeBase

LONGEST_NAME = 100


def listed(connection: sqlite3.Connection) -> list[KnowledgeBase]:
    """All knowledge bases with their counts, by name."""
    rows = connection.execute(
        "SELECT name, coalesce(embedder, '') AS embedder, coalesce(dimension, 0) AS dimension, "
        "count(documents.id) AS documents, coalesce(sum(pages_indexed), 0) AS pages, "
        "coalesce(sum(chunks), 0) AS chunks FROM knowledge_bases "
        "LEFT JOIN indexes ON indexes.kb_id = knowledge_bases.id AND indexes.status = 'current' "
        "LEFT JOIN documents ON documents.kb_id = knowledge_bases.id AND documents.status = 'ready' "
        "WHERE name IS NOT NULL GROUP BY knowledge_bases.id ORDER BY name"
    )
    return [KnowledgeBase(**dict(row)) for row in rows]


def find(connection: sqlite3.Connection, name: str) -> int:
    """The row id of a knowledge base. Raises NotFoundError naming those that exist."""
    row = connection.execute("SELECT id FROM knowledge_bases WHERE name = ?", (clean(name),)).fetchone()
    if row is not None:
        return int(row[0])
    names = [
        entry[0]
        for entry in connection.execute("SELECT name FROM knowledge_bases WHERE name IS NOT NULL ORDER BY name")
    ]
    known = Message("library.known_names", names=names) if names else Message("library.no_names")
    raise NotFoundError("library.no_knowledge_base", name=name, known=known)


def one(connection: sqlite3.Connection, name: str) -> KnowledgeBase:
    """A knowledge base with its counts. Raises NotFoundError naming those that exist."""
    find(connection, name)
    return next(entry for entry in listed(connection) if entry.name == clean(name))


def exists(connection: sqlite3.Connection, name: str) -> bool:
    """Whether there is a knowledge base of that name."""
    return connection.execute("SELECT 1 FROM knowledge_bases WHERE name = ?", (clean(name),)).fetchone() is not None


def create(connection: sqlite3.Connection, name: str) -> int:
    """Make an empty knowledge base. Raises LibraryError where the name is taken or unusable."""
    if exists(connection, name):
        raise LibraryError("library.name_taken", name=name)
    cursor = connection.execute("INSERT INTO knowledge_bases(name, created_at) VALUES (?, ?)", (clean(name), now()))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def ensure(connection: sqlite3.Connection, name: str) -> int:
    """The row id of the knowledge base of that name, made where it is missing."""
    connection.execute(
        "INSERT INTO knowledge_bases(name, created_at) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        (clean(name), now()),
    )
    return find(connection, name)


def create_hidden(connection: sqlite3.Connection) -> int:
    """Make a knowledge base without a name, to be filled and then revealed."""
    cursor = connection.execute("INSERT INTO knowledge_bases(name, created_at) VALUES (NULL, ?)", (now(),))
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def reveal(connection: sqlite3.Connection, kb_id: int, name: str) -> None:
    """Name a hidden knowledge base. Raises LibraryError where the name was taken meanwhile."""
    if exists(connection, name):
        raise LibraryError("library.name_taken", name=name)
    connection.execute("UPDATE knowledge_bases SET name = ? WHERE id = ?", (clean(name), kb_id))


def rename(connection: sqlite3.Connection, name: str, new_name: str) -> None:
    """Give a knowledge base another name."""
    kb_id = find(connection, name)
    if exists(connection, new_name) and find(connection, new_name) != kb_id:
        raise LibraryError("library.name_taken", name=new_name)
    connection.execute("UPDATE knowledge_bases SET name = ? WHERE id = ?", (clean(new_name), kb_id))


def delete(connection: sqlite3.Connection, name: str) -> None:
    """Take the name away, which hides everything; the owner clears the rest."""
    kb_id = find(connection, name)
    connection.execute("UPDATE knowledge_bases SET name = NULL, generation = generation + 1 WHERE id = ?", (kb_id,))


def generation(connection: sqlite3.Connection, kb_id: int) -> int:
    """A number that grows with every change of what can be found."""
    return int(connection.execute("SELECT generation FROM knowledge_bases WHERE id = ?", (kb_id,)).fetchone()[0])


def of_document(connection: sqlite3.Connection, document_id: int) -> int:
    """The knowledge base a document belongs to."""
    return int(connection.execute("SELECT kb_id FROM documents WHERE id = ?", (document_id,)).fetchone()[0])


def name_of(connection: sqlite3.Connection, kb_id: int) -> str:
    """The present name of a knowledge base. Raises NotFoundError where it was deleted."""
    row = connection.execute("SELECT name FROM knowledge_bases WHERE id = ?", (kb_id,)).fetchone()
    if row is None or row[0] is None:
        raise NotFoundError("library.knowledge_base_deleted")
    return str(row[0])


def names(connection: sqlite3.Connection) -> dict[int, str]:
    """The name of each knowledge base by its row id."""
    return dict(connection.execute("SELECT id, name FROM knowledge_bases WHERE name IS NOT NULL").fetchall())


def clean(name: str) -> str:
    """The name as it is stored. Raises LibraryError where it cannot be one."""
    text = unicodedata.normalize("NFC", name.strip())
    if not text or len(text) > LONGEST_NAME or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise LibraryError("library.unusable_name", name=name, most=LONGEST_NAME)
    return text
