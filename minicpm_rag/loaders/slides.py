"""Reads PowerPoint presentations (pptx and its kin): one page a slide, with all its texts, tables, charts and notes.

One odd shape or damaged part never refuses a presentation: the rest is read, and the verdict names it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minicpm_rag.loaders.archive import BROKEN_ZIP, check_archive, damaged
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.charts import CHART, DIAGRAM, NEW_CHART, write_chart, write_diagram
from minicpm_rag.loaders.mending import embedded_note, loaded_in_part
from minicpm_rag.loaders.office import open_office
from minicpm_rag.loaders.word.equations import equation_text
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.loaders.xml_parts import file_name, parsed_in_part
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page
from minicpm_rag.text.struck import joined
from minicpm_rag.text.table_headers import header_rows_of

_WHAT = Message("loaders.presentation")
_NOTES = "Notes / 备注"
_HIDDEN = "{number} (hidden / 隐藏)"
_DEEPEST_GROUP = 50
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_CHOICE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Choice"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
# What the elements of graphic frames refer to, and by which attribute.
_DRAWN = {CHART: f"{_R}id", NEW_CHART: f"{_R}id", DIAGRAM: f"{_R}dm"}
_MOST_SHAPES = 100  # more are a drawing, not columns of text


@dataclass
class _Reading:
    """What is known of a presentation beside its slides, and what could not be read of it."""

    authors: dict[str, str] = field(default_factory=dict)  # of comments, by number or identifier
    unread: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def read(path: Path) -> LoadedFile:
    """Read a presentation: one page for each slide, in the order shown."""
    import pptx

    check_archive(path, _WHAT)
    broken, reading = _broken(), _Reading()
    try:
        presentation = open_office(path, pptx.Presentation, broken, reading.damaged)
        reading.authors = _authors(presentation)
        pages = [_slide(number, place, presentation, reading) for number, place in _places(presentation, reading)]
    except broken as exc:
        raise damaged(_WHAT) from exc
    return loaded_in_part(path.name, pages, _WHAT, reading.damaged, embedded_note(reading.unread))


def _broken() -> tuple[type[BaseException], ...]:
    """What python-pptx raises for what is not as it expects."""
    from pptx.exc import PythonPptxError

    return (PythonPptxError, SyntaxError, LookupError, AttributeError, TypeError, *BROKEN_ZIP)


def _places(presentation: Any, reading: _Reading) -> list[tuple[int, int]]:
    """The number of each slide that is there, and its place among these. Those that are missing are named.

    They are taken out of the list of slides, which python-pptx gives whole or not at all.
    """
    found: list[tuple[int, int]] = []
    for number, entry in enumerate(list(presentation.element.iter(f"{_P}sldId")), start=1):
        if entry.get(f"{_R}id") in presentation.part.rels:
            found.append((number, len(found)))
        else:
            reading.damaged.append(f"slide {number}")
            entry.getparent().remove(entry)
    return found


def _slide(number: int, place: int, presentation: Any, reading: _Reading) -> Page:
    """The page of a slide; of one that is damaged what could be read."""
    count("pages")
    writer = PageWriter()
    label = str(number)
    try:
        slide = presentation.slides[place]
        if slide.element.get("show") in ("0", "false"):
            label = _HIDDEN.format(number=number)
        _write_slide(slide, writer, reading)
    except _broken():
        reading.damaged.append(f"slide {number}")
    return writer.page(number, kind="slide", label=label)


def _write_slide(slide: Any, writer: PageWriter, reading: _Reading) -> None:
    title = None
    with suppress(*_broken()):  # a title that is none is a shape like others
        title = slide.shapes.title
    if title is not None and not title.has_text_frame:  # a picture in the place of the title
        title = None
    if title is not None:
        writer.heading(_text(title.element).replace("\n", " "), 1)
    for shape in _in_reading_order(list(_shapes(slide.shapes))):
        if title is None or shape.element is not title.element:
            _write_whole(shape, slide, writer, reading)
    for element in _alternatives(slide.element):
        if element.tag == f"{_P}sp":
            writer.paragraph(_text(element))
        else:
            _write_frame(element, slide, writer, reading)
    try:
        notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
        text = notes.text if notes is not None else ""
    except _broken():
        reading.damaged.append(_NOTES)
        text = ""
    if text.strip():
        writer.heading(_NOTES, 2)
        writer.paragraph(text)
    for text in _comments(slide, reading):
        writer.paragraph(text)
    reading.unread += [one_line(thing.get("progId", "OLE")) for thing in slide.element.iter(f"{_P}oleObj")]


def _write_whole(shape: Any, slide: Any, writer: PageWriter, reading: _Reading) -> None:
    """Write a shape; of one that is not as python-pptx expects its bare text, and its name for the verdict."""
    try:
        _write(shape, slide, writer, reading)
    except _broken():
        reading.damaged.append(_name(shape.element))
        writer.paragraph(_text(shape.element))


def _name(element: Any) -> str:
    """What PowerPoint calls a shape: "Chart 3"."""
    own = next(element.iter(f"{_P}cNvPr"), None)
    return one_line(own.get("name", "")) if own is not None and own.get("name") else "shape"


def _authors(presentation: Any) -> dict[str, str]:
    """The names of those who wrote comments, by their numbers or identifiers; comments say as much without them."""
    found: dict[str, str] = {}
    for relation in presentation.part.rels.values():
        if not relation.is_external and relation.reltype.endswith(("/commentAuthors", "/authors")):
            root = parsed_in_part(relation.target_part.blob, "", [])
            for author in root.iter("{*}cmAuthor", "{*}author") if root is not None else ():
                found[author.get("id", "")] = author.get("name", "")
    return found


def _comments(slide: Any, reading: _Reading) -> Iterator[str]:
    """The comments on a slide and the replies to them, each with its author."""
    for relation in slide.part.rels.values():
        if relation.is_external or not relation.reltype.endswith("/comments"):
            continue
        comments = parsed_in_part(relation.target_part.blob, relation.target_part.partname, reading.damaged)
        for comment in comments.iter("{*}cm", "{*}reply") if comments is not None else ():
            # PowerPoint writes plain text until 2019, since then paragraphs; replies stand inside of a comment.
            own = comment.findtext(f"{_P}text") or "\n".join(map(_line, comment.iterfind(f"{{*}}txBody/{_A}p")))
            author = reading.authors.get(comment.get("authorId", ""), "")
            if own.strip():
                yield f"{author}: {own}" if author else own


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
    return _measure(shape, "top"), _measure(shape, "left")


def _measure(shape: Any, name: str) -> int:
    """Where a shape is or how large; 0 where it does not say, as where the layout that says so is missing."""
    with suppress(*_broken()):
        return getattr(shape, name) or 0
    return 0


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
    for shape in sorted(shapes, key=lambda each: _measure(each, start)):
        begins = _measure(shape, start)
        if end is None or begins >= end:
            parts.append([])
        parts[-1].append(shape)
        end = max(end or 0, begins + _measure(shape, size))
    return parts


def _write(shape: Any, slide: Any, writer: PageWriter, reading: _Reading) -> None:
    if shape.has_text_frame:
        writer.paragraph("\n".join(line for line in _text(shape.element).split("\n") if line.strip()))
    elif getattr(shape, "has_table", False):
        rows = list(_rows(shape.table))
        writer.table(rows, header_rows=header_rows_of([cells for _, cells in rows[:4]]))
    elif shape.element.tag == f"{_P}graphicFrame":
        _write_frame(shape.element, slide, writer, reading)


def _write_frame(frame: Any, slide: Any, writer: PageWriter, reading: _Reading) -> None:
    """Write the chart or diagram in a frame, which is in a part of its own; a frame of another kind is named."""
    drawn = list(frame.iter(*_DRAWN))
    for element in drawn:
        relation = slide.part.rels.get(element.get(_DRAWN[element.tag], ""))
        if relation is None or relation.is_external:
            reading.damaged.append(_name(frame))  # its part is missing
            continue
        part = relation.target_part
        root = parsed_in_part(part.blob, part.partname, reading.damaged)
        if root is not None and not (write_diagram if element.tag == DIAGRAM else write_chart)(root, writer):
            reading.damaged.append(file_name(part.partname))
    if not drawn and next(frame.iter(f"{_P}oleObj"), None) is None:
        writer.paragraph(_text(frame))
        reading.unread.append(_name(frame))


def _text(element: Any) -> str:
    """The text of a shape, a line for each paragraph, with its equations."""
    return "\n".join(_line(paragraph) for paragraph in element.iter(f"{_A}p"))


def _line(paragraph: Any) -> str:
    parts: list[tuple[str, bool]] = []
    for part in paragraph.iter(f"{_A}t", f"{_A}br", f"{_MATH}oMath"):
        if any(parent.tag in (_FALLBACK, f"{_MATH}oMath") for parent in part.iterancestors()):
            continue  # an older form of what stands beside it, or a part of an equation that is written already
        if part.tag == f"{_A}t":
            properties = part.getparent().find(f"{_A}rPr")
            strike = properties.get("strike", "noStrike") if properties is not None else "noStrike"
            parts.append((part.text or "", strike != "noStrike"))
        else:
            parts.append(("\n" if part.tag == f"{_A}br" else equation_text(part), False))
    return joined(parts).strip()


def _alternatives(slide: Any) -> Iterator[Any]:
    """Shapes that are there in a new and an old form, the new one: boxes with equations, the newer kinds of charts.

    python-pptx skips them.
    """
    for choice in slide.iter(_CHOICE):
        if next(choice.iterancestors(f"{_P}sp", f"{_P}graphicFrame"), None) is None:
            yield from choice.iter(f"{_P}sp", f"{_P}graphicFrame")


def _rows(table: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield rows, the first 1; a cell merged downwards is repeated in each row, sideways given once."""
    above: dict[int, str] = {}
    # By all cells: each access to one of `table.rows` goes through all of them.
    by_row = itertools.groupby(table.iter_cells(), key=lambda cell: cell._tc.getparent())
    for number, (_, row) in enumerate(by_row, start=1):
        cells: list[str] = []
        for column, cell in enumerate(row):
            text = _text(cell._tc)
            if cell.is_spanned:
                text = above.get(column, "") if cell._tc.get("vMerge") in ("1", "true") else ""
            above[column] = text
            cells.append(text)
        yield number, cells
