"""Writes compound files (MS-CFB), the containers of Office before 2007 and of Outlook's messages."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass, field
from pathlib import Path

_SECTOR, _MINI_SECTOR, _CUTOFF = 512, 64, 4096
_FREE, _END, _TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
Folder = dict[str, "bytes | Folder"]


@dataclass
class _Entry:
    name: str
    kind: int  # 1 a folder, 2 a stream, 5 the root
    data: bytes = b""
    child: int = _FREE
    right: int = _FREE
    start: int = 0
    children: list[int] = field(default_factory=list)


def make_compound_file(path: Path, content: Folder) -> Path:
    """Write folders and streams by their names."""
    entries = [_Entry("Root Entry", 5)]
    _add(entries, 0, content)
    mini, mini_table = b"", []
    for entry in entries[1:]:
        if entry.kind == 2 and 0 < len(entry.data) < _CUTOFF:
            count = -(-len(entry.data) // _MINI_SECTOR)
            entry.start = len(mini_table)
            mini_table += [*range(entry.start + 1, entry.start + count), _END]
            mini += entry.data.ljust(count * _MINI_SECTOR, b"\0")
    entries[0].data = mini
    sectors: list[bytes] = []
    table: list[int] = []

    def stored(data: bytes) -> int:
        start, count = len(sectors), -(-len(data) // _SECTOR)
        if not count:
            return _END
        padded = data.ljust(count * _SECTOR, b"\0")
        sectors.extend(padded[place : place + _SECTOR] for place in range(0, len(padded), _SECTOR))
        table.extend([*range(start + 1, start + count), _END])
        return start

    for entry in entries:
        if entry.kind == 5 or len(entry.data) >= _CUTOFF:
            entry.start = stored(entry.data)
    mini_start = stored(b"".join(struct.pack("<I", one) for one in mini_table))
    directory = stored(b"".join(map(_written, entries)))
    count = -(-(len(table) + 1) // (_SECTOR // 4 - 1))
    first = len(sectors)
    table += [_TABLE] * count
    packed = b"".join(struct.pack("<I", one) for one in table).ljust(count * _SECTOR, b"\xff")
    sectors += [packed[place : place + _SECTOR] for place in range(0, len(packed), _SECTOR)]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIII", 0, count, directory, 0, _CUTOFF)
    head += struct.pack("<IIII", mini_start, -(-len(mini_table) * 4 // _SECTOR), _END, 0)
    head += b"".join(struct.pack("<I", first + number) for number in range(count))
    path.write_bytes(head.ljust(_SECTOR, b"\xff") + b"".join(sectors))
    return path


def _add(entries: list[_Entry], parent: int, content: Folder) -> None:
    for name, value in sorted(content.items(), key=lambda item: (len(item[0]), item[0].upper())):
        entries.append(_Entry(name, 2, value) if isinstance(value, bytes) else _Entry(name, 1))
        entries[parent].children.append(len(entries) - 1)
        if not isinstance(value, bytes):
            _add(entries, len(entries) - 1, value)
    children = entries[parent].children
    for before, after in itertools.pairwise(children):
        entries[before].right = after
    entries[parent].child = children[0] if children else _FREE


def _written(entry: _Entry) -> bytes:
    name = entry.name.encode("utf-16-le")
    head = name.ljust(64, b"\0") + struct.pack("<HBBIII", len(name) + 2, entry.kind, 1, _FREE, entry.right, entry.child)
    size = len(entry.data) if entry.kind != 1 else 0
    return head + bytes(36) + struct.pack("<IQ", entry.start, size)


def message_of(
    texts: dict[int, str],
    *,
    fixed: dict[int, tuple[int, int]] | None = None,
    binaries: dict[int, bytes] | None = None,
    old_texts: dict[int, bytes] | None = None,
    attachments: list[Folder] | None = None,
    head_bytes: int = 32,
) -> Folder:
    """A message or attachment by the numbers of its properties; `fixed` has (kind, value)."""
    lines = (struct.pack("<IIQ", number << 16 | kind, 6, value) for number, (kind, value) in (fixed or {}).items())
    folder: Folder = {"__properties_version1.0": bytes(head_bytes) + b"".join(lines)}
    folder |= {f"__substg1.0_{number:04X}001F": text.encode("utf-16-le") for number, text in texts.items()}
    folder |= {f"__substg1.0_{number:04X}001E": data for number, data in (old_texts or {}).items()}
    folder |= {f"__substg1.0_{number:04X}0102": data for number, data in (binaries or {}).items()}
    for number, attachment in enumerate(attachments or []):
        folder[f"__attach_version1.0_#{number:08X}"] = attachment
    return folder
