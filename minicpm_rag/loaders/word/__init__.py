"""Reads Word documents (docx): headings, paragraphs, tables in reading order, text boxes and notes.

Text deleted under tracked changes, comments, page headers and footers are left out. Numbers that Word makes
up for lists and headings are not in the file, so they are not in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minicpm_rag.loaders.archive import check_archive, damaged
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import Page

_WHAT = Message("loaders.word_document")
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_TEXT_BOX = f"{_W}txbxContent"
_SKIPPED = frozenset([f"{_W}del", f"{_W}moveFrom", f"{_W}instrText", f"{_W}delText", _FALLBACK])
_HEADING_NAME = re.compile(r"(?i)^(?:heading|标题|標題)\s*([1-9])$")
_DEEPEST_TABLE = 20


def word_page(path: Path) -> Page:
    """Return a Word document as one page: the file does not say where its pages break."""
    import docx
    from docx.opc.exceptions import OpcError
    from lxml.etree import XMLSyntaxError

    check_archive(path, _WHAT)
    try:
        with path.open("rb") as file:
            document = docx.Document(file)
        body = document.element.body
        levels = _heading_levels(document)
        notes = [part.blob for name, part in _parts(document) if name in ("footnotes", "endnotes")]
    except (OpcError, XMLSyntaxError, KeyError, ValueError, AttributeError) as exc:
        raise damaged(_WHAT) from exc
    writer = PageWriter()
    _write_blocks(body, writer, levels)
    _write_notes(notes, writer)
    return writer.page(1)


def _parts(document: Any) -> Iterator[tuple[str, Any]]:
    for relation in document.part.rels.values():
        if not relation.is_external:
            yield relation.reltype.rsplit("/", 1)[-1], relation.target_part


def _heading_levels(document: Any) -> dict[str, int]:
    """Return the heading level of each style that is or is based on a heading, Chinese names too."""
    styles = {style.get(f"{_W}styleId"): style for style in document.styles.element.iter(f"{_W}style")}
    levels: dict[str, int] = {}
    for identifier, style in styles.items():
        seen: set[str] = set()
        current, level = style, 0
        while current is not None and not level:
            level = _own_level(current)
            base = current.find(f"{_W}basedOn")
            key = base.get(f"{_W}val") if base is not None else None
            current = styles.get(key) if key and key not in seen else None
            seen.add(key or "")
        if level:
            levels[identifier] = level
    return levels


def _own_level(style: Any) -> int:
    name = style.find(f"{_W}name")
    text = name.get(f"{_W}val", "") if name is not None else ""
    match = _HEADING_NAME.match(text)
    if match:
        return int(match.group(1))
    if text.lower() == "title":
        return 1
    return _outline_level(style)


def _outline_level(element: Any) -> int:
    """Return the outline level set on a style or paragraph, 0 for body text."""
    outline = element.find(f"{_W}pPr/{_W}outlineLvl")
    value = outline.get(f"{_W}val", "9") if outline is not None else "9"
    return int(value) + 1 if value.isdigit() and int(value) < 9 else 0


def _write_blocks(container: Any, writer: PageWriter, levels: dict[str, int]) -> None:
    for element in _blocks(container):
        if element.tag == f"{_W}tbl":
            _write_table(element, writer, levels)
            continue
        text = _paragraph_text(element)
        style = element.find(f"{_W}pPr/{_W}pStyle")
        level = _outline_level(element) or (levels.get(style.get(f"{_W}val"), 0) if style is not None else 0)
        is_item = element.find(f"{_W}pPr/{_W}numPr") is not None
        if level and len(text) < 300:
            writer.heading(text, level)
        elif is_item and text.strip():
            writer.paragraph(f"- {text.strip()}", separator="\n")
        else:
            writer.paragraph(text)
        for box in element.iter(_TEXT_BOX):
            if not _inside_fallback(box):
                _write_blocks(box, writer, levels)


def _blocks(container: Any) -> Iterator[Any]:
    """Yield paragraphs and tables in order, content controls and tracked insertions opened."""
    stack = [iter(container)]
    while stack:
        element = next(stack[-1], None)
        if element is None:
            stack.pop()
        elif element.tag in (f"{_W}p", f"{_W}tbl"):
            yield element
        elif isinstance(element.tag, str) and element.tag not in _SKIPPED and element.tag != f"{_W}sectPr":
            stack.append(iter(element))


def _paragraph_text(paragraph: Any) -> str:
    """Return a paragraph's text: inserted text and link text count, deleted text and text boxes do not."""
    parts: list[str] = []
    stack = [iter(paragraph)]
    while stack:
        element = next(stack[-1], None)
        if element is None:
            stack.pop()
        elif element.tag in (f"{_W}t", "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"):
            parts.append(element.text or "")
        elif element.tag == f"{_W}tab":
            parts.append("\t" if element.getparent().tag == f"{_W}r" else "")
        elif element.tag in (f"{_W}br", f"{_W}cr"):
            parts.append("\n")
        elif element.tag == f"{_W}noBreakHyphen":
            parts.append("-")
        elif isinstance(element.tag, str) and element.tag not in _SKIPPED and element.tag != _TEXT_BOX:
            stack.append(iter(element))
    return "".join(parts)


def _inside_fallback(element: Any) -> bool:
    return any(parent.tag in (_FALLBACK, _TEXT_BOX) for parent in element.iterancestors())


def _write_table(table: Any, writer: PageWriter, levels: dict[str, int]) -> None:
    rows = list(_table_rows(table))
    if max((len(cells) for _, cells in rows), default=0) < 2 or len(rows) < 2:
        # A frame around text, not a table of data.
        for cell in table.iter(f"{_W}tc"):
            if sum(1 for parent in cell.iterancestors(f"{_W}tbl")) > _DEEPEST_TABLE:
                continue
            if next(cell.iterancestors(f"{_W}tbl")) is table:
                _write_blocks(cell, writer, levels)
        return
    writer.table(rows)


def _table_rows(table: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield rows, the first 1; a cell merged downwards is repeated in each row, sideways given once."""
    above: dict[int, str] = {}
    rows = (row for row in _direct(table, f"{_W}tr"))
    for number, row in enumerate(rows, start=1):
        cells: list[str] = []
        for cell in _direct(row, f"{_W}tc"):
            column = len(cells)
            merge = cell.find(f"{_W}tcPr/{_W}vMerge")
            text = _cell_text(cell)
            if merge is not None and merge.get(f"{_W}val", "continue") == "continue":
                text = above.get(column, "")
            above[column] = text
            span = cell.find(f"{_W}tcPr/{_W}gridSpan")
            width = span.get(f"{_W}val", "1") if span is not None else "1"
            cells += [text] + [""] * (min(int(width), 100) - 1 if width.isdigit() else 0)
        yield number, cells


def _direct(element: Any, tag: str) -> Iterator[Any]:
    """Yield children of that tag, those inside content controls included, without entering nested tables."""
    stack = [iter(element)]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
        elif child.tag == tag:
            yield child
        elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}ins", f"{_W}customXml"):
            stack.append(iter(child))


def _cell_text(cell: Any) -> str:
    """Return all text of a cell, nested tables included, their cells parted by spaces."""
    return " ".join(text for text in map(_paragraph_text, cell.iter(f"{_W}p")) if text.strip())


def _write_notes(parts: list[bytes], writer: PageWriter) -> None:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    for blob in parts:
        for note in etree.fromstring(blob, parser):
            if note.get(f"{_W}type", "normal") == "normal":
                writer.paragraph(" ".join(map(_paragraph_text, note.iter(f"{_W}p"))))
