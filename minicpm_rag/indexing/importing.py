"""Import of an exported knowledge base, all of it or nothing. For the owner of the library.

The file may come from anyone: it is JSON and plain numbers, checked as it is read, and nothing in it is run.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from minicpm_rag.chunking import split_pages
from minicpm_rag.errors import LibraryError
from minicpm_rag.indexing import storing
from minicpm_rag.indexing.repair import lies_in
from minicpm_rag.library import Library
from minicpm_rag.library.exporting import DOCUMENTS, FORMAT, LENGTH_BYTES, MANIFEST, TOKEN_SIGNS, VECTORS
from minicpm_rag.library.ledger import knowledge_bases, people, scopes
from minicpm_rag.library.ledger.documents import page_of
from minicpm_rag.library.ledger.knowledge_bases import Index
from minicpm_rag.library.ledger.old_reasons import message_of
from minicpm_rag.library.originals import UPLOAD, safe_name
from minicpm_rag.messages import Message, from_plain, reason_of
from minicpm_rag.records import Chunk, ChunkSize, IngestProgress, NewDocument

LONGEST_LINE = 1 << 29  # bytes of one document; a file that claims more is not one of ours
LONGEST_SIGNS = 1 << 22  # bytes of one chunk: 8,192 tokens of 4,096 numbers

# What reading a file that is no export of ours raises
_DAMAGED = (
    EOFError, zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError, AttributeError, RecursionError,
)  # fmt: skip


def import_file(
    library: Library, file: Path, name: str | None, size: ChunkSize, maker: str | None = None
) -> Iterator[IngestProgress]:
    """Read an exported knowledge base under its own or another name, all of it or nothing; for its maker, if any.

    Its vectors are used where this library has the embedder they were made with; else its pages are embedded again.
    """
    if library.embedder is None:
        raise LibraryError("indexing.no_embedder")
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = json.loads(archive.read(MANIFEST))
            if not 1 <= int(manifest["format"]) <= FORMAT:
                raise LibraryError("indexing.export_format", file=file, format=manifest["format"], known=FORMAT)
            _validate(archive, manifest)
            name = knowledge_bases.clean(name or manifest["name"])
            with library.ledger.writing() as connection:
                if knowledge_bases.exists(connection, name):
                    raise LibraryError("indexing.import_name_taken", name=name)
                knowledge_bases.new_name(name)
                # Without a name it is hidden, and cleared should this process die.
                kb_id = knowledge_bases.create_hidden(connection)
            try:
                yield from _Import(library, kb_id, manifest, size).documents(archive)
                _reveal(library, kb_id, name, manifest["settings"], maker)
            except BaseException:  # also where another took the name meanwhile
                storing.clear(library)
                raise
    except FileNotFoundError as exc:
        raise LibraryError("indexing.no_export", file=file) from exc
    except (OSError, *_DAMAGED) as exc:
        why = reason_of(exc) if isinstance(exc, OSError) else Message("system.words", words=repr(exc))
        raise LibraryError("indexing.bad_export", file=file, why=why) from exc


def _reveal(library: Library, kb_id: int, name: str, settings: dict[str, str], maker: str | None) -> None:
    """Give the knowledge base its settings and its name, by which it is seen. Raises LibraryError where it is taken."""
    with library.ledger.writing() as connection:
        for key, value in settings.items():
            knowledge_bases.set_setting(connection, kb_id, str(key), json.loads(value))
        knowledge_bases.reveal(connection, kb_id, name)
        if maker is not None:
            people.make_private(connection, kb_id, maker)


def _validate(archive: zipfile.ZipFile, manifest: dict[str, Any]) -> None:
    """Read the whole file before anything is written. Raises ValueError and its like, zipfile.BadZipFile, LibraryError.

    Reading to the end compares the checksum of each part.
    """
    import numpy

    dimension = int(manifest["dimension"])
    settings = {str(key): json.loads(value) for key, value in manifest["settings"].items()}
    json.dumps(settings, ensure_ascii=False).encode()
    documents = chunks = 0
    with archive.open(DOCUMENTS) as lines:
        while line := lines.readline(LONGEST_LINE):
            values = json.loads(line)
            new = _parsed(values)
            texts = {page.number: page.text for page in new.pages}
            if len(texts) != len(new.pages) or new.pages_present < len(new.pages):
                raise ValueError(f"pages of {new.title!r}")
            for source, title in values["names"]:
                _check_name(str(source), str(title))
            for name in (*values.get("tags", ()), *filter(None, values.get("folder", "").split("/"))):
                scopes.clean(name)
            for chunk in _chunks(values, new.title):
                if not lies_in(chunk, texts):
                    raise LibraryError("indexing.chunk_apart", title=new.title)
                chunks += 1
            documents += 1
    if documents != int(manifest["documents"]) or dimension < 0:
        raise ValueError(f"{documents} documents of {manifest['documents']}")
    read = 0
    with archive.open(VECTORS) as numbers:
        while block := numbers.read(1 << 22):
            if len(block) % 4 or not numpy.isfinite(numpy.frombuffer(block, dtype="<f4")).all():
                raise ValueError("vectors that are no numbers")
            read += len(block)
    if read != 4 * dimension * chunks:
        raise ValueError(f"vectors of {chunks} chunks in {read} bytes")
    if TOKEN_SIGNS in archive.namelist():
        with archive.open(TOKEN_SIGNS) as signs:
            while prefix := signs.read(LENGTH_BYTES):
                length = int.from_bytes(prefix, "little")
                if length > LONGEST_SIGNS or len(signs.read(length)) != length:
                    raise ValueError("token signs that are cut off")


def _parsed(values: dict[str, Any]) -> NewDocument:
    """A document of the file, without its chunks. Raises ValueError where a value cannot be one of ours."""
    new = NewDocument(
        source=str(values["source"]),
        title=str(values["title"]),
        sha256=str(values["sha256"]),
        size_bytes=int(values["size_bytes"]),
        pages=tuple(page_of(page) for page in values["pages"]),
        pages_present=int(values["pages_present"]),
        encoding=str(values["encoding"]),
        reason=_message(values["reason"]),
        remedy=_message(values["remedy"]),
    )
    _check_name(new.source, new.title)
    if not re.fullmatch(r"[0-9a-f]{64}", new.sha256) or new.size_bytes < 0:
        raise ValueError(f"hash of {new.title!r}")
    return new


def _check_name(source: str, title: str) -> None:
    """Refuse names that could lead anywhere else: an upload is a plain file name, and all are text."""
    upload = source.removeprefix(UPLOAD) if source.startswith(UPLOAD) else None
    if not source or "\0" in source + title or (upload is not None and upload != safe_name(upload)):
        raise ValueError(f"source {source!r}")
    (source + title).encode()


def _chunks(values: dict[str, Any], title: str) -> list[Chunk]:
    return [Chunk(str(entry["text"]), dict(entry["metadata"]), title) for entry in values["chunks"]]


class _Import:
    def __init__(self, library: Library, kb_id: int, manifest: dict[str, Any], size: ChunkSize) -> None:
        assert library.embedder is not None
        self.library = library
        known = library.known_embedder(str(manifest["revision"]))
        self.embedder = known or library.embedder
        self.kb_id = kb_id
        self.size = size
        self.files = int(manifest["documents"])
        self.dimension = int(manifest["dimension"])
        self.same_embedder = known is not None
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
                self._store(new, values)
                yield IngestProgress(new.source, "done", number, self.files, storing.verdict(new, "indexed"))

    def _document(self, values: dict[str, Any], numbers: IO[bytes], signs: IO[bytes]) -> NewDocument:
        new = _parsed(values)
        stored = _chunks(values, new.title)
        vectors = numbers.read(4 * self.dimension * len(stored))
        if self.same_embedder:
            return replace(new, chunks=self._checked(new, stored, vectors, signs))
        split = split_pages(new.pages, new.title, self.embedder, self.size)
        return replace(new, chunks=storing.embed(split, self.embedder))

    def _checked(self, new: NewDocument, stored: list[Chunk], vectors: bytes, signs: IO[bytes]) -> list[Chunk]:
        """The stored chunks with their vectors. Raises LibraryError where one is not in its page."""
        import numpy

        matrix = numpy.frombuffer(vectors, dtype="<f4").reshape(len(stored), -1)
        texts = {page.number: page.text for page in new.pages}
        chunks = []
        for chunk, vector in zip(stored, matrix, strict=True):
            if not lies_in(chunk, texts):
                raise LibraryError("indexing.chunk_apart", title=new.title)
            length = int.from_bytes(signs.read(LENGTH_BYTES), "little")  # 0 at the end of the file
            token_signs = signs.read(min(length, LONGEST_SIGNS))
            chunks.append(replace(chunk, vector=vector, token_signs=token_signs))
        return chunks

    def _store(self, new: NewDocument, values: dict[str, Any]) -> None:
        if self.index is None:
            self.index = storing.begin_index(self.library, self.kb_id, self.embedder)
        (document_id,) = storing.store(self.library, self.index, [new])
        for source, title in values["names"]:
            if source != new.source:
                storing.add_name(self.library, self.kb_id, document_id, source, title)
        with self.library.ledger.writing() as connection:  # files exported before there were tags have none
            scopes.change_tags(connection, [document_id], add=values.get("tags", ()))
            scopes.move(connection, [document_id], values.get("folder", ""))


def _message(plain: Any) -> Message | None:
    """A reason or remedy of the file; format 1 has it as English sentences."""
    return message_of(plain) if plain and isinstance(plain, str) else from_plain(plain)
