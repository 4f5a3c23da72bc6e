"""What a GGUF file says of itself: architecture, sizes, number format, tokens. Weights are not read.

The format is llama.cpp's, versions 2 and 3: a header, keys with values, the list of tensors, then the weights. The
`gguf` package reads it too, but makes several arrays of each token: 4 s for 49,000 tokens where this takes .07 s.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from minicpm_rag.errors import CheckpointError
from minicpm_rag.messages import reason_of

ENDING = ".gguf"
_MAGIC, _LFS_POINTER = b"GGUF", b"version https://git-lfs"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
# llama.cpp's number for how most weights are stored
_FORMATS = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 25: "IQ4_NL", 30: "IQ4_XS",
    32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
}  # fmt: skip
_NAMED_FORMAT = re.compile(
    r"(?<![A-Za-z0-9])(I?Q\d_[A-Z0-9]+(?:_[SMLX]+)?|TQ\d_0|B?F16|F32)(?![A-Za-z0-9])", re.IGNORECASE
)
# Far above any model's, so that a file of random numbers is told as damaged at once. Dimensions are llama.cpp's most.
_MOST_FACTS, _MOST_TENSORS, _MOST_DIMENSIONS = 100_000, 1_000_000, 4
_LONGEST_KEY, _LONGEST_TEXT, _LONGEST_LIST = 65_535, 16_000_000, 10_000_000  # bytes, bytes, items
# "model-00001-of-00003.gguf": llama.cpp opens the first and finds the others beside it
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")


@dataclass(frozen=True)
class GgufFile:
    """A GGUF file, whose `facts` are its keys and values; lists, the vocabulary among them, are left out."""

    path: Path
    facts: dict[str, Any]
    parameters: int
    file_bytes: int  # of all parts

    @property
    def architecture(self) -> str:
        """The family, as llama.cpp names it: minicpm, minicpm3, llama."""
        return str(self.facts.get("general.architecture", ""))

    @property
    def context_tokens(self) -> int:
        """The context length that the model was trained for; 0 where the file does not say."""
        return self._number("context_length")

    @property
    def cache_values_per_token(self) -> int:
        """Numbers kept for each token of context, keys and values of all layers together."""
        heads = self._number("attention.head_count")
        width = self._number("embedding_length") // max(heads, 1)
        keys, values = self._number("attention.key_length") or width, self._number("attention.value_length") or width
        return self._number("block_count") * (self._number("attention.head_count_kv") or heads) * (keys + values)

    @property
    def format(self) -> str:
        """How most weights are stored: Q4_K_M, Q8_0, F16."""
        number = self.facts.get("general.file_type")
        return _FORMATS.get(number) or format_of(self.path.name)  # type: ignore[arg-type]

    def _number(self, key: str) -> int:
        value = self.facts.get(f"{self.architecture}.{key}")
        return max(0, value) if isinstance(value, int) else 0


def format_of(name: str) -> str:
    """The number format that a file's name tells; "" where it tells none."""
    found = _NAMED_FORMAT.search(name.removesuffix(ENDING))
    return found.group(1).upper() if found else ""


def gguf_files(folder: Path) -> list[Path]:
    """The models of a folder, by path: of one in several parts its first, and no picture encoders.

    Repositories keep them at the top or in one folder for each format.
    """
    places = (*folder.iterdir(), *folder.glob("*/*"))
    files = sorted(path for path in places if path.suffix.lower() == ENDING and path.is_file())
    return [path for path in files if not is_later_part(path.name) and not path.name.lower().startswith("mmproj")]


def find_gguf(named: Path) -> Path | None:
    """The GGUF file that is meant by a file or a folder: of several, the first by name; None where there is none.

    A folder with weights in another format is no GGUF's.
    """
    if not named.is_dir():
        return named if named.suffix.lower() == ENDING and named.is_file() else None
    if any(path.suffix in (".safetensors", ".bin") for path in named.iterdir()):
        return None
    return next(iter(gguf_files(named)), None)


def suits_memory(sizes: Mapping[str, int], room: int) -> str:
    """Which of a repository's GGUF files to take: Q8_0 where it takes a quarter of the room at most, else Q4_K_M.

    `sizes` are bytes by name, `room` the memory for a model. Where the repository has neither, the largest that takes
    half of the room at most; else the smallest.
    """
    by_format = {format_of(name): name for name in sorted(sizes, reverse=True)}
    for wanted, share in (("Q8_0", 4), ("Q4_K_M", 1)):
        if wanted in by_format and sizes[by_format[wanted]] * share <= room:
            return by_format[wanted]
    fitting = [name for name in sizes if sizes[name] * 2 <= room]
    return max(fitting, key=lambda name: sizes[name]) if fitting else min(sizes, key=lambda name: sizes[name])


def is_later_part(name: str) -> bool:
    """Whether the file is the second or a later part of a model that is split over several."""
    part = _PART.search(name)
    return part is not None and int(part.group(1)) > 1


def parts_of(name: str) -> list[str]:
    """The files that hold a model together: one, or all its parts, there or not."""
    part = _PART.search(name)
    if part is None:
        return [name]
    count, stem = int(part.group(2)), name[: part.start()]
    return [f"{stem}-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]


def read_gguf(path: Path) -> GgufFile:
    """Read what the file says. Raises CheckpointError where it is none, or was cut short."""
    try:
        stat = path.stat()
    except OSError as exc:
        raise CheckpointError("llm.unreadable", path=path, why=reason_of(exc)) from exc
    return _read(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _read(path: Path, size: int, _changed: int) -> GgufFile:
    facts: dict[str, Any] = {}
    parts = [path.with_name(name) for name in parts_of(path.name)]
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise CheckpointError(
            "llm.files_missing", folder=path.parent, count=len(parts), missing=len(missing), names=missing[:3]
        )
    total = parameters = 0
    for part in parts:
        with _Opened(part) as content:
            found = {key: value for key, value in content.facts() if not isinstance(value, list)}
            facts = facts or found  # the first part's
            parameters += content.parameters()
            total += content.size
    return GgufFile(path, facts, parameters, total)


def read_list(path: Path, key: str) -> list[Any]:
    """One list of the file: its tokens, their kinds. Empty where there is none of that name."""
    with _Opened(path) as content:
        return next((value for name, value in content.facts(wanted=key) if name == key), [])


class _Opened:
    """A GGUF file as bytes, read from front to back. Raises CheckpointError where they end too early."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> _Opened:
        try:
            self._file = self._path.open("rb")
            self.size = self._path.stat().st_size
            start = self._file.read(64)
        except OSError as exc:
            raise CheckpointError("llm.unreadable", path=self._path, why=reason_of(exc)) from exc
        problem = self._problem(start)
        if problem is not None:
            self._file.close()
            raise problem
        self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._place = 8
        self._tensors, self._keys = self._number("Q"), self._number("Q")
        return self

    def __exit__(self, *_: object) -> None:
        self._bytes.close()
        self._file.close()

    def _problem(self, start: bytes) -> CheckpointError | None:
        if not start:
            return CheckpointError("llm.empty_file", path=self._path)
        if start.startswith(_LFS_POINTER):
            return CheckpointError("llm.lfs_pointer", path=self._path)
        if not start.startswith(_MAGIC):
            return CheckpointError("llm.not_gguf", path=self._path)
        if len(start) < 24:
            return CheckpointError("llm.cut_short", path=self._path, size=self.size)
        version = struct.unpack_from("<I", start, 4)[0]
        if version not in _VERSIONS:
            return CheckpointError("llm.gguf_version", path=self._path, version=version)
        return None

    def facts(self, wanted: str | None = None) -> Iterator[tuple[str, Any]]:
        """Yield keys and values; of lists only the `wanted` one is read, the others are empty."""
        for _ in range(self._within(self._keys, _MOST_FACTS)):
            key = self._text(_LONGEST_KEY)
            yield key, self._value(self._number("I"), kept=key == wanted)

    def parameters(self) -> int:
        """Numbers in all tensors, to be called after `facts`."""
        found, last = 0, 0
        for _ in range(self._within(self._tensors, _MOST_TENSORS)):
            self._text(_LONGEST_KEY)
            count = 1
            for _ in range(self._within(self._number("I"), _MOST_DIMENSIONS)):
                count *= self._number("Q")
            self._number("I")
            last = max(last, self._number("Q"))
            found += count
        if self._tensors and self._place + last >= self.size:
            raise CheckpointError("llm.cut_short_of", path=self._path, size=self.size, total=self._place + last)
        return found

    def _value(self, kind: int, *, kept: bool = False) -> Any:
        if kind == _STRING:
            return self._text()
        if kind == _ARRAY:
            inner, count = self._number("I"), self._within(self._number("Q"), _LONGEST_LIST)
            if inner == _STRING:
                if kept:
                    return [self._text() for _ in range(count)]
                for _ in range(count):
                    self._advance(self._number("Q"))
                return []
            if inner not in _NUMBERS:
                raise CheckpointError("llm.damaged", path=self._path, why=f"array of type {inner}")
            code = _NUMBERS[inner]
            start = self._advance(count * struct.calcsize(f"<{code}"))
            return list(struct.unpack_from(f"<{count}{code}", self._bytes, start)) if kept else []
        if kind not in _NUMBERS:
            raise CheckpointError("llm.damaged", path=self._path, why=f"value of type {kind}")
        return self._number(_NUMBERS[kind])

    def _number(self, code: str) -> Any:
        return struct.unpack_from(f"<{code}", self._bytes, self._advance(struct.calcsize(f"<{code}")))[0]

    def _within(self, count: int, most: int) -> int:
        """A count that the file tells, where it is not beyond reason."""
        if count > most:
            raise CheckpointError("llm.damaged", path=self._path, why=f"{count} > {most}")
        return count

    def _text(self, most: int = _LONGEST_TEXT) -> str:
        length = self._number("Q")
        if self._place + length <= self.size:  # else it is cut short, which is told as that
            self._within(length, most)
        start = self._advance(length)
        return self._bytes[start : start + length].decode("utf-8", "replace")

    def _advance(self, count: int) -> int:
        """Where the next `count` bytes begin; they are passed."""
        start = self._place
        if start + count > self.size:
            raise CheckpointError("llm.cut_short_in_header", path=self._path, size=self.size)
        self._place = start + count
        return start
