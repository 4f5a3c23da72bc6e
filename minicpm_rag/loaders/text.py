"""Reads text as it is: plain text, and Markdown and reStructuredText with their headings and tables located."""

from __future__ import annotations

import re
from pathlib import Path

from minicpm_rag.loaders.files import read_text
from minicpm_rag.records import Heading, LoadedFile, Page, Table

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HASHES = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RULE = re.compile(r"\s*:?-+:?\s*")
_RST_UNDERLINE = re.compile(r"([=\-`:.'\"~^_*+#<>])\1{2,}[ \t]*$")
_INLINE = re.compile(r"!?\[([^\[\]]*)\]\([^)]{0,500}\)|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")


def read_plain(path: Path) -> LoadedFile:
    """Read a text file as it is."""
    return read_text(path, lambda text: Page(1, text))


def read_markdown(path: Path) -> LoadedFile:
    """Read a Markdown file as it is, with its headings and tables located."""
    return read_text(path, markdown_page)


def read_restructured(path: Path) -> LoadedFile:
    """Read a reStructuredText file as it is, with its headings located."""
    return read_text(path, _restructured_page)


def markdown_page(text: str) -> Page:
    """Return Markdown as it is, with its headings and tables located; fenced code has neither."""
    lines = _lines(text)
    headings: list[Heading] = []
    tables: list[Table] = []
    fence = ""
    index = _front_matter_end(lines)
    while index < len(lines):
        start, line = lines[index]
        opened = _FENCE.match(line)
        if fence:
            if opened and opened.group(1).startswith(fence) and not line.strip(" `~\t"):
                fence = ""
        elif opened:
            fence = opened.group(1)
        elif hashes := _HASHES.match(line):
            if title := _without_closing_hashes(hashes.group(2)):
                headings.append(Heading(start, len(hashes.group(1)), _plain(title)))
        elif _is_setext(lines, index):
            headings.append(Heading(start, 1 if lines[index + 1][1].strip()[0] == "=" else 2, _plain(line)))
            index += 1
        elif "|" in line and index + 1 < len(lines) and _is_table_rule(lines[index + 1][1]):
            table, index = _table(lines, index)
            tables.append(table)
            continue
        index += 1
    return Page(1, text, headings=tuple(headings), tables=tuple(tables))


def _restructured_page(text: str) -> Page:
    """Return reStructuredText with its headings; a style's level is its turn of first use."""
    lines = _lines(text)
    headings: list[Heading] = []
    styles: list[str] = []
    for index, (start, line) in enumerate(lines[:-1]):
        below = _RST_UNDERLINE.match(lines[index + 1][1])
        if not below or not line.strip() or _RST_UNDERLINE.match(line) or len(below.group()) < len(line.strip()):
            continue
        above = lines[index - 1][1] if index else ""
        over = _RST_UNDERLINE.match(above)
        style = below.group(1) * (2 if over and over.group(1) == below.group(1) else 1)
        if len(style) == 1 and index and above.strip():
            continue  # the rule of a simple table, under its header's second line
        if style not in styles:
            styles.append(style)
        headings.append(Heading(start, styles.index(style) + 1, line.strip()))
    return Page(1, text, headings=tuple(headings))


def _without_closing_hashes(title: str) -> str:
    """A heading's text without the hashes that may close it, which a blank parts from it."""
    title = title.rstrip(" \t")
    text = title.rstrip("#")
    return text.rstrip(" \t") if text[-1:] in ("", " ", "\t") else title


def _lines(text: str) -> list[tuple[int, str]]:
    """Return the lines with their offsets."""
    lines = []
    start = 0
    for line in text.split("\n"):
        lines.append((start, line))
        start += len(line) + 1
    return lines


def _front_matter_end(lines: list[tuple[int, str]]) -> int:
    """Return the first line after a leading block between --- marks: the last one looks like an underline."""
    if lines[0][1].strip() != "---":
        return 0
    for index, (_, line) in enumerate(lines[1:200], start=1):
        if line.strip() in ("---", "..."):
            return index + 1
    return 0


def _is_setext(lines: list[tuple[int, str]], index: int) -> bool:
    """Tell whether the line is a heading by the === or --- under it; only one-line headings count."""
    line = lines[index][1]
    if not line.strip() or index + 1 >= len(lines) or not _UNDERLINE.match(lines[index + 1][1]):
        return False
    alone = index == 0 or not lines[index - 1][1].strip()
    return alone and line.lstrip()[0] not in ">|-*+#" and len(line) < 200


def _is_table_rule(line: str) -> bool:
    parts = line.strip().removeprefix("|").removesuffix("|").split("|")
    return "-" in line and "|" in line and all(map(_RULE.fullmatch, parts))


def _table(lines: list[tuple[int, str]], first: int) -> tuple[Table, int]:
    """Return the table whose header is lines[first], and the line after it."""
    end = first + 2
    while end < len(lines) and "|" in lines[end][1]:
        end += 1
    rows = tuple((offset, number) for number, (offset, _) in enumerate(lines[first + 2 : end], start=2))
    last_start, last_line = lines[end - 1]
    return Table(lines[first][0], last_start + len(last_line), lines[first][1].strip(), rows), end


def _plain(text: str) -> str:
    return _INLINE.sub(r"\1", text).strip()
