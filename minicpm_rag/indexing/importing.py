"""Import of an exported knowledge base, all of it or nothing. For the owner of the library.

The file may come from anyone: it is JSON and plain numbers, checked as it is read, and nothing in it is run.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from minicpm_rag.errors import LibraryError
from minicpm_rag.indexing import storage
from minicpm_rag.indexing.cutting import Cutting, cut, embed, indexed
from minicpm_rag.indexing.storage import NewChunk, NewDocument
from minicpm_rag.indexing.sweep import sweep
from minicpm_rag.library import Library
from minicpm_rag.library.exporting import DOCUMENTS, FORMAT, LENGTH_BYTES, MANIFEST, TOKEN_SIGNS, VECTORS
from minicpm_rag.library.ledger import chunk_rows, knowledge_bases, page_rows
from minicpm_rag.library.ledger.indexes import Index
from minicpm_rag.messages import Message, from_plain, reason_of
from minicpm_rag.records import IngestProgress, Page

LONGEST_LINE = 1 << 29  # bytes of one document; a file that claims more is not one of ours
LONGEST_SIGNS = 1 << 22  # bytes of one chunk: 8,192 tokens of 4,096 numbers


def import_file(library: Library, file: Path, name: str | None, cutting: Cutting) -> Iterator[IngestProgress]:
    """Read an exported knowledge base under its own or another name, all of it or nothing.

    Its vectors are used where they were made with the embedder set now; else its pages are embedded anew.
    """
    if library.embedder is None:
        raise LibraryError("indexing.no_embedder")
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            if manifest["format"] != FORMAT:
                raise LibraryError("indexing.export_format", file=file, format=manifest["format"], known=FORMAT)
            name = knowledge_bases.clean(name or manifest["name"])
            with library.ledger.writing() as connection:
                if knowledge_bases.exists(connection, name):
                    raise LibraryError("indexing.import_name_taken", name=name)
                # Without a name it is hidden, and swept should this process die.
                kb_id = knowledge_bases.create_hidden(connection)
            try:
                yield from _Import(library, kb_id, manifest, cutting).documents(archive)
            except BaseException:
                sweep(library.ledger, library.vectors, library.uploads)
                raise
        with library.ledger.writing() as connection:
            for key, value in manifest["settings"].items():
                connection.execute(
                    "INSERT INTO settings(kb_id, key, value) VALUES (?, ?, ?)",
                    (kb_id, str(key), json.dumps(json.loads(value))),
                )
            knowledge_bases.reveal(connection, kb_id, name)
    except FileNotFoundError as exc:
        raise LibraryError("indexing.no_export", file=file) from exc
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError, AttributeError) as exc:
        why = reason_of(exc) if isinstance(exc, OSError) else Message("system.words", words=repr(exc))
        raise LibraryError("indexing.bad_export", file=file, why=why) from exc


class _Import:
    def __init__(self, library: Library, kb_id: int, manifest: dict[str, Any], cutting: Cutting) -> None:
        assert library.embedder is not None
        self.library = library
        self.embedder = library.embedder
        self.kb_id = kb_id
        self.cutting = cutting
        self.files = int(manifest["documents"])
        self.dimension = int(manifest["dimension"])
        self.same_embedder = (manifest["embedder"], manifest["revision"]) == (
            self.embedder.name,
            self.embedder.revision,
        )
        self.index: Index | None = None

    def documents(self, archive: zipfile.ZipFile) -> Iterator[IngestProgress]:
        # Files exported before there were token signs have none.
        has_signs = TOKEN_SIGNS in archive.namelist()
        with (
            archive.open(DOCUMENTS) as lines,
            archive.open(VECTORS) as numbers,
            archive.open(TOKEN_SIGNS) if has_signs else io.BytesIO() as signs,
        ):
            number = 0
            while line := lines.readline(LONGEST_LINE):
                number += 1
                values = json.loads(line)
                yield IngestProgress(values["source"], "writing", number, self.files)
                new = self._document(values, numbers, signs)
                self._store(new, values["names"])
                verdict = new.verdict("indexed", new.reason, new.remedy)
                yield IngestProgress(new.source, "done", number, self.files, verdict)

    def _document(self, values: dict[str, Any], numbers: IO[bytes], signs: IO[bytes]) -> NewDocument:
        import numpy

        pages = tuple(page_rows.page_of(page) for page in values["pages"])
        title = str(values["title"])
        matrix = numpy.frombuffer(numbers.read(4 * self.dimension * len(values["chunks"])), dtype="<f4")
        if self.same_embedder:
            matrix = matrix.reshape(len(values["chunks"]), -1)
            chunks = self._chunks(values["chunks"], pages, title, matrix, signs)
        else:
            chunks = embed(cut(pages, title, self.embedder, self.cutting), self.embedder)
        return NewDocument(
            source=str(values["source"]),
            title=title,
            sha256=str(values["sha256"]),
            size_bytes=int(values["size_bytes"]),
            pages=pages,
            pages_present=int(values["pages_present"]),
            chunks=chunks,
            encoding=str(values["encoding"]),
            reason=from_plain(values["reason"]),
            remedy=from_plain(values["remedy"]),
        )

    def _chunks(
        self, stored: list[dict[str, Any]], pages: tuple[Page, ...], title: str, matrix: Any, signs: IO[bytes]
    ) -> list[NewChunk]:
        texts = {page.number: page.text for page in pages}
        chunks = []
        for entry, vector in zip(stored, matrix, strict=True):
            text, metadata = str(entry["text"]), dict(entry["metadata"])
            if not chunk_rows.lies_in(text, metadata, texts):
                raise LibraryError("indexing.chunk_apart", title=title)
            length = int.from_bytes(signs.read(LENGTH_BYTES), "little")  # 0 at the end of the file
            tokens = signs.read(min(length, LONGEST_SIGNS))
            chunks.append(NewChunk(text, metadata, indexed(text, metadata, title), vector, tokens))
        return chunks

    def _store(self, new: NewDocument, names: list[list[str]]) -> None:
        if self.index is None:
            self.index = storage.begin_index(self.library.ledger, self.kb_id, self.embedder)
        ledger, vectors = self.library.ledger, self.library.vectors
        (document_id,) = storage.store(ledger, vectors, self.index, [new])
        for source, title in names:
            if source != new.source:
                storage.add_name(ledger, vectors, document_id, self.kb_id, source, title, former=None)
