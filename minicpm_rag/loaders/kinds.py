"""Tells what a file is: by its content where that is certain, by the ending of its name for text.

Knows signatures and names only; reads no more than is needed to decide.
"""

from __future__ import annotations

import re
import struct
import zipfile
from dataclasses import dataclass
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import BROKEN_ZIP, damaged, is_the_disks_fault
from minicpm_rag.loaders.encrypted import is_encrypted
from minicpm_rag.loaders.formats import FORMATS, KIND_BY_SUFFIX
from minicpm_rag.messages import Message

_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED = "encrypted"  # the kind of Office files that only a password opens, whatever is inside
_FOREIGN = {
    b"7z\xbc\xaf": "loaders.archive",
    b"Rar!": "loaders.archive",
    b"\x1f\x8b": "loaders.archive",
    b"MZ\x90": "loaders.program",
    b"\x7fELF": "loaders.program",
}
# Formats of before 2007: a file is told by one of its streams.
_STREAMS = (
    ("EncryptedPackage", ENCRYPTED),
    ("Workbook", "xlsx"),
    ("Book", "xlsx"),
    ("WordDocument", "doc"),
    ("MN0", "doc"),  # Microsoft Works before 2000
    ("PowerPoint Document", "ppt"),
    ("__properties_version1.0", "msg"),
)
_OPEN_DOCUMENTS = {"text": "odt", "presentation": "odp", "spreadsheet": "xlsx"}
_KINDLE = (b"BOOKMOBI", b"TEXtREAd")
# Of a message in a mailbox. A time tells it from a sentence that begins with "From": programs do not agree on the rest.
ENVELOPE = re.compile(rb"From [^\n]{0,200}\d\d:\d\d(?::\d\d)?\b[^\n]{0,40}\d{4}[^\n]{0,20}\r?\n")
_DRAWING = re.compile(rb"<(?:svg:)?svg[\s>]")
_HTML_SIGNS = (b"<!doctype html", b"<html", b"<head", b"<body")


@dataclass(frozen=True)
class FileKind:
    """What a file is, and a note where its name says otherwise."""

    kind: str  # key of FORMATS
    note: Message | None = None


def kind_of(path: Path) -> FileKind:
    """Tell what a file is; raise DocumentError for what cannot be read."""
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(4096)
    named = KIND_BY_SUFFIX.get(suffix)
    found = _by_content(path, suffix, head) or _by_name(suffix, head, named)
    expected = found in (named, ENCRYPTED) or not suffix
    return FileKind(found, None if expected else Message("loaders.read_as", kind=found, suffix=suffix))


def _by_content(path: Path, suffix: str, head: bytes) -> str | None:
    """Return the kind that the first bytes prove, None for text."""
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_archive(path, KIND_BY_SUFFIX.get(suffix, ""))
    if head.startswith(_OLD_OFFICE):
        return _kind_of_old_office(path, suffix)
    if head[60:68] in _KINDLE:
        return "mobi"
    if ENVELOPE.match(head) and suffix in ("", ".mbox", ".mbx"):  # as mail programs keep their folders
        return "mbox"
    if head.startswith(b"{\\rtf") and suffix not in (".tex", ".rst"):
        return "rtf"
    # Two letters prove little: text may begin with BM.
    if head.startswith(_PICTURES) and (not head.startswith(b"BM") or b"\0" in head[:32]):
        return "picture"
    if suffix in (".svg", ".svgz") and (_DRAWING.search(head) or head.startswith(b"\x1f\x8b")):
        return "svg"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "picture"
    for signature, reason in _FOREIGN.items():
        if head.startswith(signature) and suffix not in (".tex", ".rst"):
            raise DocumentError(reason)
    return None


def _by_name(suffix: str, head: bytes, named: str | None) -> str:
    what = FORMATS[named].what if named else ""
    if named and not what:
        return named
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if any(sign in start[:1024] for sign in _HTML_SIGNS):
        return "html"
    if start.startswith((b"mime-version:", b"from: <saved by")) and b"multipart/related" in start:
        return "mhtml"
    if what:
        if not head.strip(b"\xef\xbb\xbf \t\r\n"):
            raise DocumentError("loaders.no_text")
        raise DocumentError("loaders.misnamed", what=Message(what), suffix=suffix)
    if suffix:
        raise DocumentError("loaders.unknown_suffix", suffix=suffix)
    return "text"


def _kind_of_archive(path: Path, named: str) -> str:
    expected = FORMATS[named].what if named and FORMATS[named].part else ""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            media_type = b""
            if "content.xml" in names and "mimetype" in names:
                with archive.open("mimetype") as part:
                    media_type = part.read(200)
    except (*BROKEN_ZIP, RuntimeError) as exc:
        raise damaged(Message(expected or "loaders.file")) from exc
    for kind, entry in FORMATS.items():
        if entry.part and names.intersection(entry.part.split()):
            return kind
    for word, kind in _OPEN_DOCUMENTS.items():
        if f"opendocument.{word}".encode() in media_type:
            return kind
    if "content.xml" in names and named in _OPEN_DOCUMENTS.values():
        return named
    if expected:
        raise damaged(Message(expected))
    raise DocumentError("loaders.archive")


def _kind_of_old_office(path: Path, suffix: str) -> str:
    """Tell a file of Office before 2007, and of Outlook, by the streams it has."""
    import olefile

    try:
        with olefile.OleFileIO(path) as container:
            found = next((kind for name, kind in _STREAMS if container.exists(name)), None)
            if found is None and suffix in (".wps", ".wpt") and container.exists("CONTENTS"):
                found = "doc"  # Microsoft Works; other programs have such a stream too
    except (OSError, ValueError, TypeError, IndexError, AttributeError, struct.error) as exc:
        if is_the_disks_fault(exc):
            raise
        raise DocumentError("loaders.old_office") from exc
    if found is None:
        raise DocumentError("loaders.old_office")
    return ENCRYPTED if found in ("xlsx", "doc", "ppt") and is_encrypted(path) else found
