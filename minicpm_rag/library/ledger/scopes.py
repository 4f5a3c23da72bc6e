"""Tags and folders of documents, and which documents a scope holds.

A document without a folder of its own is in that of its file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import PurePath

from minicpm_rag.errors import LibraryError, NotFoundError
from minicpm_rag.library.ledger import documents, knowledge_bases
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.records import DocumentRow, Scope

LONGEST_TAG = 60  # characters
_FORMAT = "."  # before a file's ending: ".pdf"
_TAG = "#"


def clean(tag: str) -> str:
    """A tag or the name of a folder as it is kept. Raises LibraryError where it is blank or too long."""
    name = " ".join(tag.removeprefix(_TAG).split())
    if not 0 < len(name) <= LONGEST_TAG or "," in name:
        raise LibraryError("library.unusable_tag", name=tag, most=LONGEST_TAG)
    return name


def change_tags(
    connection: Connection, document_ids: Iterable[int], *, add: Iterable[str] = (), drop: Iterable[str] = ()
) -> None:
    """Give documents tags and take tags from them."""
    added, dropped = [clean(tag) for tag in add], [clean(tag) for tag in drop]
    for document_id in document_ids:
        connection.executemany(
            "INSERT INTO tags(document_id, tag) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(document_id, tag) for tag in added],
        )
        connection.executemany(
            "DELETE FROM tags WHERE document_id = ? AND tag = ?", [(document_id, tag) for tag in dropped]
        )
        knowledge_bases.note_change(connection, documents.knowledge_base_of(connection, document_id))


def move(connection: Connection, document_ids: Iterable[int], folder: str) -> None:
    """Put documents into a folder of the library; "" puts them back into that of their file."""
    name = "/".join(clean(part) for part in folder.strip("/").split("/")) if folder.strip("/ ") else ""
    for document_id in document_ids:
        connection.execute("UPDATE documents SET folder = ? WHERE id = ?", (name, document_id))
        knowledge_bases.note_change(connection, documents.knowledge_base_of(connection, document_id))


def tags(connection: Connection, kb_id: int) -> list[str]:
    """All tags of a knowledge base's documents, in order."""
    rows = connection.execute(
        "SELECT DISTINCT tag FROM tags JOIN documents ON documents.id = tags.document_id "
        "WHERE kb_id = ? AND status = 'ready' ORDER BY tag",
        (kb_id,),
    )
    return [row[0] for row in rows]


def holds(scope: Scope, row: DocumentRow) -> bool:
    """Whether a scope holds a document."""
    is_named = not (scope.documents or scope.folders or scope.tags)
    is_named |= row.id in scope.documents
    is_named |= any(tag.casefold() in (own.casefold() for own in row.tags) for tag in scope.tags)
    is_named |= any(_lies_in(row, folder) for folder in scope.folders)
    ending = not scope.formats or bool(set(formats(row)) & {entry.casefold() for entry in scope.formats})
    day = row.indexed_at[:10]
    return is_named and ending and (not scope.since or day >= scope.since) and (not scope.until or day <= scope.until)


def named(rows: Collection[DocumentRow], wanted: Sequence[str]) -> Scope:
    """What words mean among documents: a title, path, folder, "#tag" or tag, ".pdf", "since:" or "until:2026-01-31".

    Raises NotFoundError where one of them means nothing there.
    """
    found = Scope()
    for word in filter(None, map(str.strip, wanted)):
        found = found.joined(_named(rows, word))
    return found


def folder_of(row: DocumentRow) -> str:
    """The folder that a document is in: its own, else that of its file; "" for uploads and web pages."""
    if row.folder:
        return row.folder
    return str(PurePath(row.source).parent) if PurePath(row.source).is_absolute() else ""


def formats(row: DocumentRow) -> list[str]:
    """The endings of a document's names in lower case: ".pdf"; ".html" for a web page."""
    names = (row.title, row.source, *row.other_names)
    found = {PurePath(name).suffix.casefold() for name in names if "://" not in name}
    return sorted(filter(None, found)) or ([".html"] if "://" in row.source else [])


def _named(rows: Collection[DocumentRow], word: str) -> Scope:
    if word.startswith("since:"):
        return Scope(since=word.removeprefix("since:"))
    if word.startswith("until:"):
        return Scope(until=word.removeprefix("until:"))
    if word.lstrip("*").startswith(_FORMAT) and "/" not in word:
        return Scope(formats=(word.lstrip("*").casefold(),))
    plain = word.removeprefix("@")
    tag = plain.removeprefix(_TAG)
    ids = tuple(row.id for row in rows if plain in (row.title, row.source, *row.other_names))
    ids = ids or tuple(row.id for row in rows if _is_called(row, plain))
    if ids and not plain.startswith(_TAG):
        return Scope(documents=ids)
    if any(tag.casefold() == own.casefold() for row in rows for own in row.tags):
        return Scope(tags=(tag,))
    if any(_lies_in(row, plain) for row in rows):
        return Scope(folders=(plain,))
    raise NotFoundError("library.nothing_named", name=word)


def _is_called(row: DocumentRow, word: str) -> bool:
    """Whether a document is called so, without its ending, or at that path."""
    path = PurePath(word)
    names = [PurePath(row.title).stem.casefold(), row.title.casefold()]
    is_path = len(path.parts) > 1 and any(PurePath(name).match(word) for name in (row.source, *row.other_names))
    return word.casefold() in names or is_path


def _lies_in(row: DocumentRow, folder: str) -> bool:
    """Whether a document lies in a folder, given by its path or the last part of it."""
    wanted = folder.rstrip("/").casefold()
    parts = [folder_of(row)] if row.folder else [str(PurePath(name).parent) for name in (row.source, *row.other_names)]
    for own in (part.casefold() for part in parts if part not in ("", ".")):
        ends = [str(PurePath(*PurePath(own).parts[:count])) for count in range(1, len(PurePath(own).parts) + 1)]
        if any(end == wanted or PurePath(end).name == wanted or end.endswith("/" + wanted) for end in ends):
            return True
    return False
