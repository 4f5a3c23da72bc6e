"""Tells what a file is: by its content where that is certain, by the ending of its name for text.

Knows signatures and names only; reads no more than is needed to decide.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import damaged
from minicpm_rag.messages import Message

Kind = Literal[
    "pdf", "docx", "pptx", "xlsx", "epub", "picture", "html", "mhtml", "eml",
    "markdown", "rst", "csv", "tsv", "json", "jsonl", "notebook", "text",
]  # fmt: skip

_OFFICE = {
    ".docx": "loaders.word_document", ".docm": "loaders.word_document", ".dotx": "loaders.word_document",
    ".dotm": "loaders.word_document", ".pptx": "loaders.presentation", ".pptm": "loaders.presentation",
    ".ppsx": "loaders.presentation", ".ppsm": "loaders.presentation", ".potx": "loaders.presentation",
    ".potm": "loaders.presentation", ".xlsx": "loaders.workbook", ".xlsm": "loaders.workbook",
    ".xltx": "loaders.workbook", ".xltm": "loaders.workbook", ".epub": "loaders.book",
}  # fmt: skip
_BINARY: dict[str, Kind] = {
    ".pdf": "pdf", ".docx": "docx", ".docm": "docx", ".dotx": "docx", ".dotm": "docx", ".pptx": "pptx",
    ".pptm": "pptx", ".ppsx": "pptx", ".ppsm": "pptx", ".potx": "pptx", ".potm": "pptx", ".xlsx": "xlsx",
    ".xlsm": "xlsx", ".xltx": "xlsx", ".xltm": "xlsx", ".epub": "epub",
    ".png": "picture", ".jpg": "picture", ".jpeg": "picture", ".webp": "picture",
    ".bmp": "picture", ".tif": "picture", ".tiff": "picture", ".gif": "picture",
}  # fmt: skip
_MARKED: dict[str, Kind] = {
    ".html": "html", ".htm": "html", ".xhtml": "html", ".mhtml": "mhtml", ".mht": "mhtml", ".eml": "eml",
    ".md": "markdown", ".markdown": "markdown", ".rst": "rst", ".csv": "csv", ".tsv": "tsv",
    ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".ipynb": "notebook",
}  # fmt: skip
_PLAIN = """
    txt text log tex adoc org srt vtt
    py pyi js mjs cjs ts jsx tsx java kt scala groovy c h cc cpp cxx hpp cs go rs swift m mm rb php pl lua r
    jl dart hs ml clj ex exs erl sh bash zsh bat ps1 sql vue svelte css scss less xml xsl yaml yml toml ini
    cfg conf env properties proto graphql cmake gradle dockerfile makefile
"""
_TEXT: dict[str, Kind] = {f".{name}": "text" for name in _PLAIN.split()}

SUFFIXES = frozenset([*_BINARY, *_MARKED, *_TEXT])

_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PART = "EncryptedPackage".encode("utf-16-le")
_FOREIGN = {
    b"{\\rtf": "loaders.rich_text",
    b"7z\xbc\xaf": "loaders.archive",
    b"Rar!": "loaders.archive",
    b"\x1f\x8b": "loaders.archive",
    b"MZ\x90": "loaders.program",
    b"\x7fELF": "loaders.program",
}
_HTML_SIGNS = (b"<!doctype html", b"<html", b"<head", b"<body")


@dataclass(frozen=True)
class FileKind:
    """What a file is, and a note where its name says otherwise."""

    kind: Kind
    note: Message | None = None


def kind_of(path: Path) -> FileKind:
    """Tell what a file is; raise DocumentError for what cannot be read."""
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(4096)
    named = _BINARY.get(suffix) or _MARKED.get(suffix) or _TEXT.get(suffix)
    found = _by_content(path, suffix, head)
    if found is None:
        found = _by_name(suffix, head, named)
    expected = found == named or not suffix
    return FileKind(found, None if expected else Message("loaders.read_as", kind=found, suffix=suffix))


def _by_content(path: Path, suffix: str, head: bytes) -> Kind | None:
    """Return the kind that the first bytes prove, None for text."""
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _kind_of_archive(path, suffix)
    if head.startswith(_OLD_OFFICE):
        raise _old_office(path)
    # Two letters prove little: text may begin with BM.
    if head.startswith(_PICTURES) and (not head.startswith(b"BM") or b"\0" in head[:32]):
        return "picture"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "picture"
    for signature, reason in _FOREIGN.items():
        if head.startswith(signature) and suffix not in (".tex", ".rst"):
            raise DocumentError(reason)
    return None


def _by_name(suffix: str, head: bytes, named: Kind | None) -> Kind:
    if suffix in _MARKED or suffix in _TEXT:
        assert named is not None
        return named
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if any(sign in start[:1024] for sign in _HTML_SIGNS):
        return "html"
    if start.startswith((b"mime-version:", b"from: <saved by")) and b"multipart/related" in start:
        return "mhtml"
    if suffix in _BINARY:
        if not head.strip(b"\xef\xbb\xbf \t\r\n"):
            raise DocumentError("loaders.no_text")
        what = Message(_OFFICE.get(suffix, "loaders.pdf" if suffix == ".pdf" else "loaders.picture"))
        raise DocumentError("loaders.misnamed", what=what, suffix=suffix)
    if suffix:
        raise DocumentError("loaders.unknown_suffix", suffix=suffix)
    return "text"


def _kind_of_archive(path: Path, suffix: str) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as exc:
        raise damaged(Message(_OFFICE.get(suffix, "loaders.file"))) from exc
    signs: dict[str, Kind] = {
        "word/document.xml": "docx", "ppt/presentation.xml": "pptx", "xl/workbook.xml": "xlsx",
        "META-INF/container.xml": "epub",
    }  # fmt: skip
    for sign, kind in signs.items():
        if sign in names:
            return kind
    if suffix in _OFFICE:
        raise damaged(Message(_OFFICE[suffix]))
    raise DocumentError("loaders.archive")


def _old_office(path: Path) -> DocumentError:
    with path.open("rb") as file:
        encrypted = _ENCRYPTED_PART in file.read(1_000_000)
    if encrypted:
        return DocumentError("loaders.protected", what=Message("loaders.file"))
    return DocumentError("loaders.old_office")
