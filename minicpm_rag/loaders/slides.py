"""Reads PowerPoint presentations (pptx and its kin): one page a slide, with all its texts, tables, charts and notes.

One odd shape never refuses a presentation: what of it cannot be read is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from minicpm_rag.loaders.archive import BROKEN_ZIP, check_archive, damaged
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.charts import DIAGRAM, write_chart, write_diagram
from minicpm_rag.loaders.files import loaded
from minicpm_rag.loaders.office import open_office
from minicpm_rag.loaders.tables import header_rows_of
from minicpm_rag.loaders.word.equations import equation_text
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page

_WHAT = Message("loaders.presentation")
_NOTES = "Notes / 备注"
_HIDDEN = "{number} (hidden / 隐藏)"
_DEEPEST_GROUP = 50
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_CHOICE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Choice"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MOST_SHAPES = 100  # more are a drawing, not columns of text


def read(path: Path) -> LoadedFile:
    """Read a presentation: one page for each slide, in the order shown."""
    import pptx
    from lxml.etree import XMLSyntaxError
    from pptx.exc import PythonPptxError

    check_archive(path, _WHAT)
    try:
        presentation = open_office(path, pptx.Presentation)
        authors = _authors(presentation)
        unread: list[str] = []
        pages = [_page(number, slide, authors, unread) for number, slide in enumerate(presentation.slides, start=1)]
    except (PythonPptxError, XMLSyntaxError, KeyError, AttributeError, TypeError, IndexError, *BROKEN_ZIP) as exc:
        raise damaged(_WHAT) from exc
    note = Message("loaders.embedded_not_read", names=list(dict.fromkeys(unread))) if unread else None
    return loaded(path.name, pages, note=note)


def _page(number: int, slide: Any, authors: dict[str, str], unread: list[str]) -> Page:
    count("pages")
    writer = PageWriter()
    title = slide.shapes.title
    if title is not None and not title.has_text_frame:  # a picture in the place of the title
        title = None
    if title is not None:
        writer.heading(_text(title.element).replace("\n", " "), 1)
    for shape in _in_reading_order(list(_shapes(slide.shapes))):
        if title is None or shape.element is not title.element:
            _write(shape, writer)
    for box in _alternatives(slide.element):
        writer.paragraph(_text(box))
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text
        if notes.strip():
            writer.heading(_NOTES, 2)
            writer.paragraph(notes)
    for text in _comments(slide, authors, unread):
        writer.paragraph(text)
    unread += [one_line(thing.get("progId", "OLE")) for thing in slide.element.iter(f"{_P}oleObj")]
    is_hidden = slide.element.get("show") in ("0", "false")
    return writer.page(number, kind="slide", label=_HIDDEN.format(number=number) if is_hidden else str(number))


def _authors(presentation: Any) -> dict[str, str]:
    """The names of those who wrote comments, by their numbers or identifiers."""
    from lxml.etree import XMLSyntaxError

    found: dict[str, str] = {}
    for relation in presentation.part.rels.values():
        if not relation.is_external and relation.reltype.endswith(("/commentAuthors", "/authors")):
            with suppress(XMLSyntaxError):  # comments say as much without their authors
                for author in _parsed(relation.target_part.blob).iter("{*}cmAuthor", "{*}author"):
                    found[author.get("id", "")] = author.get("name", "")
    return found


def _comments(slide: Any, authors: dict[str, str], unread: list[str]) -> Iterator[str]:
    """The comments on a slide and the replies to them, each with its author."""
    from lxml.etree import XMLSyntaxError

    for relation in slide.part.rels.values():
        if relation.is_external or not relation.reltype.endswith("/comments"):
            continue
        try:
            comments = _parsed(relation.target_part.blob)
        except XMLSyntaxError:  # the slide is read without them
            unread.append(str(relation.target_part.partname).rsplit("/", 1)[-1])
            continue
        for comment in comments.iter("{*}cm", "{*}reply"):
            # PowerPoint writes plain text until 2019, since then paragraphs; replies stand inside of a comment.
            own = comment.findtext(f"{_P}text") or "\n".join(map(_line, comment.iterfind(f"{{*}}txBody/{_A}p")))
            author = authors.get(comment.get("authorId", ""), "")
            if own.strip():
                yield f"{author}: {own}" if author else own


def _parsed(data: bytes) -> Any:
    from lxml import etree

    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))


def _shapes(shapes: Any, depth: int = 0) -> Iterator[Any]:
    """Yield shapes, those inside groups after one another."""
    if depth > _DEEPEST_GROUP:
        return
    for shape in shapes:
        if hasattr(shape, "shapes"):
            yield from _in_reading_order(list(_shapes(shape.shapes, depth + 1)))
        else:
            yield shape


def _in_reading_order(shapes: list[Any]) -> list[Any]:
    """Order shapes as they are read: parts above one another first, columns of several shapes from left to right.

    Recursive XY cut (Nagy and Seth, 1984). Boxes that stand in rows and columns are read column by column, as slides
    that compare two things mean it; a single row of boxes from left to right.
    """
    if not 1 < len(shapes) <= _MOST_SHAPES:
        return sorted(shapes, key=_place)
    ordered: list[Any] = []
    parts = _cut(shapes, "top", "height")
    while parts:
        # The longest run of parts below one another that stands in columns; else the first part by itself.
        several = next((several for several in range(len(parts), 1, -1) if _columns(_joined(parts[:several]))), 1)
        together = _joined(parts[:several])
        columns = _columns(together) if several > 1 else _cut(together, "left", "width")
        if len(columns) > 1:
            ordered += [shape for column in columns for shape in _in_reading_order(column)]
        else:
            ordered += sorted(together, key=_place)
        parts = parts[several:]
    return ordered


def _place(shape: Any) -> tuple[int, int]:
    return shape.top or 0, shape.left or 0


def _joined(parts: list[list[Any]]) -> list[Any]:
    return [shape for part in parts for shape in part]


def _columns(shapes: list[Any]) -> list[list[Any]]:
    """The columns that shapes stand in, of at least two shapes each; none where they do not."""
    columns = _cut(shapes, "left", "width")
    return columns if len(columns) > 1 and all(len(column) > 1 for column in columns) else []


def _cut(shapes: list[Any], start: str, size: str) -> list[list[Any]]:
    """Part shapes at the gaps between them along one axis; touching ones stay together."""
    parts: list[list[Any]] = []
    end = None
    for shape in sorted(shapes, key=lambda each: getattr(each, start) or 0):
        begins = getattr(shape, start) or 0
        if end is None or begins >= end:
            parts.append([])
        parts[-1].append(shape)
        end = max(end or 0, begins + (getattr(shape, size) or 0))
    return parts


def _write(shape: Any, writer: PageWriter) -> None:
    if shape.has_text_frame:
        writer.paragraph("\n".join(line for line in _text(shape.element).split("\n") if line.strip()))
    elif getattr(shape, "has_table", False):
        rows = list(_rows(shape.table))
        writer.table(rows, header_rows=header_rows_of([cells for _, cells in rows[:4]]))
    elif getattr(shape, "has_chart", False):
        write_chart(shape.chart_part.blob, writer)
    elif shape.element.tag.endswith("}graphicFrame"):
        _write_diagrams(shape, writer)


def _text(element: Any) -> str:
    """The text of a shape, a line for each paragraph, with its equations."""
    return "\n".join(_line(paragraph) for paragraph in element.iter(f"{_A}p"))


def _line(paragraph: Any) -> str:
    parts = []
    for part in paragraph.iter(f"{_A}t", f"{_A}br", f"{_MATH}oMath"):
        if any(parent.tag in (_FALLBACK, f"{_MATH}oMath") for parent in part.iterancestors()):
            continue  # an older form of what stands beside it, or a part of an equation that is written already
        if part.tag == f"{_A}t":
            parts.append(part.text or "")
        else:
            parts.append("\n" if part.tag == f"{_A}br" else equation_text(part))
    return "".join(parts).strip()


def _alternatives(slide: Any) -> Iterator[Any]:
    """Shapes that are there in a new and an old form, the new one: boxes with equations. python-pptx skips them."""
    for choice in slide.iter(_CHOICE):
        if next(choice.iterancestors(f"{_P}sp", f"{_P}graphicFrame"), None) is None:
            yield from choice.iter(f"{_P}sp")


def _rows(table: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield rows, the first 1; a cell merged downwards is repeated in each row, sideways given once."""
    above: dict[int, str] = {}
    # By all cells: each access to one of `table.rows` goes through all of them.
    by_row = itertools.groupby(table.iter_cells(), key=lambda cell: cell._tc.getparent())
    for number, (_, row) in enumerate(by_row, start=1):
        cells: list[str] = []
        for column, cell in enumerate(row):
            text = cell.text_frame.text
            if cell.is_spanned:
                text = above.get(column, "") if cell._tc.get("vMerge") in ("1", "true") else ""
            above[column] = text
            cells.append(text)
        yield number, cells


def _write_diagrams(shape: Any, writer: PageWriter) -> None:
    """Write SmartArt: its texts are in a part of its own that python-pptx does not open."""
    relation = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}dm"
    for element in shape.element.iter(DIAGRAM):
        identifier = element.get(relation)
        if identifier and identifier in shape.part.rels:
            write_diagram(shape.part.related_part(identifier).blob, writer)
