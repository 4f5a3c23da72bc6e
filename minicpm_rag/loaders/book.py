"""Reads electronic books (epub): one page a chapter, in reading order."""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import BROKEN_ZIP, check_archive, damaged
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.files import loaded
from minicpm_rag.loaders.html import decode_html, write_html
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page

_WHAT = Message("loaders.book")
_RIGHTS = "META-INF/rights.xml"
_CONTAINER = "META-INF/container.xml"


def read(path: Path) -> LoadedFile:
    """Read a book: one page for each chapter, called by its first heading or its title."""
    names = check_archive(path, _WHAT)
    if _RIGHTS in names:
        raise DocumentError("loaders.copy_protected")
    try:
        with zipfile.ZipFile(path) as archive:
            chapters = dict.fromkeys(name for name in _reading_order(archive) if name in names)
            pages = [_page(number, archive.read(name)) for number, name in enumerate(chapters, start=1)]
    except (*BROKEN_ZIP, KeyError) as exc:
        raise damaged(_WHAT) from exc
    except SyntaxError as exc:  # lxml's parse errors are of this class
        raise damaged(_WHAT) from exc
    return loaded(path.name, pages)


def _reading_order(archive: zipfile.ZipFile) -> list[str]:
    container = _parsed(archive.read(_CONTAINER))
    root_file = container.find(".//{*}rootfile")
    if root_file is None:
        raise ValueError("no root file")
    package_name = root_file.get("full-path", "")
    package = _parsed(archive.read(package_name))
    folder = posixpath.dirname(package_name)
    items = {item.get("id"): item.get("href", "") for item in package.iterfind(".//{*}manifest/{*}item")}
    order = [items.get(ref.get("idref"), "") for ref in package.iterfind(".//{*}spine/{*}itemref")]
    return [posixpath.normpath(posixpath.join(folder, unquote(name.split("#")[0]))) for name in order if name]


def _parsed(data: bytes) -> Any:
    from lxml import etree

    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def _page(number: int, data: bytes) -> Page:
    count("pages")
    writer = PageWriter()
    title = write_html(decode_html(data).text, writer)
    page = writer.page(number)
    return writer.page(number, label=page.headings[0].text if page.headings else title)
