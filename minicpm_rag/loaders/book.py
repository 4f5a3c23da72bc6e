"""Reads electronic books (epub): one page a chapter, in reading order."""

from __future__ import annotations

import posixpath
import re
import zipfile
from pathlib import Path
from urllib.parse import unquote

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import BROKEN_ZIP, check_archive, damaged, salvaged
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.html import decode_html, write_html
from minicpm_rag.loaders.mending import loaded_in_part
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.loaders.xml_parts import parsed_in_part
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page

_WHAT = Message("loaders.book")
_RIGHTS = "META-INF/rights.xml"
_CONTAINER = "META-INF/container.xml"
_CHAPTER = re.compile(r"(?i)\.x?html?$")
_DIGITS = re.compile(r"(\d+)")


def read(path: Path) -> LoadedFile:
    """Read a book: one page for each chapter, called by its first heading or its title."""
    names = check_archive(path, _WHAT)
    if _RIGHTS in names:
        raise DocumentError("loaders.copy_protected")
    damaged_parts: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            order = _reading_order(archive, names, damaged_parts)
            damaged_parts += (posixpath.basename(name) for name in order if name not in names)
            pages = [
                _page(number, _content(archive, name, damaged_parts))
                for number, name in enumerate((name for name in order if name in names), start=1)
            ]
    except BROKEN_ZIP as exc:
        raise damaged(_WHAT) from exc
    return loaded_in_part(path.name, pages, _WHAT, damaged_parts)


def _reading_order(archive: zipfile.ZipFile, names: frozenset[str], damaged_parts: list[str]) -> list[str]:
    """The names of the chapters as the book orders them; where that cannot be read, all chapters by their names."""
    package_name = _package(archive, names, damaged_parts)
    order: list[str] = []
    if package_name:
        package = parsed_in_part(_content(archive, package_name, damaged_parts), package_name, damaged_parts)
        folder = posixpath.dirname(package_name)
        items: dict[str, str] = {}
        found: list[str] = []
        if package is not None:
            items = {item.get("id"): item.get("href", "") for item in package.iterfind(".//{*}manifest/{*}item")}
            found = [items.get(ref.get("idref"), "") for ref in package.iterfind(".//{*}spine/{*}itemref")]
        order = [posixpath.normpath(posixpath.join(folder, unquote(name.split("#")[0]))) for name in found if name]
    else:
        damaged_parts.append(posixpath.basename(_CONTAINER))
    return list(dict.fromkeys(order)) or sorted(filter(_CHAPTER.search, names), key=_by_numbers)


def _package(archive: zipfile.ZipFile, names: frozenset[str], damaged_parts: list[str]) -> str:
    """The name of the part that lists the others; "" where there is none."""
    if _CONTAINER in names:
        container = parsed_in_part(_content(archive, _CONTAINER, []), _CONTAINER, [])
        root_file = container.find(".//{*}rootfile") if container is not None else None
        if root_file is not None and root_file.get("full-path") in names:
            return str(root_file.get("full-path"))
    return next((name for name in sorted(names) if name.endswith(".opf")), "")


def _by_numbers(name: str) -> list[tuple[int, str]]:
    """Orders names with numbers as people count: chapter 2 before chapter 10."""
    return [(int(part), "") if part.isdecimal() and len(part) < 10 else (0, part) for part in _DIGITS.split(name)]


def _content(archive: zipfile.ZipFile, name: str, damaged_parts: list[str]) -> bytes:
    content, is_whole = salvaged(archive, archive.getinfo(name))
    is_cut_off = b"<html" in content[:4096] and b"</html" not in content
    if not is_whole or b"<" not in content or is_cut_off:
        damaged_parts.append(posixpath.basename(name))
    return content


def _page(number: int, data: bytes) -> Page:
    count("pages")
    writer = PageWriter()
    title = write_html(decode_html(data).text, writer)
    page = writer.page(number)
    return writer.page(number, label=page.headings[0].text if page.headings else title)
