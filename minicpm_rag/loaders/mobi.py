"""Reads books of the Kindle family (mobi, azw, azw3, prc, pdb) without copy protection: one page a chapter.

The format, as MobileRead describes it: a Palm database whose first record says how the text records after it are
packed; unpacked they are one HTML text, or plain text in a note for an organizer.
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
from minicpm_rag.loaders.huffman import Huffman
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page

_WHAT = Message("loaders.book")
_PLAIN, _PALM, _HUFFMAN = 1, 2, 17480
_ENCODINGS = {1252: "cp1252", 65001: "utf-8"}
_HUFFMAN_RECORDS = 112  # of the first record: where the tables are, and how many
_VERSION, _WITH_FLOWS, _FLOWS = 36, 8, 192  # of the first record: the version, and where the record of flows is named
_EXTRA_FLAGS = 242  # of the first record: what stands behind the text of each record
_TAG = re.compile(r"<(?:html|body|p|div|br|h[1-6])[\s/>]", re.IGNORECASE)
_CHAPTER = re.compile(r"<mbp:pagebreak[^<>]{0,200}>|(?=<html[\s>])", re.IGNORECASE)


def read(path: Path) -> LoadedFile:
    """Read a book. Raises DocumentError where it is copy-protected, damaged, or packed in a way that is not read."""
    data = bytes_of(path)
    try:
        text = _text(data)
    except (struct.error, IndexError, ValueError) as exc:
        raise damaged(_WHAT) from exc
    if not _TAG.search(text):  # a note for an organizer
        writer = PageWriter()
        for paragraph in text.split("\n\n"):
            writer.paragraph(paragraph)
        return loaded(path.name, [writer.page(1)])
    parts = [part for part in _CHAPTER.split(text) if part.strip()]
    return loaded(path.name, [_page(number, part) for number, part in enumerate(parts, start=1)])


def _page(number: int, html: str) -> Page:
    count("pages")
    writer = PageWriter()
    lower = html.lower()
    start = lower.find("<head>")
    end = lower.find("</head>", start) if start >= 0 else -1
    body = html[:start] + html[end + len("</head>") :] if end >= 0 else html  # what the head holds is not shown
    write_html(f"<div>{body}", writer)  # a part may hold nothing but closing tags
    page = writer.page(number)
    return writer.page(number, label=page.headings[0].text if page.headings else "")


def _text(data: bytes) -> str:
    (records,) = struct.unpack_from(">H", data, 76)
    places = [struct.unpack_from(">I", data, 78 + 8 * number)[0] for number in range(records)] + [len(data)]

    def record(number: int) -> bytes:
        return data[places[number] : places[number + 1]]

    head = record(0)
    packing, _, _, texts, _, encryption = struct.unpack_from(">HHIHHH", head)
    if encryption:
        raise DocumentError("loaders.copy_protected")
    if packing not in (_PLAIN, _PALM, _HUFFMAN):
        raise damaged(_WHAT)
    is_mobi = head[16:20] == b"MOBI"
    huffman = None
    if packing == _HUFFMAN:
        first, count_of = struct.unpack_from(">II", head, _HUFFMAN_RECORDS)
        huffman = Huffman([record(number) for number in range(first, min(first + count_of, records))])
    flags = struct.unpack_from(">H", head, _EXTRA_FLAGS)[0] if is_mobi and len(head) >= _EXTRA_FLAGS + 2 else 0
    unpacked = bytearray()
    for number in range(1, min(texts, records - 1) + 1):
        own = _without_extra(record(number), flags)
        begin = len(unpacked)
        if packing == _PALM:
            _unpack(own, unpacked)
        else:
            unpacked += huffman.unpacked(own) if huffman is not None else own
        count("characters", len(unpacked) - begin)  # records whose places lie may each be the whole file
    if is_mobi and len(head) >= _FLOWS + 4 and struct.unpack_from(">I", head, _VERSION)[0] >= _WITH_FLOWS:
        del unpacked[_end_of_text(record(struct.unpack_from(">I", head, _FLOWS)[0]), len(unpacked)) :]
    encoding = _ENCODINGS.get(struct.unpack_from(">I", head, 28)[0], "") if is_mobi else ""
    return decode(bytes(unpacked), encoding).text


def _end_of_text(flows: bytes, size: int) -> int:
    """Where the book's own text ends: in newer books style sheets and drawings follow it, as flows of their own."""
    return min(size, struct.unpack_from(">I", flows, 16)[0]) if flows[:4] == b"FDST" else size


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
