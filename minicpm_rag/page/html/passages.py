"""The text of a page as HTML: paragraphs, headings and tables where the text has their marks, quotes marked.

The text may come from anywhere and stays inert. It does not know which quotes are proven.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from minicpm_rag.page.html import markup
from minicpm_rag.text.table_rows import cell_spans, is_row, is_rule

Spans = Sequence[tuple[int, int]]
BRIEF_CHARACTERS = 16  # of a number or code that stays on one line
SHORT_CHARACTERS = 6  # of a cell that needs no room
_HEADING = re.compile(r"#{1,6}[ \t]+(?=\S)")


def drawn(
    text: str,
    spans: Spans,
    headings: Collection[int] = (),
    *,
    chosen: Spans = (),
    goal: int | None = None,
    header_rows: Collection[int] = (),
    header: str = "",
) -> str:
    """The text as HTML with the spans of it marked; every character that means something is shown.

    `headings` are offsets of lines that are headings without looking like one, as in a Word document. The `chosen`
    spans are marked more strongly. `goal` is the offset of the heading that the page is scrolled to, `header_rows` are
    offsets of header rows that have no rule below them, and `header` is that of a table that the text begins inside.
    """
    page = _Page(text, spans, chosen)
    html = []
    kinds = [(line, _kind(text[line[0] : line[1]], line[0] in headings)) for line in _lines(text)]
    # The rule under a table's header is drawn by the style, and must not split the table in two.
    heads = {kinds[index - 1][0] for index, (_, kind) in enumerate(kinds) if kind == "rule" and index}
    heads |= {line for line, kind in kinds if kind == "table" and line[0] in header_rows}
    for kind, group in groupby(((kind, line) for line, kind in kinds if kind != "rule"), lambda pair: pair[0]):
        lines = [line for _, line in group]
        if kind == "table":
            continued = header if lines[0][0] == 0 else ""
            html.append(page.table(lines, heads, continued))
        elif kind == "heading":
            html += [page.heading(start, end, is_goal=start == goal) for start, end in lines]
        elif kind == "text":
            html.append("<p>" + "<br>".join(page.marked(start, end) for start, end in lines) + "</p>")
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


@dataclass(frozen=True)
class _Page:
    text: str
    spans: Spans
    chosen: Spans

    def heading(self, start: int, end: int, *, is_goal: bool) -> str:
        mark = _HEADING.match(self.text, start, end)
        attributes = ' class="rag-goal"' if is_goal else ""
        return f"<h5{attributes}>{self.marked(mark.end() if mark else start, end)}</h5>"

    def table(self, lines: Spans, heads: Collection[tuple[int, int]], continued: str) -> str:
        """A table whose header rows, where it has some, stay in view; rows with marked words are lit."""
        width = max(len(cell_spans(self.text[start:end])) for start, end in lines)
        rows = next((index for index, line in enumerate(lines) if line not in heads), len(lines))
        head = "".join(self._row(start, end, "th", width) for start, end in lines[:rows])
        if not head and continued:
            head = _Page(continued, (), ())._row(0, len(continued), "th", width)
        body = "".join(self._row(start, end, "td", width) for start, end in lines[rows:])
        return f'<table class="rag-grid">{f"<thead>{head}</thead>" if head else ""}<tbody>{body}</tbody></table>'

    def _row(self, start: int, end: int, tag: str, width: int) -> str:
        spans = cell_spans(self.text[start:end])
        cells = [self._cell(tag, start + first, start + last) for first, last in spans]
        cells += [f"<{tag}></{tag}>"] * (width - len(cells))
        lit = ' class="lit"' if any(first < end and start < last for first, last in self.spans) else ""
        return f"<tr{lit}>{''.join(cells)}</tr>"

    def _cell(self, tag: str, start: int, end: int) -> str:
        """A cell: a number, date or code in it is not broken at its hyphens, and words have room for some of them."""
        words = self.text[start:end].strip()
        kind = (
            "brief"
            if "-" in words and len(words) <= BRIEF_CHARACTERS
            else "words"
            if len(words) > SHORT_CHARACTERS
            else ""
        )
        attribute = f' class="{kind}"' if kind and tag == "td" else ""
        return f"<{tag}{attribute}>{self.marked(start, end)}</{tag}>".replace("\\|", "|")

    def marked(self, start: int, end: int) -> str:
        """A stretch of the text with its part of the marks."""

        def here(spans: Spans) -> Spans:
            return [(first - start, last - start) for first, last in spans]

        return markup.marked(self.text[start:end], here(self.spans), here(self.chosen))
