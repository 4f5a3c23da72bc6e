"""Opens Office files as the libraries for them expect: the ordinary document type, in the transitional namespaces.

python-docx, python-pptx and openpyxl refuse what Office itself opens: files with macros, templates and shows (another
content type of the main part), files that hold another document, "strict" files (other namespaces, ISO/IEC 29500-1),
and files with one damaged part. Such a file is written anew in memory; its macros are left behind.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from minicpm_rag.loaders.archive import is_the_disks_fault, salvaged
from minicpm_rag.loaders.mending import CONTENT_TYPES, mended, missing_parts, packed

Document = TypeVar("Document")

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


def open_office(
    path: Path,
    read: Callable[[BinaryIO], Document],
    broken: tuple[type[BaseException], ...],
    damaged: list[str],
) -> Document:
    """What `read` makes of a file that `check_archive` let through; `read` gets it as it is where that will do.

    Where it raises one of `broken`, it gets the file mended. The names of parts that were damaged or missing go to
    `damaged`. Raises what `read` raises.
    """
    with zipfile.ZipFile(path) as archive:
        has_types = CONTENT_TYPES in archive.NameToInfo
        types = salvaged(archive, archive.getinfo(CONTENT_TYPES))[0] if has_types else b""
        damaged += missing_parts(archive)
        try:
            if any(pattern.search(types) for pattern, _ in _ORDINARY) or _is_strict(archive):
                parts = {member.filename: archive.read(member) for member in archive.infolist()}
                return read(packed(_made_ordinary(parts)))
            with path.open("rb") as file:
                return read(file)
        except broken as exc:
            if is_the_disks_fault(exc):
                raise
            return read(packed(_made_ordinary(mended(archive, damaged))))


def _is_strict(archive: zipfile.ZipFile) -> bool:
    return b"purl.oclc.org/ooxml" in archive.read("_rels/.rels") if "_rels/.rels" in archive.namelist() else False


def _made_ordinary(parts: dict[str, bytes]) -> dict[str, bytes]:
    """The parts in the transitional namespaces, without macros, the main part of the ordinary type."""
    ordinary: dict[str, bytes] = {}
    for name, content in parts.items():
        if name.endswith("vbaProject.bin"):
            continue
        if name == CONTENT_TYPES:
            for pattern, replacement in _ORDINARY:
                content = pattern.sub(replacement, content)
        if name.endswith((".xml", ".rels")):
            content = _STRICT.sub(_TRANSITIONAL, content)
        ordinary[name] = content
    return ordinary
