"""Knowledge bases: their names, versions, indexes, and small values kept beside these.

A knowledge base without a name is hidden from every reader: one that was deleted, or an import under way. It has one
current index, which questions are asked of, and one being built while it is reindexed.
"""

from __future__ import annotations

import json
import unicodedata
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from minicpm_rag.errors import EmbedderMismatchError, LibraryError, NotFoundError
from minicpm_rag.library.ledger import halfvecs, keywords, now, tables
from minicpm_rag.library.ledger.connection import Connection, is_sqlite
from minicpm_rag.messages import LANGUAGES, Message, text
from minicpm_rag.records import KnowledgeBase

LONGEST_NAME = 100
MADE_TO_FILL = "made_to_fill"  # the key of a setting: it was not asked for by itself, and nothing has come into it yet
DEFAULT = "default"  # the one that is there before any was made; the page shows its name translated


@dataclass(frozen=True)
class Index:
    """One set of chunks, vectors and keywords of a knowledge base."""

    id: int
    kb_id: int
    collection: str  # its name in Chroma
    embedder: str
    dimension: int
    revision: str


def listed(connection: Connection) -> list[KnowledgeBase]:
    """All knowledge bases with their counts, by name."""
    rows = connection.execute(
        "SELECT name, coalesce(embedder, '') AS embedder, coalesce(dimension, 0) AS dimension, "
        "count(documents.id) AS documents, coalesce(sum(pages_indexed), 0) AS pages, "
        "coalesce(sum(chunks), 0) AS chunks FROM knowledge_bases "
        "LEFT JOIN indexes ON indexes.kb_id = knowledge_bases.id AND indexes.status = 'current' "
        "LEFT JOIN documents ON documents.kb_id = knowledge_bases.id AND documents.status = 'ready' "
        "WHERE name IS NOT NULL GROUP BY knowledge_bases.id, indexes.id ORDER BY name"
    )
    return [KnowledgeBase(**dict(row)) for row in rows]


def states(connection: Connection) -> list[tuple[int, str, int, int | None]]:
    """The id, name, version and current index of each; where none has changed, `listed` finds what it found before."""
    rows = connection.execute(
        "SELECT knowledge_bases.id, name, version, indexes.id FROM knowledge_bases "
        "LEFT JOIN indexes ON indexes.kb_id = knowledge_bases.id AND indexes.status = 'current' "
        "WHERE name IS NOT NULL ORDER BY knowledge_bases.id"
    )
    return [tuple(row) for row in rows]


def find(connection: Connection, name: str) -> int:
    """The row id of a knowledge base. Raises NotFoundError naming those that exist."""
    row = connection.execute("SELECT id FROM knowledge_bases WHERE name = ?", (clean(name),)).fetchone()
    if row is not None:
        return int(row[0])
    names = [
        entry[0]
        for entry in connection.execute("SELECT name FROM knowledge_bases WHERE name IS NOT NULL ORDER BY name")
    ]
    if not names:
        raise NotFoundError("library.nothing_yet")
    raise NotFoundError("library.no_knowledge_base", name=name, known=Message("library.known_names", names=names))


def one(connection: Connection, name: str) -> KnowledgeBase:
    """A knowledge base with its counts. Raises NotFoundError naming those that exist."""
    find(connection, name)
    return next(entry for entry in listed(connection) if entry.name == clean(name))


def exists(connection: Connection, name: str) -> bool:
    """Whether there is a knowledge base of that name."""
    return connection.execute("SELECT 1 FROM knowledge_bases WHERE name = ?", (clean(name),)).fetchone() is not None


def create(connection: Connection, name: str) -> int:
    """Make an empty knowledge base. Raises LibraryError where the name is taken or unusable."""
    if exists(connection, name):
        raise LibraryError("library.name_taken", name=name)
    return _insert(connection, new_name(name))


def ensure(connection: Connection, name: str) -> int:
    """The row id of the knowledge base of that name, made where it is missing."""
    return find(connection, name) if exists(connection, name) else create(connection, name)


def create_hidden(connection: Connection) -> int:
    """Make a knowledge base without a name, to be filled and then revealed."""
    return _insert(connection, None)


def _insert(connection: Connection, name: str | None) -> int:
    row = connection.execute(
        "INSERT INTO knowledge_bases(name, created_at) VALUES (?, ?) RETURNING id", (name, now())
    ).fetchone()
    return int(row[0])


def reveal(connection: Connection, kb_id: int, name: str) -> None:
    """Name a hidden knowledge base. Raises LibraryError where the name was taken meanwhile."""
    if exists(connection, name):
        raise LibraryError("library.name_taken", name=name)
    connection.execute("UPDATE knowledge_bases SET name = ? WHERE id = ?", (new_name(name), kb_id))


def rename(connection: Connection, name: str, wanted: str) -> None:
    """Give a knowledge base another name."""
    kb_id = find(connection, name)
    if exists(connection, wanted):
        if find(connection, wanted) == kb_id:
            return
        raise LibraryError("library.name_taken", name=wanted)
    connection.execute("UPDATE knowledge_bases SET name = ? WHERE id = ?", (new_name(wanted), kb_id))


def hide(connection: Connection, kb_id: int) -> None:
    """Take the name away, which hides everything; the owner clears the rest."""
    connection.execute("UPDATE knowledge_bases SET name = NULL WHERE id = ?", (kb_id,))
    note_change(connection, kb_id)


def clear_hidden(connection: Connection) -> list[int]:
    """Delete the rows of hidden knowledge bases whose indexes are gone already; returns their row ids."""
    hidden = [
        row[0]
        for row in connection.execute(
            "SELECT id FROM knowledge_bases WHERE name IS NULL AND id NOT IN (SELECT kb_id FROM indexes)"
        )
    ]
    for kb_id in hidden:
        for (document_id,) in connection.execute("SELECT id FROM documents WHERE kb_id = ?", (kb_id,)).fetchall():
            tables.remove(connection, document_id)
            connection.execute("DELETE FROM tags WHERE document_id = ?", (document_id,))
        connection.execute(
            "DELETE FROM pages WHERE document_id IN (SELECT id FROM documents WHERE kb_id = ?)", (kb_id,)
        )
        for table in ("names", "documents", "settings"):
            connection.execute(f"DELETE FROM {table} WHERE kb_id = ?", (kb_id,))
        connection.execute("DELETE FROM knowledge_bases WHERE id = ?", (kb_id,))
    return hidden


def version(connection: Connection, kb_id: int) -> int:
    """A number that grows with every change of what can be found."""
    return int(connection.execute("SELECT version FROM knowledge_bases WHERE id = ?", (kb_id,)).fetchone()[0])


def note_change(connection: Connection, kb_id: int) -> None:
    """Say that what is listed or found in the knowledge base has changed, once this transaction is kept."""
    connection.execute("UPDATE knowledge_bases SET version = version + 1 WHERE id = ?", (kb_id,))


def setting(connection: Connection, kb_id: int, key: str) -> Any:
    """The JSON value stored under the key, or None."""
    row = connection.execute("SELECT value FROM settings WHERE kb_id = ? AND key = ?", (kb_id, key)).fetchone()
    return None if row is None else json.loads(row[0])


def settings(connection: Connection, kb_id: int) -> dict[str, Any]:
    """All JSON values stored for the knowledge base, by key."""
    rows = connection.execute("SELECT key, value FROM settings WHERE kb_id = ? ORDER BY key", (kb_id,))
    return {row["key"]: json.loads(row["value"]) for row in rows}


def set_setting(connection: Connection, kb_id: int, key: str, value: Any) -> None:
    """Store a JSON value under the key, in place of the one before."""
    connection.execute(
        "INSERT INTO settings(kb_id, key, value) VALUES (?, ?, ?) "
        "ON CONFLICT (kb_id, key) DO UPDATE SET value = excluded.value",
        (kb_id, key, json.dumps(value, ensure_ascii=False)),
    )


def forget_setting(connection: Connection, kb_id: int, key: str) -> None:
    """Store nothing under the key any more."""
    connection.execute("DELETE FROM settings WHERE kb_id = ? AND key = ?", (kb_id, key))


def is_wanted(connection: Connection, kb_id: int) -> bool:
    """Whether anything is in it, failed files among it, or is on its way there."""
    held = ("documents", "arrivals", "jobs")
    chosen = {"jobs": " AND status IN ('queued', 'running')"}
    return any(
        connection.execute(f"SELECT 1 FROM {table} WHERE kb_id = ?{chosen.get(table, '')}", (kb_id,)).fetchone()
        for table in held
    )


def name_of(connection: Connection, kb_id: int) -> str:
    """The current name of a knowledge base. Raises NotFoundError where it was deleted."""
    row = connection.execute("SELECT name FROM knowledge_bases WHERE id = ?", (kb_id,)).fetchone()
    if row is None or row[0] is None:
        raise NotFoundError("library.knowledge_base_deleted")
    return str(row[0])


def names(connection: Connection) -> dict[int, str]:
    """The name of each knowledge base by its row id."""
    return dict(connection.execute("SELECT id, name FROM knowledge_bases WHERE name IS NOT NULL").fetchall())


def clean(name: str) -> str:
    """The name as it is stored. Raises LibraryError where it cannot be one."""
    stored = unicodedata.normalize("NFC", name.strip())
    if not stored or len(stored) > LONGEST_NAME or any(unicodedata.category(each) in ("Cc", "Cs") for each in stored):
        raise LibraryError("library.unusable_name", name=name, most=LONGEST_NAME)
    return stored


def new_name(name: str) -> str:
    """A name for another knowledge base, as it is stored.

    Raises LibraryError where it cannot be one, or is what the page calls the default one: two would look alike there.
    """
    stored = clean(name)
    shown = {text(language, Message("library.default_name")).casefold() for language in LANGUAGES}
    if stored != DEFAULT and unicodedata.normalize("NFKC", stored).casefold() in shown:
        raise LibraryError("library.name_of_default", name=stored, default=DEFAULT)
    return stored


# Indexes
def keyword_table(index_id: int) -> str:
    """The name of an index's keyword table."""
    return f"keywords_{index_id}"


def find_index(connection: Connection, kb_id: int, status: Literal["building", "current"] = "current") -> Index | None:
    """The index that questions are asked of (or the one being built); None before the first document."""
    row = connection.execute(
        "SELECT id, kb_id, collection, embedder, dimension, revision FROM indexes WHERE kb_id = ? AND status = ?",
        (kb_id, status),
    ).fetchone()
    return None if row is None else Index(*row)


def indexes(connection: Connection, *, also_building: bool = False) -> list[Index]:
    """The indexes that questions are asked of, of all knowledge bases; `also_building`, those to come."""
    statuses = "('current', 'building')" if also_building else "('current')"
    rows = connection.execute(
        "SELECT indexes.id, kb_id, collection, embedder, dimension, revision FROM indexes "
        "JOIN knowledge_bases ON knowledge_bases.id = kb_id "
        f"WHERE status IN {statuses} AND name IS NOT NULL ORDER BY 1"
    )
    return [Index(*row) for row in rows]


def index_of(connection: Connection, collection: str) -> int | None:
    """The index with a collection of that name."""
    row = connection.execute("SELECT id FROM indexes WHERE collection = ?", (collection,)).fetchone()
    return None if row is None else int(row[0])


def collections(connection: Connection) -> set[str]:
    """The names in Chroma of all indexes, of whatever status."""
    return {row[0] for row in connection.execute("SELECT collection FROM indexes")}


def make_index(
    connection: Connection,
    kb_id: int,
    *,
    embedder: str,
    revision: str,
    dimension: int,
    status: Literal["building", "current"] = "current",
) -> Index:
    """Record a new empty index of a knowledge base. Its Chroma collection is made when first written to."""
    connection.execute(
        "INSERT INTO indexes(kb_id, collection, embedder, dimension, revision, status) VALUES (?, ?, ?, ?, ?, ?)",
        # Chroma allows few characters in a name, and several homes may share one server.
        (kb_id, f"kb-{uuid.uuid4().hex}", embedder, dimension, revision, status),
    )
    index = find_index(connection, kb_id, status)
    assert index is not None
    keywords.create(connection, keyword_table(index.id))
    if not is_sqlite(connection):
        halfvecs.create(connection, index.id, dimension)
    return index


def swap_index(connection: Connection, index: Index) -> None:
    """Make an index that was being built the one that is asked, and retire the one before."""
    connection.execute("UPDATE indexes SET status = 'retired' WHERE kb_id = ? AND status = 'current'", (index.kb_id,))
    connection.execute("UPDATE indexes SET status = 'current' WHERE id = ?", (index.id,))


def finished_indexes(connection: Connection, kb_id: int | None = None) -> list[Index]:
    """Retired indexes, those of deleted knowledge bases, and half-built ones that no job will finish.

    Of all knowledge bases, or of one.
    """
    only, values = ("", []) if kb_id is None else (" AND kb_id = ?", [kb_id])
    rows = connection.execute(
        "SELECT indexes.id, kb_id, collection, embedder, dimension, revision FROM indexes "
        "JOIN knowledge_bases ON knowledge_bases.id = indexes.kb_id "
        "WHERE (indexes.status = 'retired' OR knowledge_bases.name IS NULL "
        "OR (indexes.status = 'building' AND NOT EXISTS (SELECT 1 FROM jobs "
        "WHERE jobs.kb_id = indexes.kb_id AND jobs.kind = 'reindex' AND jobs.status IN ('queued', 'running'))))" + only,
        values,
    )
    return [Index(*row) for row in rows]


def delete_index(connection: Connection, index_id: int) -> None:
    """Delete an index with its keywords, vectors and chunks; the documents stay."""
    keywords.drop(connection, keyword_table(index_id))
    if not is_sqlite(connection):
        halfvecs.drop(connection, index_id)
    connection.execute("DELETE FROM vectors WHERE chunk IN (SELECT id FROM chunks WHERE index_id = ?)", (index_id,))
    connection.execute("DELETE FROM chunks WHERE index_id = ?", (index_id,))
    connection.execute("DELETE FROM indexes WHERE id = ?", (index_id,))


def refuse_other_embedder(index: Index, knowledge_base: str, embedder: str, revision: str) -> None:
    """Raise EmbedderMismatchError where the index was made with another embedder."""
    if index.revision == revision:
        return
    if index.embedder == embedder:
        raise EmbedderMismatchError("library.other_revision", name=knowledge_base, old=index.embedder)
    raise EmbedderMismatchError("library.other_embedder", name=knowledge_base, old=index.embedder, new=embedder)
