"""Gives back to the lists of rich text what LibreOffice writes as "?": the 第 and 章 around the numbers of chapters.

It writes how a list is numbered (\\leveltext) in a code page without Chinese characters, but before each paragraph the
number as it is shown (\\listtext). The format: Rich Text Format 1.9.1, "List Table" and "Paragraph Text".
"""

from __future__ import annotations

import re

_LEVEL = re.compile(rb"\{\\leveltext ([^{}]{0,600});\}|\\listid(-?\d{1,12})\}")
_OVERRIDE = re.compile(rb"\\listid(-?\d{1,12})\\listoverridecount\d{1,3}\\ls(\d{1,6})")
_SHOWN = re.compile(rb"\{\\listtext([^{}]{0,600})\}\\ilvl(\d)\\ls(\d{1,6})")
# A character by its number, with what stands for it in old programs; one by its byte; another control word; a letter.
_TOKEN = re.compile(
    rb"\\u(-?\d{1,6}) ?(?:\\'[0-9a-fA-F]{2}|[^\\{}])?|\\'([0-9a-fA-F]{2})|\\[a-z]{1,20}-?\d{0,10} ?|([^\\{}])"
)
_LOST = "?"


def with_numbers_as_shown(data: bytes) -> bytes:
    """The rich text with lists whose numbers are written as in the first paragraph of each."""
    end = data.find(b"\\listoverridetable")
    if end < 0:
        return data
    list_of = {found[2]: found[1] for found in _OVERRIDE.finditer(data, end)}
    shown: dict[tuple[bytes, int], list[str]] = {}
    for found in _SHOWN.finditer(data, end):
        shown.setdefault((list_of.get(found[3], b""), int(found[2])), _characters(found[1]))
    parts: list[bytes] = []
    levels: list[re.Match[bytes]] = []
    place = 0
    for found in _LEVEL.finditer(data, 0, end):
        if found[1] is not None:
            levels.append(found)
            continue
        for number, level in enumerate(levels):
            if (found[2], number) in shown:
                parts += [data[place : level.start(1)], _mended(level[1], shown[found[2], number])]
                place = level.end(1)
        levels = []
    return b"".join([*parts, data[place:]])


def _characters(content: bytes) -> list[str]:
    """The characters of a text, those that stand for the number of a level (codes up to 8) included."""
    found: list[str] = []
    for token in _TOKEN.finditer(content):
        if token[1]:
            found.append(chr(int(token[1]) & 0xFFFF))
        elif token[2]:
            found.append(chr(int(token[2], 16)))
        elif token[3] and (found or not token[3].isspace()):
            found.append(token[3].decode("latin-1"))
    return found


def _mended(level: bytes, shown: list[str]) -> bytes:
    """How a level is numbered, with the characters that are shown before its first number and after its last."""
    length, *template = _characters(level) or [""]
    numbers = [place for place, character in enumerate(template) if character < "\x09"]
    if _LOST not in template or not numbers or len(shown) < len(template):
        return level
    before, after = numbers[0], len(template) - numbers[-1] - 1
    inner = template[before : len(template) - after]
    written = [*shown[:before], *inner, *shown[len(shown) - after :]]
    return b"\\'%02x" % ord(length) + b"".join(map(_written, written))


def _written(character: str) -> bytes:
    code = ord(character)
    if code < 0x80:
        return b"\\'%02x" % code
    return b"\\u%d ?" % (code - 0x10000 if code > 0x7FFF else code)
