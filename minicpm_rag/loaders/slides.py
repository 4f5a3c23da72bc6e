"""Reads PowerPoint presentations (pptx): one page a slide, with title, texts, tables, charts and notes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minicpm_rag.loaders.archive import check_archive, damaged
from minicpm_rag.loaders.files import loaded
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page

_WHAT = Message("loaders.presentation")
_NOTES = "Notes / 备注"
_DEEPEST_GROUP = 50


def read(path: Path) -> LoadedFile:
    """Read a presentation: one page for each slide, in the order shown."""
    import pptx
    from lxml.etree import XMLSyntaxError
    from pptx.exc import PythonPptxError

    check_archive(path, _WHAT)
    try:
        with path.open("rb") as file:
            presentation = pptx.Presentation(file)
        pages = [_page(number, slide) for number, slide in enumerate(presentation.slides, start=1)]
    except (PythonPptxError, XMLSyntaxError, KeyError, ValueError, AttributeError) as exc:
        raise damaged(_WHAT) from exc
    return loaded(path.name, pages)


def _page(number: int, slide: Any) -> Page:
    writer = PageWriter()
    title = slide.shapes.title
    if title is not None:
        writer.heading(title.text_frame.text.replace("\x0b", " "), 1)
    for shape in _shapes(slide.shapes):
        if title is None or shape.shape_id != title.shape_id:
            _write(shape, writer)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        notes = slide.notes_slide.notes_text_frame.text
        if notes.strip():
            writer.heading(_NOTES, 2)
            writer.paragraph(notes)
    return writer.page(number, kind="slide", label=str(number))


def _shapes(shapes: Any, depth: int = 0) -> Iterator[Any]:
    """Yield shapes from top to bottom as they are read, those inside groups included."""
    for shape in sorted(shapes, key=lambda each: (each.top or 0, each.left or 0)):
        if hasattr(shape, "shapes"):
            if depth < _DEEPEST_GROUP:
                yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _write(shape: Any, writer: PageWriter) -> None:
    if shape.has_text_frame:
        paragraphs = [paragraph.text.strip() for paragraph in shape.text_frame.paragraphs]
        writer.paragraph("\n".join(text for text in paragraphs if text))
    elif getattr(shape, "has_table", False):
        writer.table(_rows(shape.table))
    elif getattr(shape, "has_chart", False):
        _write_chart(shape.chart, writer)
    elif shape.element.tag.endswith("}graphicFrame"):
        # SmartArt: its texts are in a part of its own that python-pptx does not open.
        _write_diagram(shape, writer)


def _rows(table: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield rows, the first 1; a cell merged downwards is repeated in each row, sideways given once."""
    above: dict[int, str] = {}
    for number, row in enumerate(table.rows, start=1):
        cells: list[str] = []
        for column, cell in enumerate(row.cells):
            text = cell.text_frame.text
            if cell.is_spanned:
                text = above.get(column, "") if cell._tc.get("vMerge") in ("1", "true") else ""
            above[column] = text
            cells.append(text)
        yield number, cells


def _write_chart(chart: Any, writer: PageWriter) -> None:
    """Write a chart's numbers as a table of categories and series."""
    if chart.has_title and chart.chart_title.has_text_frame:
        writer.paragraph(chart.chart_title.text_frame.text)
    for plot in chart.plots:
        series = list(plot.series)
        rows = [["", *(str(one.name) for one in series)]]
        for index, category in enumerate(plot.categories):
            values = (one.values[index] if index < len(one.values) else None for one in series)
            rows.append([str(category), *("" if value is None else f"{value:.15g}" for value in values)])
        writer.table(enumerate(rows, start=1))


def _write_diagram(shape: Any, writer: PageWriter) -> None:
    from lxml import etree

    names = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
    relation = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}dm"
    for element in shape.element.iter(names):
        identifier = element.get(relation)
        if identifier and identifier in shape.part.rels:
            parser = etree.XMLParser(resolve_entities=False, no_network=True)
            root = etree.fromstring(shape.part.related_part(identifier).blob, parser)
            texts = ("".join(t.text or "" for t in p.iter("{*}t")) for p in root.iter("{*}p"))
            writer.paragraph("\n".join(text for text in texts if text.strip()))
