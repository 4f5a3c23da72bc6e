"""Headings of people who use no styles: short paragraphs in bold, and Chinese section titles such as 一、总则."""

from __future__ import annotations

import re
from typing import Any

from minicpm_rag.loaders.word.runs import W, is_on
from minicpm_rag.text.sections import SECTION_TITLE_ZH

_MOST_BOLD = 0.4  # share of a document's characters: where more are bold, boldness says nothing
_LONGEST = 60  # characters
_MOST_WORDS = 12
_ENDS_SENTENCE = "。；;，,、：:.!?！？"
_CHAPTER = re.compile(r"第.{1,4}[章編编]")
_DECIMAL = re.compile(r"\d{1,2}((?:\.\d{1,2}){0,4})[.\s、]")


def tells_by_bold(body: Any) -> bool:
    """Whether bold text is rare enough in a document to tell its headings."""
    bold = total = 0
    for run in body.iter(f"{W}r"):
        length = sum(len(text.text or "") for text in run.iterchildren(f"{W}t"))
        total += length
        bold += length if _is_bold(run) else 0
    return bold <= _MOST_BOLD * total


def level_by_look(paragraph: Any, text: str, *, by_bold: bool) -> int:
    """The level of a paragraph that looks like a heading, from 1; 0 for others."""
    text = text.strip()
    if not any(map(str.isalpha, text)) or len(text) > _LONGEST or len(text.split()) > _MOST_WORDS or "\n" in text:
        return 0
    in_bold = by_bold and text[-1] not in _ENDS_SENTENCE and "\t" not in text and _all_bold(paragraph)
    if not in_bold and not SECTION_TITLE_ZH.fullmatch(text):
        return 0
    decimal = _DECIMAL.match(text)
    return 1 if _CHAPTER.match(text) else 2 + (decimal.group(1).count(".") if decimal else 0)


def _all_bold(paragraph: Any) -> bool:
    runs = [run for run in paragraph.iter(f"{W}r") if any((t.text or "").strip() for t in run.iterchildren(f"{W}t"))]
    return bool(runs) and all(map(_is_bold, runs))


def _is_bold(run: Any) -> bool:
    own = run.find(f"{W}rPr/{W}b")
    return own is not None and is_on(own)
