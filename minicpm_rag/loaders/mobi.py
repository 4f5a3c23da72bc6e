"""Reads books of the Kindle family (mobi, azw, azw3, prc) without copy protection: one page a chapter.

The format, as MobileRead describes it: a Palm database whose first record says how the text records after it are
packed; unpacked they are one HTML text.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import damaged
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.encodings import decode
from minicpm_rag.loaders.files import bytes_of, loaded
from minicpm_rag.loaders.html import write_html
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page

_WHAT = Message("loaders.book")
_PLAIN, _PALM, _HUFFMAN = 1, 2, 17480
_UTF_8 = 65001
_EXTRA_FLAGS = 242  # of the first record: what stands behind the text of each record
_CHAPTER = re.compile(r"<mbp:pagebreak[^<>]{0,200}>|(?=<html[\s>])", re.IGNORECASE)


def read(path: Path) -> LoadedFile:
    """Read a book. Raises DocumentError where it is copy-protected, damaged, or packed in a way that is not read."""
    data = bytes_of(path)
    try:
        text = _text(data)
    except (struct.error, IndexError) as exc:
        raise damaged(_WHAT) from exc
    parts = [part for part in _CHAPTER.split(text) if part.strip()]
    return loaded(path.name, [_page(number, part) for number, part in enumerate(parts, start=1)])


def _page(number: int, html: str) -> Page:
    count("pages")
    writer = PageWriter()
    write_html(f"<div>{html}", writer)  # a part may hold nothing but closing tags
    page = writer.page(number)
    return writer.page(number, label=page.headings[0].text if page.headings else "")


def _text(data: bytes) -> str:
    (records,) = struct.unpack_from(">H", data, 76)
    places = [struct.unpack_from(">I", data, 78 + 8 * number)[0] for number in range(records)] + [len(data)]
    head = data[places[0] : places[1]]
    packing, _, _, texts, _, encryption = struct.unpack_from(">HHIHHH", head)
    if encryption:
        raise DocumentError("loaders.copy_protected")
    if packing not in (_PLAIN, _PALM):
        raise DocumentError("loaders.book_packing") if packing == _HUFFMAN else damaged(_WHAT)
    is_mobi = head[16:20] == b"MOBI"
    flags = struct.unpack_from(">H", head, _EXTRA_FLAGS)[0] if is_mobi and len(head) >= _EXTRA_FLAGS + 2 else 0
    unpacked = bytearray()
    for number in range(1, min(texts, records - 1) + 1):
        record = _without_extra(data[places[number] : places[number + 1]], flags)
        if packing == _PALM:
            _unpack(record, unpacked)
        else:
            unpacked += record
    encoding = "utf-8" if is_mobi and struct.unpack_from(">I", head, 28)[0] == _UTF_8 else "cp1252"
    return decode(bytes(unpacked), encoding).text


def _without_extra(record: bytes, flags: int) -> bytes:
    """The record without the entries behind its text, each of which ends with its own length."""
    for _ in range((flags >> 1).bit_count()):
        size = 0
        for place, byte in enumerate(reversed(record[-4:])):
            size |= (byte & 0x7F) << 7 * place
            if byte & 0x80:
                break
        record = record[: max(0, len(record) - size)] if size else record
    if flags & 1 and record:  # the rest of a character that the record's end has cut
        record = record[: -((record[-1] & 3) + 1)]
    return record


def _unpack(record: bytes, target: bytearray) -> None:
    """Append what a record unpacks to: literal bytes, runs of them, blanks with a letter, copies of earlier bytes."""
    bytes_left: Iterator[int] = iter(record)
    begin = len(target)
    for byte in bytes_left:
        if byte == 0 or 9 <= byte < 0x80:
            target.append(byte)
        elif byte < 9:
            target.extend(next(bytes_left, 0) for _ in range(byte))
        elif byte >= 0xC0:
            target.extend((0x20, byte ^ 0x80))
        else:
            pair = (byte << 8 | next(bytes_left, 0)) & 0x3FFF
            distance, length = pair >> 3, (pair & 7) + 3
            if not 0 < distance <= len(target) - begin:
                raise damaged(_WHAT)
            for _ in range(length):
                target.append(target[-distance])
