"""Opens Office files as the libraries for them expect: the ordinary document type, in the transitional namespaces.

python-docx, python-pptx and openpyxl refuse what Office itself opens: files with macros, templates and shows (another
content type of the main part), files that hold another document, "strict" files (other namespaces, ISO/IEC 29500-1),
and files with one damaged part that is not text. Such a file is written anew in memory; its macros are left behind.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar
from zlib import error as zlib_error

Document = TypeVar("Document")

_CONTENT_TYPES = "[Content_Types].xml"
# The content type as the libraries expect it, for each that a part may have instead.
_ORDINARY = (
    (
        re.compile(rb"application/vnd\.ms-word\.(?:document|template)\.macroEnabled(?:Template)?\.main\+xml"),
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    ),
    (
        re.compile(rb"application/vnd\.openxmlformats-officedocument\.wordprocessingml\.template\.main\+xml"),
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    ),
    (
        re.compile(
            rb"application/vnd\.(?:ms-powerpoint\.(?:presentation|slideshow|template)\.macroEnabled\.main\+xml"
            rb"|openxmlformats-officedocument\.presentationml\.(?:slideshow|template)\.main\+xml)"
        ),
        b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
    ),
    (
        re.compile(
            rb"application/vnd\.(?:ms-excel\.(?:template|addin)\.macroEnabled\.main\+xml"
            rb"|openxmlformats-officedocument\.spreadsheetml\.template\.main\+xml)"
        ),
        b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
    ),
    # Last, a document that another one holds, which python-docx would take for a main part and parse.
    (
        re.compile(
            rb'((?:Extension="|PartName="[^"]{0,300}\.)do[ct][xm]"\s{1,9}ContentType=")application/[^"]{0,200}main\+xml"'
        ),
        rb'\1application/vnd.openxmlformats-officedocument.wordprocessingml.document"',
    ),
)
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
_TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/\2"


def open_office(path: Path, read: Callable[[BinaryIO], Document]) -> Document:
    """What `read` makes of a file that `check_archive` let through; `read` gets it as it is where that will do.

    Raises what `read` raises, and zipfile.BadZipFile where parts with text are damaged.
    """
    with zipfile.ZipFile(path) as archive:
        types = archive.read(_CONTENT_TYPES)
        if any(pattern.search(types) for pattern, _ in _ORDINARY) or _is_strict(archive):
            return read(_rewritten(archive))
        try:
            with path.open("rb") as file:
                return read(file)
        except zipfile.BadZipFile:  # a part's checksum is wrong; it may be one without text
            return read(_rewritten(archive))


def _is_strict(archive: zipfile.ZipFile) -> bool:
    return b"purl.oclc.org/ooxml" in archive.read("_rels/.rels") if "_rels/.rels" in archive.namelist() else False


def _rewritten(archive: zipfile.ZipFile) -> BinaryIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as copy:
        for member in archive.infolist():
            if member.filename.endswith("vbaProject.bin"):
                continue
            try:
                content = archive.read(member)
            except (zipfile.BadZipFile, zlib_error, EOFError):
                if member.filename.endswith((".xml", ".rels")) and "/theme/" not in member.filename:
                    raise  # text may be lost
                content = b"<lost/>" if member.filename.endswith(".xml") else b""
            if member.filename == _CONTENT_TYPES:
                for pattern, ordinary in _ORDINARY:
                    content = pattern.sub(ordinary, content)
            if member.filename.endswith((".xml", ".rels")):
                content = _STRICT.sub(_TRANSITIONAL, content)
            copy.writestr(member.filename, content)
    target.seek(0)
    return target
