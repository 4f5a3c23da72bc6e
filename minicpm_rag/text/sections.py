"""The section that a place of a page or passage stands in, as the path of headings above it.

A passage may hold the end of one section and the beginning of the next. Knows no files and no questions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from minicpm_rag.records import HEADINGS, SECTIONS

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.records import Heading, Page


# The title of a section in a Chinese document, 一、总则 or 第二章 付款, which need not look different from other text.
SECTION_TITLE_ZH = re.compile(
    r"(?:[一二三四五六七八九十]{1,3}、|第[一二三四五六七八九十百\d]{1,4}[章节])\s*[^\s。，；：:,;]{2,20}"
)


def sections_of(page: Page, start: int, end: int) -> list[list[int | str]]:
    """The sections of `page.text[start:end]` in reading order: [offset from `start`, path of headings].

    The first one may have begun before. Empty where the page has no headings.
    """
    path: list[Heading] = []
    found: list[list[int | str]] = []
    for heading in sorted(page.headings, key=lambda heading: heading.start):
        if heading.start >= end:
            break
        path = [one for one in path if one.level < heading.level] + [heading]
        if heading.start <= start:
            found.clear()
        elif not found:
            found.append([0, ""])
        found.append([max(0, heading.start - start), " > ".join(one.text for one in path)])
    return found


def main_section(sections: Sequence[Sequence[int | str]], length: int) -> str | None:
    """The section that most of a text of that length stands in; else the headings that all its sections share.

    None where it has no more than one section.
    """
    if len(sections) < 2:
        return None
    ends = [int(start) for start, _ in sections[1:]] + [length]
    for (start, path), end in zip(sections, ends, strict=True):
        if 2 * (end - int(start)) > length:
            return str(path)
    levels = zip(*(str(path).split(" > ") for _, path in sections), strict=False)
    return " > ".join(level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels))


def section_at(document: Document, position: int) -> str:
    """The headings above a place of a passage; where its sections are not known, those of the passage."""
    sections = document.metadata.get(SECTIONS) or []
    above = [str(path) for start, path in sections if int(start) <= position]
    return above[-1] if above else str(document.metadata.get(HEADINGS) or "")


def at_section(document: Document, position: int) -> Document:
    """The passage, labelled with the section of one of its places."""
    section = section_at(document, position)
    if section == str(document.metadata.get(HEADINGS) or ""):
        return document
    return document.model_copy(update={"metadata": {**document.metadata, HEADINGS: section}})
