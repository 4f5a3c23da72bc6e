"""Unpacks the rich text of Outlook's messages (MS-OXRTFCP): copies of what came before, in a ring of 4,096 bytes."""

from __future__ import annotations

import struct

_PACKED, _PLAIN = 0x75465A4C, 0x414C454D  # "LZFu", "MELA"
_RING = 4096
_FIRST = (  # what the ring holds at the beginning
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript "
    rb"\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n" + rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)


def unpacked(data: bytes, most: int) -> bytes:
    """The rich text of a property, at most so many bytes. Raises ValueError, IndexError or struct.error for damage."""
    _, size, kind, _ = struct.unpack_from("<IIII", data)
    if kind == _PLAIN:
        return data[16 : 16 + size]
    if kind != _PACKED:
        raise ValueError(kind)
    ring = bytearray(_FIRST.ljust(_RING, b"\0"))
    write = len(_FIRST)
    found = bytearray()
    place = 16
    while len(found) < min(size, most):
        flags = data[place]
        place += 1
        for bit in range(8):
            if flags >> bit & 1:
                pair = data[place] << 8 | data[place + 1]
                place += 2
                start, length = pair >> 4, (pair & 15) + 2
                if start == write:
                    return bytes(found)  # the end
            elif place < len(data):
                start, length = -1, 1
            else:
                return bytes(found)
            for step in range(length):
                if start < 0:
                    byte = data[place]
                    place += 1
                else:
                    byte = ring[(start + step) % _RING]
                found.append(byte)
                ring[write] = byte
                write = (write + 1) % _RING
    return bytes(found)
