"""Whether the files of a persisted HNSW index can be loaded without harm.

Chroma's hnswlib checks neither what it writes nor what it reads: after a full disk or a kill in the middle of a
write, loading the files can end the whole process, or write without bound later (chroma-core/chroma issues 7238 and
7510). So every length and every link is checked beforehand (docs/decisions.md has what that costs and finds).

The format is that of `persistDirty` and `readPersistedIndexFromStreams` in chroma-core/hnswlib, hnswalg.h, with its
version number in the first four bytes. Knows nothing of what the vectors mean.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.messages import Message

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Numbers = NDArray[numpy.uint32]

HEADER_FILE = "header.bin"
HEADER = struct.Struct("<i6QiI3QdQ")  # no padding; the version comes first
VERSION = 1  # the only version of the format that is checked here
LABEL_BYTES = 8
PIECE = 65_536  # elements looked at together, so that memory stays small


@dataclass(frozen=True)
class _Header:
    version: int
    offset: int
    capacity: int
    elements: int
    element_bytes: int
    label_offset: int
    vector_offset: int
    top_level: int
    entry: int
    upper_links: int
    base_links: int
    links: int
    multiplier: float
    candidates: int


def is_known(folder: Path) -> bool:
    """Whether the index files in a folder are of the version that `damage` can check, however damaged.

    Raises OSError where a file cannot be read.
    """
    data = (folder / HEADER_FILE).read_bytes()
    return len(data) < HEADER.size or int.from_bytes(data[:4], "little") == VERSION


def damage(folder: Path) -> Message | None:
    """What is wrong with the index files in a folder, of the version known; None where they can be loaded.

    Raises OSError where a file cannot be read.
    """
    data = (folder / HEADER_FILE).read_bytes()
    if len(data) != HEADER.size:
        return Message("library.index_cut_short", file=HEADER_FILE)
    header = _Header(*HEADER.unpack(data))
    if header.offset != 0 or header.elements > header.capacity:
        return Message("library.index_header_senseless")
    if header.vector_offset != 4 * (1 + header.base_links) or not (
        header.vector_offset < header.label_offset == header.element_bytes - LABEL_BYTES
    ):
        return Message("library.index_sizes_senseless")
    if header.links < 2 or header.candidates == 0 or not math.isclose(header.multiplier, 1 / math.log(header.links)):
        return Message("library.index_links_senseless")
    for name, size in (("data_level0.bin", header.element_bytes), ("length.bin", 4)):
        if not (folder / name).exists() or (folder / name).stat().st_size < header.elements * size:
            return Message("library.index_cut_short", file=name)
    named = (folder / "index_metadata.pickle").exists()  # written last, when there is something to name
    if header.elements == 0 and not named:
        return None
    if header.elements == 0 or not named:
        return Message("library.index_apart")
    return _base_damage(folder / "data_level0.bin", header) or _upper_damage(folder / "link_lists.bin", header)


def _base_damage(path: Path, header: _Header) -> Message | None:
    """Every element's links on the lowest level must lead to elements."""
    import numpy

    element = numpy.dtype(
        {
            "names": ["count", "links"],
            "formats": ["<u2", ("<u4", (header.base_links,))],
            "offsets": [0, 4],
            "itemsize": header.element_bytes,
        }
    )
    elements: Any = numpy.memmap(path, dtype=element, mode="r", shape=(header.elements,))
    for first in range(0, header.elements, PIECE):
        piece = elements[first : first + PIECE]
        if not _lead_to(numpy.asarray(piece["count"]), numpy.asarray(piece["links"]), header.elements):
            return Message("library.index_astray", file=path.name)
    return None


def _upper_damage(path: Path, header: _Header) -> Message | None:
    """Links on the upper levels must lead to elements of that level, where the search goes on."""
    import numpy

    level_bytes = 4 * (1 + header.upper_links)
    data = path.read_bytes() if path.exists() else b""
    levels = numpy.zeros(header.elements, dtype=numpy.int64)
    upper: list[int] = []  # where the links of each element above the lowest level begin, with the elements
    begins: list[int] = []
    words = numpy.frombuffer(data, dtype="<u4", count=len(data) // 4)
    ahead = iter(numpy.flatnonzero(words).tolist())
    place = element = 0  # a word that gives the bytes of an element's links; all words of most elements are this 0
    while (found := next((number for number in ahead if number >= place), None)) is not None:
        element += found - place
        if element >= header.elements:
            break
        size, position = int(words[found]), 4 * (found + 1)
        levels[element] = size // level_bytes
        if size % level_bytes or levels[element] > header.top_level or position + size > len(data):
            return Message("library.index_element_senseless", file=path.name, element=element)
        upper.append(element)
        begins.append(position)
        place, element = found + 1 + size // 4, element + 1
    if element + len(words) - place < header.elements:
        return Message("library.index_cut_short", file=path.name)
    if header.entry >= header.elements or levels[header.entry] != header.top_level:
        return Message("library.index_entry_senseless")
    for level in range(1, header.top_level + 1):
        rows = [
            begin + (level - 1) * level_bytes for begin, of in zip(begins, upper, strict=True) if levels[of] >= level
        ]
        lists = numpy.stack(
            [numpy.frombuffer(data, dtype="<u4", count=1 + header.upper_links, offset=row) for row in rows]
        )
        reachable = numpy.where(levels >= level, header.elements, 0)
        if not _lead_to((lists[:, 0] & 0xFFFF).astype(numpy.uint16), lists[:, 1:], header.elements, reachable):
            return Message("library.index_astray", file=path.name)
    return None


def _lead_to(counts: Any, links: Numbers, elements: int, reachable: Any = None) -> bool:
    """Whether the first `counts` links of each row are numbers of elements, and of reachable ones."""
    import numpy

    width = links.shape[1]
    if len(counts) and int(counts.max()) > width:
        return False
    if reachable is None and links.size and int(links.max()) < elements:
        return True  # even those beyond the counts
    used = links[numpy.arange(width) < counts[:, None]]
    if len(used) and int(used.max()) >= elements:
        return False
    return reachable is None or bool(numpy.all(reachable[used] > 0))
