"""Reads OpenDocument texts (odt) and presentations (odp): headings, paragraphs, numbered lists, tables, formulas.

Left out: deleted and hidden text, tables of contents. Notes, comments, page headers and footers stand apart, behind the
text. The format: OASIS OpenDocument 1.3, part 3. Spreadsheets (ods) are read by `sheets`.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import BROKEN_ZIP, check_archive, damaged, salvaged
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.files import bytes_of
from minicpm_rag.loaders.mending import loaded_in_part
from minicpm_rag.loaders.opendocument.blocks import Blocks
from minicpm_rag.loaders.opendocument.names import DRAW, MATH, OFFICE, PRESENTATION, STYLE, TEXT
from minicpm_rag.loaders.opendocument.styles import Styles
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.loaders.xml_parts import parsed_in_part
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page

_TEXT = Message("loaders.text_document")
_SLIDES = Message("loaders.presentation")
_NOTES = "Notes / 备注"


def read_text(path: Path) -> LoadedFile:
    """Read a text document as one page: the file does not say where its pages break."""
    damaged_parts: list[str] = []
    try:
        with _opened(path, _TEXT) as archive:
            content = _root(archive, "content.xml", damaged_parts)
            styles = _root(archive, "styles.xml", damaged_parts)
            page = _text_page(content, styles, _objects(archive, damaged_parts))
    except (*BROKEN_ZIP, KeyError, SyntaxError) as exc:  # lxml's are of the last
        raise damaged(_TEXT) from exc
    return loaded_in_part(path.name, [page], _TEXT, damaged_parts)


def read_slides(path: Path) -> LoadedFile:
    """Read a presentation: one page for each slide, with its notes."""
    damaged_parts: list[str] = []
    try:
        with _opened(path, _SLIDES) as archive:
            content = _root(archive, "content.xml", damaged_parts)
            styles = _root(archive, "styles.xml", damaged_parts)
            pages = _slide_pages(content, styles, _objects(archive, damaged_parts))
    except (*BROKEN_ZIP, KeyError, SyntaxError) as exc:
        raise damaged(_SLIDES) from exc
    return loaded_in_part(path.name, pages, _SLIDES, damaged_parts)


def read_flat_text(path: Path) -> LoadedFile:
    """Read a text document that is a single XML file; what it holds of other programs stands inside of it."""
    root, damaged_parts = _flat(path, _TEXT)
    return loaded_in_part(path.name, [_text_page(root, root, _no_object)], _TEXT, damaged_parts)


def read_flat_slides(path: Path) -> LoadedFile:
    """Read a presentation that is a single XML file."""
    root, damaged_parts = _flat(path, _SLIDES)
    return loaded_in_part(path.name, _slide_pages(root, root, _no_object), _SLIDES, damaged_parts)


def _flat(path: Path, what: Message) -> tuple[Any, list[str]]:
    damaged_parts: list[str] = []
    root = parsed_in_part(bytes_of(path), path.name, damaged_parts)
    if root is None:
        raise damaged(what)
    return root, damaged_parts


def _no_object(_: str) -> None:
    return None


def _text_page(content: Any, styles: Any, objects: Any) -> Page:
    body = content.find(f"{OFFICE}body/{OFFICE}text")
    if body is None:
        raise damaged(_TEXT)
    writer = PageWriter()
    blocks = Blocks(writer, Styles([styles, content]), objects)
    blocks.write(body)
    for text in (*_heads_and_feet(styles, blocks), *blocks.apart):
        writer.paragraph(text)
    return writer.page(1)


def _slide_pages(content: Any, styles: Any, objects: Any) -> list[Page]:
    body = content.find(f"{OFFICE}body/{OFFICE}presentation")
    if body is None:
        raise damaged(_SLIDES)
    known = Styles([styles, content])
    slides = enumerate(body.iterchildren(f"{DRAW}page"), start=1)
    return [_slide(number, slide, known, objects) for number, slide in slides]


def _slide(number: int, slide: Any, styles: Styles, objects: Any) -> Page:
    count("pages")
    writer = PageWriter()
    blocks = Blocks(writer, styles, objects)
    frames = [frame for frame in slide if isinstance(frame.tag, str)]
    title = next((frame for frame in frames if frame.get(f"{PRESENTATION}class") == "title"), None)
    if title is not None:
        writer.heading(blocks.flat_text(title), 1)
    for frame in frames:
        if frame is not title and frame.tag != f"{PRESENTATION}notes":
            blocks.write([frame])
    for notes in slide.iterchildren(f"{PRESENTATION}notes"):
        boxes = [frame for frame in notes if frame.get(f"{PRESENTATION}class") == "notes"]
        if any(blocks.flat_text(box).strip() for box in boxes):
            writer.heading(_NOTES, 2)
            blocks.write(boxes)
    for text in blocks.apart:
        writer.paragraph(text)
    return writer.page(number, kind="slide", label=str(number))


def _opened(path: Path, what: Message) -> zipfile.ZipFile:
    check_archive(path, what)
    archive = zipfile.ZipFile(path)
    if b"encryption-data" in _manifest(archive):
        archive.close()
        raise DocumentError("loaders.protected_open_document")
    return archive


def _root(archive: zipfile.ZipFile, name: str, damaged_parts: list[str]) -> Any:
    """The root element of a part, with what could be read; an empty element where that is nothing."""
    from lxml import etree

    root = None
    if name in archive.NameToInfo:
        content, is_whole = salvaged(archive, archive.getinfo(name))
        if not is_whole:
            damaged_parts.append(name)
        root = parsed_in_part(content, name, damaged_parts)
        if root is not None and not root.tag.startswith((OFFICE, MATH)):
            damaged_parts.append(name)
    elif f'full-path="{name}"'.encode() in _manifest(archive):
        damaged_parts.append(name)  # listed, but not there
    return root if root is not None else etree.Element("none")


def _manifest(archive: zipfile.ZipFile) -> bytes:
    name = "META-INF/manifest.xml"
    return salvaged(archive, archive.getinfo(name))[0] if name in archive.NameToInfo else b""


def _objects(archive: zipfile.ZipFile, damaged_parts: list[str]) -> Any:
    """Gives the content of a formula or chart in the document by the address that a frame names, None for others."""
    names = frozenset(archive.namelist())

    def content(address: str) -> Any:
        folder = address.removeprefix("./").rstrip("/")
        if f"{folder}/content.xml" in names:
            found: list[str] = []
            root = _root(archive, f"{folder}/content.xml", found)
            damaged_parts.extend([folder] if found else [])
            return root
        if folder and folder not in names and "://" not in address and not address.startswith("/"):
            damaged_parts.append(folder)
        return None

    return content


def _heads_and_feet(styles: Any, blocks: Blocks) -> list[str]:
    """The text of each page header and footer once; page numbers by themselves say nothing."""
    found: dict[str, None] = {}
    for page in styles.iter(f"{STYLE}master-page"):
        for part in page:
            if part.tag in (
                f"{STYLE}{place}{side}" for place in ("header", "footer") for side in ("", "-left", "-first")
            ):
                text = " ".join(
                    text for block in part.iter(f"{TEXT}p", f"{TEXT}h") if (text := blocks.line(block).strip())
                )
                if any(map(str.isalpha, text)):
                    found[text] = None
    return list(found)
