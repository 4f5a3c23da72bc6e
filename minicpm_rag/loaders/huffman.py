"""Unpacks text of Kindle books packed as HUFF: codes of 1 to 32 bits stand for phrases, which may be packed too.

The tables are in a record "HUFF", the phrases in records "CDIC" behind it. The format, which is not published, as the
MobileRead wiki describes it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from minicpm_rag.loaders.bounds import count

_DEEPEST = 32  # phrases inside phrases
_MOST_BYTES = 1_000_000  # of a record's text, which has 4,096
_MOST_PACKED = 100_000  # bytes of a record: each code is looked up by shifting all of them


@dataclass
class _Phrase:
    content: bytes
    is_plain: bool


class Huffman:
    """The tables of one book. Where they or the text are damaged: struct.error, IndexError or ValueError."""

    def __init__(self, records: list[bytes]) -> None:
        tables = records[0]
        if tables[:4] != b"HUFF":
            raise ValueError("HUFF")
        short_at, long_at = struct.unpack_from(">II", tables, 8)
        # By the first eight bits of a code: its length, whether that is certain, and the last code of that length.
        self._short = [
            (entry & 31, bool(entry & 0x80), entry >> 8) for entry in struct.unpack_from(">256I", tables, short_at)
        ]
        pairs = struct.unpack_from(">64I", tables, long_at)
        self._first = [0, *(code << 32 - length for length, code in enumerate(pairs[::2], start=1))]
        self._last = [0, *((code + 1 << 32 - length) - 1 for length, code in enumerate(pairs[1::2], start=1))]
        self._phrases: list[_Phrase] = []
        for record in records[1:]:
            self._add_phrases(record)

    def _add_phrases(self, record: bytes) -> None:
        if record[:4] != b"CDIC":
            raise ValueError("CDIC")
        total, bits = struct.unpack_from(">II", record, 8)
        own = min(1 << min(bits, 31), total - len(self._phrases))
        for (place,) in struct.iter_unpack(">H", record[16 : 16 + 2 * max(0, own)]):
            (head,) = struct.unpack_from(">H", record, 16 + place)
            content = record[18 + place : 18 + place + (head & 0x7FFF)]
            self._phrases.append(_Phrase(content, bool(head & 0x8000)))

    def unpacked(self, data: bytes, depth: int = 0) -> bytes:
        """The text of a record or phrase."""
        if depth > _DEEPEST or len(data) > _MOST_PACKED:
            raise ValueError(depth, len(data))
        found = bytearray()
        bits, left = int.from_bytes(data, "big") << 32, 8 * len(data)
        while left > 0:
            code = bits >> left & 0xFFFFFFFF
            length, is_certain, last = self._short[code >> 24]
            if is_certain:
                last = (last + 1 << 32 - length) - 1
            else:
                while code < self._first[length]:
                    length += 1
                last = self._last[length]
            if length > left:  # what fills up the last byte
                break
            number = last - code >> 32 - length
            if length == 0 or number < 0:
                raise ValueError(length, number)
            left -= length
            phrase = self._phrases[number]
            if not phrase.is_plain:
                phrase.content, phrase.is_plain = self.unpacked(phrase.content, depth + 1), True
                count("characters", len(phrase.content))  # each of thousands may be as long as a record
            found += phrase.content
            if len(found) > _MOST_BYTES:
                raise ValueError(len(found))
        return bytes(found)
