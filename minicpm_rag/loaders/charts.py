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
_CX = "{http://schemas.microsoft.com/office/drawing/2014/chartex}"
CHART = f"{_C}chart"  # in a drawing: names the part that holds the chart
NEW_CHART = f"{_CX}chart"  # the same for the kinds since Office 2016: waterfall, funnel, treemap and others
DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_MOST_POINTS = 10_000  # of a series


def write_chart(root: Any, writer: PageWriter) -> bool:
    """Write a chart's title and axes' names, then its numbers as a table of categories and series.

    Returns whether `root` is that of a chart.
    """
    if root.tag not in (f"{_C}chartSpace", f"{_CX}chartSpace"):
        return False
    for title in titles_of(root):
        writer.paragraph(title, separator="\n\n")
    columns: list[tuple[str, dict[int, str]]] = []
    categories: dict[int, str] = {}
    for name, points, own_categories in _new_series(root) if root.tag.startswith(_CX) else _series(root):
        columns.append((name, points))
        categories = {**own_categories, **categories}
    indices = sorted({index for _, values in columns for index in values} | categories.keys())[:_MOST_POINTS]
    count("cells", len(indices) * len(columns))
    rows = [
        [categories.get(index, str(index + 1)), *(values.get(index, "") for _, values in columns)] for index in indices
    ]
    if rows:
        writer.table(enumerate([["", *(name for name, _ in columns)], *rows], start=1))
    return True


def _series(root: Any) -> Iterator[tuple[str, dict[int, str], dict[int, str]]]:
    """The name, values and categories of each series."""
    for series in root.iter(f"{_C}ser"):
        name = _first_value(series.find(f"{_C}tx"))
        yield name, _points(series, "val", "yVal"), _points(series, "cat", "xVal")
        if sizes := _points(series, "bubbleSize"):
            yield f"{name} (size / 大小)", sizes, {}


def _new_series(root: Any) -> Iterator[tuple[str, dict[int, str], dict[int, str]]]:
    """The same of the newer kinds, whose series name their data by a number; of a hierarchy all levels are given."""
    data = {found.get("id"): found for found in root.iter(f"{_CX}data")}
    for series in root.iter(f"{_CX}series"):
        found = series.find(f"{_CX}dataId")
        own = data.get(found.get("val")) if found is not None else None
        dimensions = own if own is not None else ()
        points: dict[int, str] = {}
        categories: dict[int, str] = {}
        for dimension in dimensions:
            if dimension.get("type") in ("cat", "entityId", "x"):
                for level in reversed(dimension.findall(f"{_CX}lvl")):  # the innermost comes first
                    for index, text in _new_points(level).items():
                        categories[index] = f"{categories[index]} / {text}" if index in categories else text
            elif dimension.tag == f"{_CX}numDim":
                points |= {
                    index: text for level in dimension.iter(f"{_CX}lvl") for index, text in _new_points(level).items()
                }
        yield _first_value(series.find(f"{_CX}tx")), points, categories


def _new_points(level: Any) -> dict[int, str]:
    form = level.get("formatCode", "")
    return {
        number_of(point.get("idx", ""), 0): _as_shown((point.text or "").strip(), form)
        for point in level.iter(f"{_CX}pt")
        if (point.text or "").strip()
    }


def titles_of(root: Any) -> Iterator[str]:
    """The title of a chart and the names of its axes, from its root element."""
    for title in root.iter(f"{_C}title", f"{_CX}title"):
        text = " ".join(filter(None, map(_line, title.iter(f"{_A}p")))) or _first_value(title)
        if text:
            yield text


def write_diagram(root: Any, writer: PageWriter) -> bool:
    """Write the texts of a diagram (SmartArt), a line for each. Returns whether `root` is that of a diagram."""
    if not root.tag.endswith("}dataModel"):
        return False
    texts = ("".join(t.text or "" for t in paragraph.iter("{*}t")) for paragraph in root.iter("{*}p"))
    writer.paragraph("\n".join(text for text in texts if text.strip()))
    return True


def _line(paragraph: Any) -> str:
    return "".join(part.text or "" for part in paragraph.iter(f"{_A}t")).strip()


def _first_value(element: Any) -> str:
    value = next(element.iter(f"{_C}v", f"{_CX}v"), None) if element is not None else None
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
