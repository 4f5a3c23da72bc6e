"""Writes charts and diagrams of Office files: the table of a chart's values, the list of a diagram's texts.

Read from their XML (DrawingML, ECMA-376 part 1, chapter 21): python-pptx knows fewer kinds of charts than PowerPoint
(no 3-D ones, none with two kinds of axes), python-docx and openpyxl give none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minicpm_rag.loaders.bounds import count, number_of
from minicpm_rag.loaders.cell_values import is_date_format, shown
from minicpm_rag.loaders.writer import PageWriter

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
CHART = f"{_C}chart"  # in a drawing: names the part that holds the chart
DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_MOST_POINTS = 10_000  # of a series


def write_chart(data: bytes, writer: PageWriter) -> None:
    """Write a chart's title and axes' names, then its numbers as a table of categories and series."""
    root = _parsed(data)
    for title in titles_of(root):
        writer.paragraph(title, separator="\n\n")
    columns: list[tuple[str, dict[int, str]]] = []
    categories: dict[int, str] = {}
    for series in root.iter(f"{_C}ser"):
        name = series.find(f"{_C}tx")
        columns.append((_first_value(name), _points(series, "val", "yVal")))
        categories = {**_points(series, "cat", "xVal"), **categories}
    indices = sorted({index for _, values in columns for index in values} | categories.keys())[:_MOST_POINTS]
    count("cells", len(indices) * len(columns))
    rows = [
        [categories.get(index, str(index + 1)), *(values.get(index, "") for _, values in columns)] for index in indices
    ]
    if rows:
        writer.table(enumerate([["", *(name for name, _ in columns)], *rows], start=1))


def chart_titles(data: bytes) -> list[str]:
    """The title of a chart and the names of its axes."""
    return list(titles_of(_parsed(data)))


def titles_of(root: Any) -> Iterator[str]:
    """The title of a chart and the names of its axes, from its root element."""
    for title in root.iter(f"{_C}title"):
        text = " ".join(filter(None, map(_line, title.iter(f"{_A}p")))) or _first_value(title)
        if text:
            yield text


def write_diagram(data: bytes, writer: PageWriter) -> None:
    """Write the texts of a diagram (SmartArt), a line for each."""
    root = _parsed(data)
    texts = ("".join(t.text or "" for t in paragraph.iter("{*}t")) for paragraph in root.iter("{*}p"))
    writer.paragraph("\n".join(text for text in texts if text.strip()))


def _parsed(data: bytes) -> Any:
    from lxml import etree

    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))


def _line(paragraph: Any) -> str:
    return "".join(part.text or "" for part in paragraph.iter(f"{_A}t")).strip()


def _first_value(element: Any) -> str:
    value = element.find(f".//{_C}v") if element is not None else None
    return str(value.text or "") if value is not None else ""


def _points(series: Any, *names: str) -> dict[int, str]:
    """The values that a chart keeps of its workbook, by their index; of several levels the innermost."""
    source = next((found for name in names if (found := series.find(f"{_C}{name}")) is not None), None)
    if source is None:
        return {}
    level = source.find(f".//{_C}lvl")
    usual = source.findtext(f".//{_C}formatCode") or ""
    points: dict[int, str] = {}
    for point in (source if level is None else level).iter(f"{_C}pt"):
        index, text = point.get("idx", ""), _first_value(point)
        points[number_of(index, 0)] = _as_shown(text, point.get("formatCode", usual))
    return points


def _as_shown(text: str, number_format: str) -> str:
    """A number in its format and without the noise of binary fractions, a date as one; other text as it is."""
    try:
        value = float(text)
    except ValueError:
        return text
    if is_date_format(number_format):
        from openpyxl.utils.datetime import from_excel

        try:
            return shown(from_excel(value), number_format)
        except (ValueError, OverflowError):
            return text
    if number_format in ("", "General"):
        return f"{value:.12g}" if "." in text else text
    return shown(value, number_format)
