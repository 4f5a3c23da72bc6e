"""Reads data kept as JSON: json, jsonl and Jupyter notebooks.

Records of one shape become a table, so that each keeps its number; any other JSON is laid out line by line.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.files import read_text
from minicpm_rag.loaders.text import markdown_page
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import Heading, LoadedFile, Page, Table
from minicpm_rag.text.table_rows import cells, is_rule

_MOST_COLUMNS = 60
_DEEPEST = 40
_LONGEST_OUTPUT = 20_000  # characters of one notebook output


def read_json(path: Path) -> LoadedFile:
    """Read a JSON file: a table where it is a list of records, else indented; broken JSON as text."""
    return read_text(path, _json_page)


def read_json_lines(path: Path) -> LoadedFile:
    """Read a file of one JSON value a line; rows are numbered by line. Broken lines make it plain text."""
    return read_text(path, _json_lines_page)


def read_notebook(path: Path) -> LoadedFile:
    """Read a notebook: Markdown cells with their headings, code, and what it printed, without pictures."""
    return read_text(path, _notebook_page)


def _json_page(text: str) -> Page:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Page(1, text)
    if isinstance(value, list) and (page := _table_page(value, range(1, len(value) + 1))):
        return page
    writer = PageWriter()
    writer.paragraph(_indented(value, text))
    return writer.page(1)


def _json_lines_page(text: str) -> Page:
    numbers, values = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values.append(json.loads(line))
        except (ValueError, RecursionError):
            return Page(1, text)
        numbers.append(number)
    page = _table_page(values, numbers)
    if page:
        return page
    writer = PageWriter()
    for value in values:
        writer.paragraph(_indented(value, ""), separator="\n")
    return writer.page(1)


def _notebook_page(text: str) -> Page:
    try:
        notebook = json.loads(text)
        cells = list(notebook.get("cells") or [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]])
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as exc:
        raise DocumentError("loaders.damaged", what=Message("loaders.notebook")) from exc
    writer = PageWriter()
    for cell in cells:
        if not isinstance(cell, dict):
            continue
        source = _text(cell.get("source", cell.get("input", "")))
        if cell.get("cell_type") == "heading":
            level = cell.get("level")
            writer.heading(source, level if isinstance(level, int) else 1)
        elif cell.get("cell_type") == "markdown":
            _write_markdown(source, writer)
        else:
            writer.paragraph(source)
            outputs = cell.get("outputs")
            for output in outputs if isinstance(outputs, list) else []:
                writer.paragraph(_output(output)[:_LONGEST_OUTPUT])
    return writer.page(1)


def _write_markdown(source: str, writer: PageWriter) -> None:
    """Write a Markdown cell so that its headings and tables are known; all else stays as it is."""
    page = markdown_page(source)
    position = 0
    parts: list[Heading | Table] = [*page.headings, *page.tables]
    for part in sorted(parts, key=lambda part: part.start):
        writer.paragraph(page.text[position : part.start])
        if isinstance(part, Table):
            lines = page.text[part.start : part.end].split("\n")
            rows = [line for line in lines if not is_rule(f"|{line.strip().strip('|')}|")]
            writer.table([(number, cells(row)) for number, row in enumerate(rows)])
            position = part.end
            continue
        line_end = page.text.find("\n", part.start)
        writer.heading(part.text, part.level)
        position = len(page.text) if line_end < 0 else line_end
        rest = page.text[position:].lstrip("\n")
        underline = rest.split("\n", 1)[0].strip()
        if underline and underline in ("=" * len(underline), "-" * len(underline)):
            position = page.text.find(underline, position) + len(underline)
    writer.paragraph(page.text[position:])


def _output(output: Any) -> str:
    if not isinstance(output, dict):
        return ""
    data = output.get("data", output)
    text = output.get("text") or (data.get("text/plain") if isinstance(data, dict) else "")
    if output.get("output_type") == "error":
        text = f"{output.get('ename', '')}: {output.get('evalue', '')}"
    return _text(text)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _table_page(values: Sequence[Any], numbers: Sequence[int]) -> Page | None:
    """Return records as a table; None where they are not flat records of about the same shape."""
    if not values or not all(isinstance(value, dict) and value for value in values):
        return None
    columns = list(dict.fromkeys(key for value in values for key in value))
    cells = sum(len(value) for value in values)
    flat = sum(not isinstance(item, dict | list) for value in values for item in value.values())
    if len(columns) > _MOST_COLUMNS or cells < 0.5 * len(columns) * len(values) or flat < 0.5 * cells:
        return None
    writer = PageWriter()
    rows = [(0, columns)]
    rows += [
        (number, [_cell(value.get(key)) for key in columns]) for number, value in zip(numbers, values, strict=True)
    ]
    writer.table(rows)
    return writer.page(1)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _indented(value, str(value), indent=None)


def _indented(value: Any, otherwise: str, indent: int | None = 1) -> str:
    """Return JSON with Chinese characters as such; `otherwise` where it is nested too deeply."""
    if isinstance(value, str):
        return value
    if _is_deep(value):
        return otherwise
    parts = []
    for part in json.JSONEncoder(ensure_ascii=False, indent=indent).iterencode(value):
        count("characters", len(part))
        parts.append(part)
    return "".join(parts)


def _is_deep(value: Any) -> bool:
    """Whether values lie so deep inside others that they would be written behind many spaces, line by line."""
    inside = [value]
    for _ in range(_DEEPEST):
        inside = [
            child
            for each in inside
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not inside:
            return False
    return True
