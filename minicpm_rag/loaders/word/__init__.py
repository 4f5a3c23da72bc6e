"""Reads Word documents (docx and its kin): headings, paragraphs and tables in reading order, with their numbers.

Left out: text deleted under tracked changes, hidden text, and the table of contents, whose entries are the headings
again. Page headers and footers, notes and comments stand apart, behind the text. A damaged part is read as far as it
goes and named in the verdict; it keeps nothing else out.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import BROKEN_ZIP, check_archive, damaged
from minicpm_rag.loaders.bounds import MOST_STYLES, count, number_of
from minicpm_rag.loaders.charts import CHART, DIAGRAM, NEW_CHART, write_chart, write_diagram
from minicpm_rag.loaders.elements import inside
from minicpm_rag.loaders.encodings import decode
from minicpm_rag.loaders.mending import embedded_note, loaded_in_part
from minicpm_rag.loaders.office import open_office
from minicpm_rag.loaders.word.headings import level_by_look, tells_by_bold
from minicpm_rag.loaders.word.numbering import Numbering, read_numbering
from minicpm_rag.loaders.word.runs import FALLBACK, SKIPPED, TEXT_BOX, Runs, W
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.loaders.xml_parts import file_name, parsed_in_part
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile
from minicpm_rag.text.table_headers import header_rows_of

_WHAT = Message("loaders.word_document")
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_RELATION = f"{_R}id"
_OBJECT = "{urn:schemas-microsoft-com:office:office}OLEObject"
_PARTS_READ = ("/aFChunk", "/chart", "/chartEx", "/diagramData")  # ends of the kinds of relations
_HEADING_NAME = re.compile(r"(?i)^(?:heading|标题|標題)\s*([1-9])$")
_CONTENTS_NAME = re.compile(r"(?i)^(?:toc|目录|目錄)\s*[1-9]$")
# Styles that programs base on that of the title without being headings.
_UNDER_TITLE = re.compile(r"(?i)author|date|subtitle|abstract|作者|日期|副标题|摘要")
_MOST_COLUMNS = 100  # Word allows 63
_DEEPEST_TABLE = 20
_DEEPEST_CHUNK = 5  # documents inside documents


@dataclass
class _Document:
    """What is needed to write a document's text."""

    runs: Runs
    numbering: Numbering = field(default_factory=Numbering)
    levels: dict[str, int] = field(default_factory=dict)  # heading level by paragraph style
    contents: frozenset[str] = frozenset()  # paragraph styles of a table of contents
    embedded: dict[str, Any] = field(default_factory=dict)  # charts, diagrams and parts of other formats, by relation
    by_look: bool = False  # whether headings are told by their look, because no style marks them
    by_bold: bool = False  # whether boldness tells them
    depth: int = 0  # of a document inside documents
    unread: list[str] = field(default_factory=list)  # names of embedded parts that were not read
    damaged: list[str] = field(default_factory=list)  # names of parts that were read in part at most


def read(path: Path) -> LoadedFile:
    """Read a Word document as one page: the file does not say where its pages break."""
    writer = PageWriter()
    unread: list[str] = []
    damaged_parts: list[str] = []
    _write_document(path, writer, 0, unread, damaged_parts)
    return loaded_in_part(path.name, [writer.page(1)], _WHAT, damaged_parts, embedded_note(unread))


def _write_document(path: Path, writer: PageWriter, depth: int, unread: list[str], damaged_parts: list[str]) -> None:
    """Write the text of a document, and of the documents that it holds; name what was not read or is damaged."""
    import docx
    from docx.opc.exceptions import OpcError

    check_archive(path, _WHAT)
    broken = (OpcError, SyntaxError, LookupError, AttributeError, TypeError, *BROKEN_ZIP)
    try:
        document = open_office(path, docx.Document, broken, damaged_parts)
        parts = list(_parts(document))
        styles = document.styles.element
        roots = [(name, _root(name, part, damaged_parts)) for name, part in parts if name in _ROOTS]
        reading = _Document(
            Runs(styles),
            read_numbering(next((root for name, root in roots if name == "numbering"), None), styles),
            _heading_levels(styles),
            frozenset(
                str(style.get(f"{W}styleId"))
                for style in styles.iter(f"{W}style")
                if _CONTENTS_NAME.match(_style_name(style))
            )
            | {f"toc{level}" for level in range(1, 10)}
            | {f"TOC{level}" for level in range(1, 10)},
            {
                identifier: relation.target_part
                for identifier, relation in document.part.rels.items()
                if not relation.is_external and relation.reltype.endswith(_PARTS_READ)
            },
            depth=depth,
            unread=unread,
            damaged=damaged_parts,
        )
        body = document.element.body
        reading.by_look = not any(style.get(f"{W}val") in reading.levels for style in body.iter(f"{W}pStyle"))
        reading.by_bold = reading.by_look and tells_by_bold(body)
        damaged_parts += ["styles.xml"] if styles.tag != f"{W}styles" else []
        damaged_parts += _named_but_missing(body, {name for name, _ in parts})
    except broken as exc:
        raise damaged(_WHAT) from exc
    _write_blocks(body, writer, reading)
    _write_apart(roots, writer, reading.runs)


# The root elements of parts, by the end of the kind of relation.
_ROOTS = {
    "numbering": "numbering", "footnotes": "footnotes", "endnotes": "endnotes", "header": "hdr", "footer": "ftr",
    "comments": "comments",
}  # fmt: skip
_APART = ("footnotes", "endnotes", "header", "footer", "comments")
# Marks in the text of what stands in another part.
_MARKS = {"footnoteReference": "footnotes", "endnoteReference": "endnotes", "commentReference": "comments"}
_MARKS |= {"headerReference": "header", "footerReference": "footer"}


def _parts(document: Any) -> Iterator[tuple[str, Any]]:
    for relation in document.part.rels.values():
        if not relation.is_external:
            yield relation.reltype.rsplit("/", 1)[-1], relation.target_part


def _root(kind: str, part: Any, damaged_parts: list[str]) -> Any:
    """The root element of a part, with what could be read; None where that is nothing."""
    root = parsed_in_part(part.blob, part.partname, damaged_parts)
    if root is not None and root.tag != f"{W}{_ROOTS[kind]}":
        damaged_parts.append(file_name(part.partname))
        return None
    return root


def _named_but_missing(body: Any, present: set[str]) -> Iterator[str]:
    """What the text refers to without that the document has such a part."""
    for mark, kind in _MARKS.items():
        if kind not in present and next(body.iter(f"{W}{mark}"), None) is not None:
            yield kind


def _style_name(style: Any) -> str:
    name = style.find(f"{W}name")
    return str(name.get(f"{W}val", "")) if name is not None else ""


def _heading_levels(root: Any) -> dict[str, int]:
    """Return the heading level of each style that is or is based on a heading, Chinese names too."""
    styles = {style.get(f"{W}styleId"): style for style in root.iter(f"{W}style")}
    levels: dict[str, int] = {}
    for identifier, style in styles.items():
        seen: set[str] = set()
        current, level = style, 0
        while current is not None and not level and len(seen) < MOST_STYLES:
            level = _own_level(current)
            if level and current is not style and _style_name(current).lower() == "title":
                level = 0 if _UNDER_TITLE.search(_style_name(style)) else level
                break
            base = current.find(f"{W}basedOn")
            key = base.get(f"{W}val") if base is not None else None
            current = styles.get(key) if key and key not in seen else None
            seen.add(key or "")
        if level:
            levels[identifier] = level
    return levels


def _own_level(style: Any) -> int:
    text = _style_name(style)
    match = _HEADING_NAME.match(text)
    if match:
        return int(match.group(1))
    if text.lower() == "title":
        return 1
    return _outline_level(style)


def _outline_level(element: Any) -> int:
    """Return the outline level set on a style or paragraph, 0 for body text."""
    outline = element.find(f"{W}pPr/{W}outlineLvl")
    level = number_of(outline.get(f"{W}val"), 9) if outline is not None else 9
    return level + 1 if level < 9 else 0


def _write_blocks(container: Any, writer: PageWriter, document: _Document) -> None:
    for element in _blocks(container):
        if element.tag == f"{W}tbl":
            _write_table(element, writer, document)
        elif element.tag == f"{W}altChunk":
            _write_chunk(document.embedded.get(element.get(_RELATION, "")), writer, document)
        else:
            _write_paragraph(element, writer, document)


def _write_paragraph(element: Any, writer: PageWriter, document: _Document) -> None:
    found = element.find(f"{W}pPr/{W}pStyle")
    style = found.get(f"{W}val", "") if found is not None else ""
    if style in document.contents:
        return
    text = document.runs.text(element)
    level = _outline_level(element) or document.levels.get(style, 0)
    if not level and document.by_look:
        level = level_by_look(element, text, by_bold=document.by_bold)
    label = document.numbering.label(element, style) if text.strip() else None
    if level and len(text) < 300:
        writer.heading(f"{label} {text}" if label and label != "-" else text, level)
    elif label is not None and text.strip():
        writer.paragraph(f"{label} {text.strip()}".strip(), separator="\n")
    else:
        writer.paragraph(text)
    for box in element.iter(TEXT_BOX):
        if not _inside_fallback(box):
            _write_blocks(box, writer, document)
    _write_drawings(element, writer, document)


def _write_drawings(element: Any, writer: PageWriter, document: _Document) -> None:
    """Write the charts and diagrams that are anchored in a paragraph or table; name objects of other programs."""
    for drawing in element.iter(CHART, NEW_CHART, DIAGRAM, _OBJECT):
        if _inside_fallback(drawing):
            continue  # an older form of what stands beside it, or written with the text box that it is in
        if drawing.tag == _OBJECT:
            document.unread.append(one_line(drawing.get("ProgID", "OLE")))
            continue
        part = document.embedded.get(drawing.get(f"{_R}dm" if drawing.tag == DIAGRAM else _RELATION, ""))
        if part is None:
            document.damaged.append("diagram" if drawing.tag == DIAGRAM else "chart")  # its part is missing
            continue
        root = parsed_in_part(part.blob, part.partname, document.damaged)
        if root is not None and not (write_diagram if drawing.tag == DIAGRAM else write_chart)(root, writer):
            document.damaged.append(file_name(part.partname))


def _write_chunk(part: Any, writer: PageWriter, document: _Document) -> None:
    """Write a file that Word merges when it opens the document: HTML, text, rich text, a document, a saved page."""
    if part is None:
        return
    from minicpm_rag.loaders.html import decode_html, write_html
    from minicpm_rag.loaders.mail import write_saved_page
    from minicpm_rag.loaders.plain_rich_text import write_plainly

    kind, name = part.content_type.lower(), str(part.partname).rsplit("/", 1)[-1]
    if "html" in kind:
        write_html(decode_html(part.blob).text, writer)
    elif "text/plain" in kind:
        writer.paragraph(decode(part.blob).text)
    elif "rtf" in kind:
        try:
            write_plainly(part.blob, writer)
        except DocumentError:
            document.unread.append(name)
    elif "word" in kind and document.depth < _DEEPEST_CHUNK:
        _write_inner_document(part.blob, name, writer, document)
    elif kind not in ("message/rfc822", "multipart/related") or not write_saved_page(part.blob, writer):
        document.unread.append(name)


def _write_inner_document(content: bytes, name: str, writer: PageWriter, document: _Document) -> None:
    """Write a document inside a document; where it is damaged, the outer one is read without it, and says so."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "inner.docx")
        path.write_bytes(content)
        try:
            _write_document(path, writer, document.depth + 1, document.unread, document.damaged)
        except DocumentError:
            document.unread.append(name)


def _blocks(container: Any) -> Iterator[Any]:
    """Yield paragraphs and tables in order, content controls and tracked insertions opened."""
    stack = [iter(container)]
    while stack:
        element = next(stack[-1], None)
        if element is None:
            stack.pop()
        elif element.tag in (f"{W}p", f"{W}tbl", f"{W}altChunk"):
            yield element
        elif element.tag == f"{W}sdt" and _is_contents(element):
            continue
        elif isinstance(element.tag, str) and element.tag not in SKIPPED and element.tag != f"{W}sectPr":
            stack.append(iter(element))


def _is_contents(control: Any) -> bool:
    """Whether a content control is a table of contents."""
    gallery = control.find(f"{W}sdtPr/{W}docPartObj/{W}docPartGallery")
    return gallery is not None and gallery.get(f"{W}val") == "Table of Contents"


def _inside_fallback(element: Any) -> bool:
    return any(parent.tag in (FALLBACK, TEXT_BOX) for parent in element.iterancestors())


def _write_table(table: Any, writer: PageWriter, document: _Document) -> None:
    rows = list(_table_rows(table, document.runs))
    if max((len(cells) for _, cells in rows), default=0) < 2 or len(rows) < 2:
        # A frame around text, not a table of data.
        for cell in table.iter(f"{W}tc"):
            if sum(1 for parent in cell.iterancestors(f"{W}tbl")) > _DEEPEST_TABLE:
                continue
            if next(cell.iterancestors(f"{W}tbl")) is table:
                _write_blocks(cell, writer, document)
        return
    writer.table(rows, header_rows=_marked_headers(table) or header_rows_of([cells for _, cells in rows[:4]]))
    _write_drawings(table, writer, document)


def _marked_headers(table: Any) -> int:
    """How many of the first rows Word repeats on each page; 0 where it repeats none."""
    count = 0
    for row in _direct(table, f"{W}tr"):
        if row.find(f"{W}trPr/{W}tblHeader") is None:
            break
        count += 1
    return min(count, 3)


def _table_rows(table: Any, runs: Runs) -> Iterator[tuple[int, list[str]]]:
    """Yield rows, the first 1; a cell merged downwards is repeated in each row, sideways given once."""
    above: dict[int, str] = {}
    rows = (row for row in _direct(table, f"{W}tr"))
    for number, row in enumerate(rows, start=1):
        cells: list[str] = []
        for cell in _direct(row, f"{W}tc"):
            column = len(cells)
            merge = cell.find(f"{W}tcPr/{W}vMerge")
            text = _cell_text(cell, runs)
            if merge is not None and merge.get(f"{W}val", "continue") == "continue":
                text = above.get(column, "")
            above[column] = text
            span = cell.find(f"{W}tcPr/{W}gridSpan")
            width = span.get(f"{W}val") if span is not None else None
            columns = max(1, min(number_of(width, 1), _MOST_COLUMNS))
            count("cells", columns)
            cells += [text] + [""] * (columns - 1)
        yield number, cells


def _direct(element: Any, tag: str) -> Iterator[Any]:
    """Yield children of that tag, those inside content controls included, without entering nested tables."""
    return inside(element, tag, {f"{W}sdt", f"{W}sdtContent", f"{W}ins", f"{W}customXml"}.__contains__)


def _cell_text(cell: Any, runs: Runs) -> str:
    """Return all text of a cell, nested tables included, their cells parted by spaces."""
    return " ".join(text for text in map(runs.text, cell.iter(f"{W}p")) if text.strip())


def _write_apart(parts: list[tuple[str, Any]], writer: PageWriter, runs: Runs) -> None:
    """Write what stands outside of the text: notes, each header and footer once, comments with their author."""
    written: set[str] = set()
    for wanted in _APART:
        for root in (root for name, root in parts if name == wanted and root is not None):
            for block in [root] if wanted in ("header", "footer") else list(root):
                if not isinstance(block.tag, str) or block.get(f"{W}type", "normal") != "normal":
                    continue
                text = " ".join(text for text in map(runs.text, block.iter(f"{W}p")) if text.strip())
                if wanted in ("header", "footer"):
                    if not any(letter.isalpha() for letter in text) or text in written:
                        continue  # a page number by itself, or the same header of another section
                    written.add(text)
                author = one_line(block.get(f"{W}author", ""))
                writer.paragraph(f"{author}: {text}" if author and text.strip() else text)
