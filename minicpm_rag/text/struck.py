"""Struck-out text, between the marks that Markdown has for it: `~~60~~ 45 hives`.

What is struck out was withdrawn or is done. It stays readable, but no number in it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from minicpm_rag.text.sentences import sentence_spans

_MARK = "~~"
_STRUCK = re.compile(r"~~(?![\s~])[^~\n]{1,2000}?(?<!\s)~~(?!~)")


def joined(pieces: Iterable[tuple[str, bool]]) -> str:
    """Pieces of one text, of which some are struck out, with the marks."""
    parts = []
    for is_struck, group in groupby(pieces, key=lambda piece: piece[1]):
        text = "".join(piece for piece, _ in group)
        parts.append(marked(text) if is_struck else text)
    return "".join(parts)


def marked(text: str) -> str:
    """Struck-out text with its marks, around each sentence: one may be quoted alone."""
    parts, position = [], 0
    for start, end in sentence_spans(text):
        parts += [text[position:start], "\n".join(map(_marked_line, text[start:end].split("\n")))]
        position = end
    return "".join([*parts, text[position:]])


def _marked_line(line: str) -> str:
    said = line.strip()
    if not said:
        return line
    before = len(line) - len(line.lstrip())
    return f"{line[:before]}{_MARK}{said}{_MARK}{line[before + len(said) :]}"


def is_struck_in(text: str) -> bool:
    """Whether some of the text is struck out."""
    return _STRUCK.search(text) is not None


def blanked(text: str) -> str:
    """The text with blanks for what is struck out: offsets stay as they are."""
    return _STRUCK.sub(lambda found: " " * len(found.group()), text) if _MARK in text else text
