"""Tells a PDF that would unpack to more than memory holds, before pdfium tries.

A stream of 2 KB, packed twice, was unpacked to 1 GB and took 2.4 GB inside pdfium. Looks at bytes only: a
stream that is small enough whatever it holds costs a look at its length, any other is unpacked piece by piece.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

MOST_BYTES = 256 << 20  # of one stream, unpacked
_BEST_RATIO = 1032  # of deflate
_PIECE = 1 << 20
_DICTIONARY = 2000  # bytes before a stream in which its dictionary is looked for
_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_PACKED = re.compile(rb"/(?:FlateDecode|Fl)(?![A-Za-z])")


def expands_too_far(data: bytes) -> bool:
    """Whether one of the streams unpacks to more than MOST_BYTES."""
    for match in _STREAM.finditer(data):
        head = data[max(0, match.start() - _DICTIONARY) : match.start()]
        layers = len(_PACKED.findall(head, max(0, head.rfind(b" obj"))))
        if not layers:
            continue
        end = data.find(b"endstream", match.end())
        packed = memoryview(data)[match.end() : len(data) if end < 0 else end]
        if len(packed) * _BEST_RATIO**layers > MOST_BYTES and _is_too_long(packed, layers):
            return True
    return False


def _is_too_long(packed: memoryview, layers: int) -> bool:
    pieces: Iterable[bytes | memoryview] = [packed]
    for _ in range(layers):
        pieces = _unpacked(pieces)
    length = 0
    try:
        for piece in pieces:
            length += len(piece)
            if length > MOST_BYTES:
                return True
    except zlib.error:  # damaged, or encrypted
        pass
    return False


def _unpacked(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    for piece in pieces:
        rest: bytes | memoryview = piece
        while rest and not inflater.eof:
            yield inflater.decompress(rest, _PIECE)
            rest = inflater.unconsumed_tail
