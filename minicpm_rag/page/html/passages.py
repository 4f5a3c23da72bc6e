"""The text of a page as HTML: paragraphs, headings and tables where the text has their marks, quotes marked.

The text may come from anywhere and stays inert. It does not know which quotes are proven.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

from minicpm_rag.page.html import markup
from minicpm_rag.text.table_rows import cell_spans, is_row, is_rule

Spans = Sequence[tuple[int, int]]
_HEADING = re.compile(r"#{1,6}[ \t]+(?=\S)")


def drawn(text: str, spans: Spans, headings: Collection[int] = ()) -> str:
    """The text as HTML with the spans of it marked; every character that means something is shown.

    `headings` are offsets of lines that are headings without looking like one, as in a Word document.
    """
    html = []
    kinds = ((line, _kind(text[line[0] : line[1]], line[0] in headings)) for line in _lines(text))
    # The rule under a table's header is drawn by the style, and must not split the table in two.
    shown = [(kind, line) for line, kind in kinds if kind != "rule"]
    for kind, group in groupby(shown, lambda pair: pair[0]):
        lines = [line for _, line in group]
        if kind == "table":
            rows = (_row(text, start, end, spans) for start, end in lines)
            html.append(f'<table class="rag-grid"><tbody>{"".join(rows)}</tbody></table>')
        elif kind == "heading":
            html += [f"<h5>{_heading(text, start, end, spans)}</h5>" for start, end in lines]
        elif kind == "text":
            html.append("<p>" + "<br>".join(_marked(text, start, end, spans) for start, end in lines) + "</p>")
    return "".join(html)


def _lines(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for line in text.splitlines(keepends=True):
        yield start, start + len(line.rstrip("\r\n"))
        start += len(line)


def _kind(line: str, is_heading: bool) -> str:
    stripped = line.strip()
    if not stripped:
        return "nothing"
    if is_rule(stripped):
        return "rule"
    if is_row(stripped):
        return "table"
    return "heading" if is_heading or _HEADING.match(line) else "text"


def _heading(text: str, start: int, end: int, spans: Spans) -> str:
    mark = _HEADING.match(text, start, end)
    return _marked(text, mark.end() if mark else start, end, spans)


def _row(text: str, start: int, end: int, spans: Spans) -> str:
    cells = (
        _marked(text, start + first, start + last, spans).replace("\\|", "|")
        for first, last in cell_spans(text[start:end])
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _marked(text: str, start: int, end: int, spans: Spans) -> str:
    return markup.marked(text[start:end], [(first - start, last - start) for first, last in spans])
