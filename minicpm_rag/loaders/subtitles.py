"""Reads subtitles (WebVTT, SubRip): what is said as running text, under the time at which it begins.

A sentence that runs over several captions stands whole; every minute or so a heading says the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

from minicpm_rag.loaders.files import read_text
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.records import LoadedFile, Page

_TIMES = re.compile(
    r"[ \t]*((?:\d{1,3}:)?\d{1,2}:\d{2})[.,]\d{1,3}[ \t]+-->[ \t]+(?:\d{1,3}:)?\d{1,2}:\d{2}[.,]\d{1,3}"
)
_SPEAKER = re.compile(r"<v(?:\.[^<>\s]{1,50})?\s+([^<>]{1,100})>")
_MARK = re.compile(r"</?[a-zA-Z0-9][^<>]{0,200}>|\{\\[^{}]{0,50}\}")
_SENTENCE_END = ("。", "！", "？", ".", "!", "?", "…", "”", '"')
_SPEAKS = re.compile(r"[^\s:：]{1,30}(?: [^\s:：]{1,30}){0,2}[:：]")
_WIDE = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]")
_SECONDS_A_PART = 60


def read(path: Path) -> LoadedFile:
    """Read a file of subtitles as one page."""
    return read_text(path, _page)


def _page(text: str) -> Page:
    writer = PageWriter()
    begun = last = ""
    said: list[str] = []
    for time, words in _captions(text):
        is_long = said and _seconds(time) - _seconds(begun) >= _SECONDS_A_PART and said[-1].endswith(_SENTENCE_END)
        if is_long or (said and _seconds(time) - _seconds(last) >= _SECONDS_A_PART):
            _write(begun, said, writer)
            said = []
        if words != (said[-1] if said else ""):  # captions that roll repeat the line before
            begun = begun if said else time
            said.append(words)
        last = time
    if not said:
        return Page(1, text)
    _write(begun, said, writer)
    return writer.page(1)


def _write(time: str, said: list[str], writer: PageWriter) -> None:
    writer.heading(time, 2)
    writer.paragraph("".join(_joined(said)))


def _joined(said: list[str]) -> Iterator[str]:
    """The captions one after the other, with a blank between unless both sides are Chinese or Japanese."""
    before = ""
    for words in said:
        if _SPEAKS.match(words):
            yield "\n" if before else ""
        elif before and not (_WIDE.match(before[-1]) and _WIDE.match(words[0])):
            yield " "
        yield words
        before = words


def _captions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each caption: when it begins, and what it says on one line."""
    time = ""
    lines: list[str] = []
    for line in [*text.split("\n"), ""]:
        found = _TIMES.match(line)
        if found:
            time, lines = found.group(1), []
        elif line.strip():
            lines.append(line)
        else:
            shown = (one_line(unescape(_MARK.sub("", _SPEAKER.sub(r"\1: ", line)))) for line in lines)
            words = "".join(_joined([line for line in shown if line]))
            if time and words:
                yield time, words
            time, lines = "", []


def _seconds(time: str) -> int:
    return sum(int(part) * 60**place for place, part in enumerate(reversed(time.split(":"))))
