"""Reads the text of drawings (svg), as files of their own and inside web pages; a line for texts at one height.

The format: SVG 2, chapter 11. Text that is drawn as outlines is none.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minicpm_rag.loaders.archive import damaged
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.files import bytes_of
from minicpm_rag.loaders.mending import loaded_in_part
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.loaders.xml_parts import parsed_in_part
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile

_WHAT = Message("loaders.drawing")
_MOST_BYTES = 100_000_000
_NUMBER = re.compile(r"[-+]?(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})")
_MOVED = re.compile(r"translate\(\s{0,9}([-+.\d]{1,25})(?:[\s,]{1,9}([-+.\d]{1,25}))?\s{0,9}\)")
_HIDDEN = re.compile(r"(?i)display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden")
_NOT_SHOWN = frozenset(["defs", "symbol", "script", "style", "metadata", "clippath", "mask", "title", "desc"])
_NAMESPACES = re.compile(rb"&ns_\w{1,40};")


def read(path: Path) -> LoadedFile:
    """Read a drawing as one page: its title and description, and the texts drawn."""
    data = bytes_of(path)
    if data.startswith(b"\x1f\x8b"):
        data = _unpacked(data)
    damaged_parts: list[str] = []
    root = parsed_in_part(_without_entities(data), path.name, damaged_parts)
    if root is None or _name(root) != "svg":
        raise damaged(_WHAT)
    writer = PageWriter()
    for child in root:
        if _name(child) in ("title", "desc"):
            text = one_line("".join(child.itertext()))
            (writer.paragraph(text) if _name(child) == "desc" else writer.heading(text, 1))
    writer.paragraph("\n".join(drawn_lines(root)))
    return loaded_in_part(path.name, [writer.page(1)], _WHAT, damaged_parts)


def _without_entities(data: bytes) -> bytes:
    """The file without the entities that Illustrator declares for the names of namespaces."""
    start = data.find(b"<!DOCTYPE", 0, 4096)
    end = data.find(b"]>", start) if start >= 0 and b"[" in data[start : data.find(b">", start) + 1] else -1
    return _NAMESPACES.sub(b"", data[:start] + data[end + 2 :]) if end >= 0 else data


def _unpacked(data: bytes) -> bytes:
    try:
        unpacked = zlib.decompressobj(wbits=31).decompress(data, _MOST_BYTES)
    except zlib.error as exc:
        raise damaged(_WHAT) from exc
    count("characters", len(unpacked))
    return unpacked


def drawn_lines(drawing: Any) -> Iterator[str]:
    """The texts of a drawing; those that follow each other at the same height are a line."""
    line: list[str] = []
    height: float | None = None
    for text, own in _texts(drawing):
        if line and own != height:
            yield " ".join(line)
            line = []
        line.append(text)
        height = own
    if line:
        yield " ".join(line)


def _texts(drawing: Any) -> Iterator[tuple[str, float]]:
    """Each text with the height that it stands at."""
    stack: list[tuple[Any, float]] = [(drawing, 0.0)]
    while stack:
        element, above = stack.pop()
        name = _name(element)
        if (
            not name
            or name in _NOT_SHOWN
            or element.get("display") == "none"
            or _HIDDEN.search(element.get("style", ""))
        ):
            continue
        above += _moved_down(element.get("transform", ""))
        if name == "text":
            yield from _lines_of(element, above + (_first_number(element.get("y", "")) or 0.0))
        elif name == "foreignobject":
            if text := one_line(" ".join(element.itertext())):
                yield text, above
        else:
            stack += [(child, above) for child in reversed(element)]


def _lines_of(text: Any, height: float) -> Iterator[tuple[str, float]]:
    """The parts of a text, which begins anew where a part has a height of its own."""
    parts = [text.text or ""]
    for part in text.iterdescendants():
        if not isinstance(part.tag, str) or _name(part) in _NOT_SHOWN:
            parts.append(part.tail or "")
            continue
        own, moved = _first_number(part.get("y", "")), _first_number(part.get("dy", ""))
        if own is not None or moved:
            if shown := one_line("".join(parts)):
                yield shown, height
            parts = []
            height = own if own is not None else height + (moved or 0.0)
        parts += [part.text or "", part.tail or ""]
    if shown := one_line("".join(parts)):
        yield shown, height


def _moved_down(transform: str) -> float:
    found = _MOVED.search(transform)
    return _first_number(found[2] or "") or 0.0 if found else 0.0


def _first_number(text: str) -> float | None:
    found = _NUMBER.match(text.strip())
    return float(found[0]) if found else None


def _name(element: Any) -> str:
    """An element's name without its namespace, in small letters as HTML has it."""
    return element.tag.rsplit("}", 1)[-1].lower() if isinstance(element.tag, str) else ""
