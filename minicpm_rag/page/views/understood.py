"""What the program understood of a document: its outline, tables, languages, and the pages that were poor.

So that a person can judge whether answers from it can be trusted. It reads what is stored, not the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from minicpm_rag.answering.whole.digest import digest
from minicpm_rag.messages import joined
from minicpm_rag.page import shared
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import said, t

if TYPE_CHECKING:
    from minicpm_rag.records import DocumentRow, Page

MOST_HEADINGS = 200
MOST_TABLES = 50
HEADER_CHARACTERS = 120
_BETWEEN_CELLS = re.compile(r"(?<!\\)\|")


def described(row: DocumentRow, pages: Sequence[Page]) -> str:
    """The whole description as HTML."""
    parts = [_facts(row, pages)]
    if row.reason is not None:
        chip = f'<span class="rag-chip warn">{markup.plain(t("status_note"))}</span>'
        parts.append(f'<div class="rag-quiet">{chip}{markup.plain(said(joined(row.reason, row.remedy)))}</div>')
    if shared.settings().in_short:
        parts += _in_short(row, pages)
    parts.append(_section(t("outline"), _outline(pages), t("outline_none")))
    parts.append(_section(t("tables_found"), _tables(pages), t("tables_none")))
    return f'<div class="rag-understood">{"".join(parts)}</div>'


def _in_short(row: DocumentRow, pages: Sequence[Page]) -> list[str]:
    short = digest(row, pages)
    return [
        _section(title, [_line(markup.plain(line)) for line in lines], "")
        for title, lines in ((t("in_short"), short.lines), (t("can_be_asked"), short.questions))
        if lines
    ]


def _facts(row: DocumentRow, pages: Sequence[Page]) -> str:
    languages = Counter(page.language for page in pages if page.language)
    named = [(t(f"language_{language}"), count) for language, count in languages.most_common()]
    several = [t("pages_in_language", name=name, count=count) for name, count in named]
    recognised = [page.label or str(page.number) for page in pages if page.recognised]
    stored = {page.number for page in pages}
    missing = [str(number) for number in range(1, row.pages_present + 1) if number not in stored]
    lines = [
        t("languages_of_pages", languages=several if len(named) > 1 else [named[0][0]]) if named else "",
        t("pages_recognised", pages=recognised) if recognised else "",
        t("pages_without_text", pages=missing) if missing else "",
    ]
    return "".join(f'<div class="rag-quiet">{markup.plain(line)}</div>' for line in lines if line)


def _outline(pages: Sequence[Page]) -> list[str]:
    headings = [(heading, page) for page in pages for heading in page.headings]
    top = min((heading.level for heading, _ in headings), default=1)
    lines = [
        _line(markup.plain(" ".join(heading.text.split())), _place(page), indent=min(heading.level - top, 6))
        for heading, page in headings[:MOST_HEADINGS]
    ]
    return lines + _more(len(headings) - MOST_HEADINGS)


def _tables(pages: Sequence[Page]) -> list[str]:
    tables = [(table, page) for page in pages for table in page.tables if table.rows]
    lines = []
    for table, page in tables[:MOST_TABLES]:
        header = table.header or page.text[table.start : table.end].partition("\n")[0]
        names = (name.strip().replace("\\|", "|") for name in _BETWEEN_CELLS.split(header))
        columns = " · ".join(filter(None, names))[:HEADER_CHARACTERS]
        lines.append(
            _line(markup.plain(columns), f"{t('table_rows', count=len(table.rows))} · {_place(page)}".rstrip(" ·"))
        )
    return lines + _more(len(tables) - MOST_TABLES)


def _line(words: str, place: str = "", *, indent: int = 0) -> str:
    """A line of HTML in the direction of its own language, and quietly where what it says stands."""
    style = f' style="padding-inline-start:{indent}em"' if indent else ""
    quiet = f'<span class="rag-quiet" dir="auto">{markup.plain(place)}</span>' if place.strip() else ""
    return f'<div dir="auto"{style}>{f"{words} {quiet}".strip()}</div>'


def _more(count: int) -> list[str]:
    return [f'<div class="rag-quiet">{markup.plain(t("more_of_them", count=count))}</div>'] if count > 0 else []


def _place(page: Page) -> str:
    """Where a page is, where a document has several."""
    if page.kind == "text" or (page.kind == "sheet" and not page.label):
        return ""
    return t(f"place_{page.kind}", label=page.label or page.number)


def _section(title: str, lines: Sequence[str], nothing: str) -> str:
    body = "".join(lines) or f'<div class="rag-quiet">{markup.plain(nothing)}</div>'
    return f'<div class="rag-caption">{markup.plain(title)}</div>{body}'
