"""What a search found, on one line: the words around the hits, with the hits marked. It does not search."""

from __future__ import annotations

import re

from minicpm_rag.page.html import markup
from minicpm_rag.text.table_rows import is_row, is_rule
from minicpm_rag.text.terms import fold, question_terms

CHARACTERS = 220
BEFORE = 50  # characters shown before the first hit
_HEADING = re.compile(r"#{1,6}[ \t]+")


def drawn(text: str, wanted: str) -> str:
    """The stretch of the text that holds most of the wanted words, as HTML with these marked."""
    line = " ".join(" ".join(_without_marks(line) for line in text.splitlines() if not is_rule(line)).split())
    spans = _spans(line, wanted)
    start = max((start for start, _ in spans), key=lambda start: _inside(spans, start - BEFORE), default=0)
    first = max(0, start - BEFORE)
    first = line.rfind(" ", 0, first + 1) + 1 if first and " " in line[max(0, first - 15) : first + 1] else first
    last = min(len(line), first + CHARACTERS)
    last = line.rfind(" ", last - 15, last) if last < len(line) and " " in line[last - 15 : last] else last
    shown = markup.marked(line[first:last], [(start - first, end - first) for start, end in spans])
    return ("… " if first else "") + shown + (" …" if last < len(line) else "")


def _without_marks(line: str) -> str:
    """A line without what makes it a heading or the row of a table."""
    if is_row(line):
        return line.strip()[1:-1]
    mark = _HEADING.match(line)
    return line[mark.end() :] if mark else line


def _spans(line: str, wanted: str) -> list[tuple[int, int]]:
    """Where the wanted words stand, in whatever form: runs of Han by pairs, other words by their beginning."""
    terms = {term for term in question_terms(wanted) if len(term) > 1 or term.isdecimal()}
    if not terms:
        return []
    patterns = [_pattern(term) for term in sorted(terms)]
    folded = fold(line)
    if len(folded) != len(line):  # folding changed offsets: compare what only case tells apart
        folded = line.lower() if len(line.lower()) == len(line) else line
    return [match.span() for pattern in patterns for match in re.finditer(pattern, folded)]


def _pattern(term: str) -> str:
    if not term.isascii():
        return re.escape(term)
    stem = re.sub("i$", "[iy]", re.escape(term))  # the stem of "battery" is "batteri"
    return rf"(?<![a-z0-9]){stem}[a-z0-9]*"


def _inside(spans: list[tuple[int, int]], first: int) -> int:
    return sum(first <= start and end <= first + CHARACTERS for start, end in spans)
