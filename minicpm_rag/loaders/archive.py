"""Checks zip-based files (docx, pptx, xlsx, epub) before any library unpacks them, so a bomb costs nothing.

Python's zipfile never returns more of a member than its declared size, so the declared sizes bound what can
come out.
"""

from __future__ import annotations

import copy
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from minicpm_rag.errors import DocumentError
from minicpm_rag.messages import Message

# What zipfile raises for a damaged file, the errors of its decompressors included.
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, EOFError, ValueError)

_MOST_MEMBERS = 20_000
_MOST_BYTES = 600_000_000  # unpacked, pictures and all
_MOST_XML_BYTES = 100_000_000  # of one part; parsed it takes up to ten times that in memory
_MOST_SHEET_BYTES = 400_000_000  # sheets are read as a stream
_PIECE = 1 << 16
_BOMB_RATIO, _BOMB_BYTES = 200, 20_000_000  # office files compress 3 to 50 times


def check_archive(path: Path, what: Message) -> frozenset[str]:
    """Return the names inside a zip file; raise DocumentError where it is damaged, protected or too large."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if any(member.flag_bits & 1 for member in members):
                raise DocumentError("loaders.protected", what=what)
            _check_sizes(members)
            _check_entities(archive, members)
            return frozenset(member.filename for member in members)
    except (*BROKEN_ZIP, OSError) as exc:
        if isinstance(exc, FileNotFoundError | PermissionError):
            raise
        raise damaged(what) from exc


def in_small_letters(names: Iterable[str]) -> dict[str, str]:
    """The names of parts by how they are in small letters: in capitals they mean the same."""
    return {name.lower(): name for name in names}


def is_the_disks_fault(error: BaseException) -> bool:
    """Whether it is the disk that failed, and not a damaged file: what readers raise of their own has no number."""
    return isinstance(error, OSError) and bool(error.errno)


def damaged(what: Message) -> DocumentError:
    """Return the error for a file that is not what it should be inside."""
    return DocumentError("loaders.damaged", what=what)


class Salvaged:
    """A part of a zip file that may be damaged, to be read as far as it goes."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        unchecked = copy.copy(member)
        del unchecked.CRC  # zipfile gives nothing of the last piece of a part whose checksum is wrong
        try:
            self._part: IO[bytes] = archive.open(unchecked)
        except BROKEN_ZIP:  # what stands before its data is damaged
            self._part = io.BytesIO()
        self._expected = member.file_size, member.CRC
        self._size = self._checksum = 0

    def read(self, size: int = _PIECE) -> bytes:
        """At most so many bytes more; none where the part ends or cannot be read on."""
        try:
            piece = self._part.read(size)
        except BROKEN_ZIP:
            return b""
        self._size += len(piece)
        self._checksum = zlib.crc32(piece, self._checksum)
        return piece

    @property
    def is_whole(self) -> bool:
        """Whether all of it was read, and is as it was written."""
        return (self._size, self._checksum) == self._expected


def salvaged(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[bytes, bool]:
    """What can be read of a part that may be damaged, and whether that is all of it, as it was written."""
    part = Salvaged(archive, member)
    content = b"".join(iter(part.read, b""))
    return content, part.is_whole


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    too_large = len(members) > _MOST_MEMBERS or total > _MOST_BYTES
    too_large |= total > _BOMB_BYTES and total > _BOMB_RATIO * max(packed, 1)
    for member in members:
        if member.filename.lower().endswith((".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx")):
            is_sheet = member.filename.startswith("xl/worksheets/")
            too_large |= member.file_size > (_MOST_SHEET_BYTES if is_sheet else _MOST_XML_BYTES)
    if too_large:
        raise DocumentError("loaders.unpacks_too_large", size=total, parts=len(members))


def _check_entities(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    """Refuse XML that declares entities: Office never writes them, and nested ones grow without end."""
    for member in members:
        if member.filename.lower().endswith((".xml", ".rels", ".opf", ".ncx")):
            head = Salvaged(archive, member).read(4096).replace(b"\0", b"")
            if b"<!ENTITY" in head or (b"<!DOCTYPE" in head and member.filename.startswith(("word/", "ppt/", "xl/"))):
                raise DocumentError("loaders.entities")
