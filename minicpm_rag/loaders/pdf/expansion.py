"""Tells a PDF that would unpack to more than memory holds, before pdfium tries.

A stream of 2 KB, packed twice, was unpacked to 1 GB and took 2.4 GB inside pdfium. Unpacks each stream that could
become too long piece by piece, through the filters that its dictionary names (ISO 32000-1, 7.4); where the names cannot
be found, it follows the data's own zlib headers. Does not see through encryption. What gets past it meets the memory
limit of the process that reads the file.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Iterable, Iterator

MOST_BYTES = 256 << 20  # of one stream, unpacked
_PIECE = 1 << 20
_PACKED_PIECE = 1 << 14  # of deflate, which may unpack to 16 MB
_MOST_ENDLESS = 20  # streams without an end; each is the rest of the file
_DICTIONARY = 20_000  # bytes before a stream in which its dictionary is looked for
_STREAM = re.compile(rb"stream\r?\n")
_FILTER = re.compile(rb"/Filter\s*(?:(\d{1,10})\s+\d{1,5}\s+R|\[([^\]]*)|/([^\s/<>\[\]()]+))")
_OBJECT = re.compile(rb"(?<!\d)(\d{1,10})\s+\d{1,5}\s+obj\b")
_NAME = re.compile(rb"/([^\s/<>\[\]()]+)")
_CODE = re.compile(rb"#([0-9A-Fa-f]{2})")  # of a character in a name

_Pieces = Iterable[bytes]


def expands_too_far(data: bytes) -> bool:
    """Whether one of the streams unpacks to more than MOST_BYTES."""
    endless = 0
    lists: dict[bytes, bytes] = {}
    for match in _STREAM.finditer(data):
        if data.endswith(b"end", 0, match.start()):  # asked here: an expression that looks behind finds slowly
            continue
        earliest = max(0, match.start() - _DICTIONARY)
        head = data[max(earliest, data.rfind(b" obj", earliest, match.start())) : match.start()]
        filters = _filters(head, data, lists)
        end = data.find(b"endstream", match.end())
        endless += end < 0
        if endless > _MOST_ENDLESS:
            break
        end = len(data) if end < 0 else end
        if _may_be_too_long(end - match.end(), filters):
            packed = data[match.end() : end]
            if _is_too_long(packed, filters, early=b"/EarlyChange 0" not in head):
                return True
    return False


def _filters(head: bytes, data: bytes, lists: dict[bytes, bytes]) -> list[bytes] | None:
    """The filters of a stream, outermost first; None where no names can be found.

    `lists` keeps the beginnings of the file's objects, by number, once one of them was needed.
    """
    found = _FILTER.search(_decoded(head))
    if found is None:
        return None
    number, several, one = found.groups()
    if one is not None:
        return [one]
    if number is not None:
        if not lists:
            lists.update({found.group(1): data[found.end() : found.end() + 500] for found in _OBJECT.finditer(data)})
        if number not in lists:
            return None
        several = lists[number].partition(b"endobj")[0]
    return _NAME.findall(_decoded(several))


def _decoded(names: bytes) -> bytes:
    """Names with their characters that are written as codes."""
    return _CODE.sub(lambda code: bytes.fromhex(code.group(1).decode()), names) if b"#" in names else names


def _may_be_too_long(longest: int, filters: list[bytes] | None) -> bool:
    for name in filters or [b"Fl"] * 3:
        longest *= _MOST_TIMES.get(name, 1)
    return longest > MOST_BYTES


def _is_too_long(packed: bytes, filters: list[bytes] | None, *, early: bool) -> bool:
    pieces: _Pieces = (packed[start : start + _PIECE] for start in range(0, len(packed), _PIECE))
    if filters is None:
        pieces = _inflated_while_packed(pieces)
    for name in filters or []:
        if name in (b"LZWDecode", b"LZW"):
            pieces = _lzw(pieces, early=early)
        elif name in _UNPACK:
            pieces = _UNPACK[name](pieces)
        else:
            break  # pictures, which are not unpacked to read text
    length = 0
    try:
        for piece in pieces:
            length += len(piece)
            if length > MOST_BYTES:
                return True
    except _TooLongError:
        return True
    except (zlib.error, ValueError):  # damaged, or encrypted
        pass
    return False


class _TooLongError(Exception):
    """What stands between two filters is too long already."""


def _whole(pieces: _Pieces) -> bytes:
    whole = bytearray()
    for piece in pieces:
        whole += piece
        if len(whole) > MOST_BYTES:
            raise _TooLongError
    return bytes(whole)


def _inflated(pieces: _Pieces) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    for piece in pieces:
        for start in range(0, len(piece), _PACKED_PIECE):
            rest = piece[start : start + _PACKED_PIECE]
            while rest and not inflater.eof:
                yield inflater.decompress(rest, _PIECE)
                rest = inflater.unconsumed_tail


def _inflated_while_packed(pieces: _Pieces, layers: int = 8) -> Iterator[bytes]:
    """Inflate what begins with a zlib header (RFC 1950), and what comes out of it likewise."""
    iterator = iter(pieces)
    first = next(iterator, b"")
    whole = (piece for part in ([first], iterator) for piece in part)
    is_packed = len(first) > 1 and first[0] & 15 == 8 and int.from_bytes(first[:2], "big") % 31 == 0
    yield from _inflated_while_packed(_inflated(whole), layers - 1) if is_packed and layers else whole


def _unhexed(pieces: _Pieces) -> Iterator[bytes]:
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", _whole(pieces).partition(b">")[0])
    yield bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())


def _unascii85(pieces: _Pieces) -> Iterator[bytes]:
    text = _whole(pieces).partition(b"~")[0]
    for start in range(0, len(text), _PIECE - _PIECE % 5):  # a group of five is not parted, save after white space
        yield base64.a85decode(text[start : start + _PIECE - _PIECE % 5])


def _unrun(pieces: _Pieces) -> Iterator[bytes]:
    """Undo run lengths: 0-127 is followed by that many bytes and one more, 129-255 by one that is repeated."""
    data = _whole(pieces)
    out = bytearray()
    position = 0
    while position < len(data) and data[position] != 128:
        length = data[position]
        if length < 128:
            out += data[position + 1 : position + 2 + length]
            position += length + 2
        else:
            out += data[position + 1 : position + 2] * (257 - length)
            position += 2
        if len(out) >= _PIECE:
            yield bytes(out)
            out.clear()
    yield bytes(out)


def _lzw(pieces: _Pieces, *, early: bool) -> Iterator[bytes]:
    """Undo LZW: codes of 9 to 12 bits; 256 clears the table, 257 ends; `early` widens codes one entry before."""
    data = _whole(pieces)
    single = [bytes([value]) for value in range(256)]
    table: list[bytes] = []
    last = b""
    out: list[bytes] = []
    length = buffer = bits = 0
    for byte in data:
        buffer, bits = buffer << 8 | byte, bits + 8
        entries = len(table) + 258 + early
        width = 9 if entries < 512 else 10 if entries < 1024 else 11 if entries < 2048 else 12
        if bits < width:
            continue
        bits -= width
        code, buffer = buffer >> bits, buffer & (1 << bits) - 1
        if code == 257:
            break
        if code == 256:
            table, last = [], b""
            continue
        if code < 256:
            entry = single[code]
        elif code - 258 < len(table):
            entry = table[code - 258]
        else:
            entry = last + last[:1]
        if last and len(table) < 4096 - 258:
            table.append(last + entry[:1])
        last = entry
        out.append(entry)
        length += len(entry)
        if length >= _PIECE:
            yield b"".join(out)
            out, length = [], 0
    yield b"".join(out)


_UNPACK: dict[bytes, Callable[[_Pieces], Iterator[bytes]]] = {
    b"FlateDecode": _inflated, b"Fl": _inflated,
    b"ASCIIHexDecode": _unhexed, b"AHx": _unhexed,
    b"ASCII85Decode": _unascii85, b"A85": _unascii85,
    b"RunLengthDecode": _unrun, b"RL": _unrun,
}  # fmt: skip
# How many times longer each may make a stream.
_MOST_TIMES = {
    b"FlateDecode": 1032, b"Fl": 1032, b"LZWDecode": 2000, b"LZW": 2000, b"RunLengthDecode": 64, b"RL": 64,
    b"ASCII85Decode": 4, b"A85": 4,
}  # fmt: skip
