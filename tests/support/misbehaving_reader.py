"""Imported in a child process: readers do, by a file's name, what a hostile file may make a real one do."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from minicpm_rag.loaders import child, frames
from minicpm_rag.records import LoadedFile, Page

_load_file = child.load_file


def _misbehave(
    path: Path, *, ocr: bool = True, password: str = "", recognised: Callable[[], None] = lambda: None
) -> LoadedFile:
    does = path.stem.partition("_")[0]
    if does == "defect":
        raise RuntimeError("index \ud800 out of range")
    if does == "crash":
        ctypes.string_at(0)
    if does == "exit":
        os._exit(3)
    if does == "hang":
        time.sleep(600)
    if does == "spin":
        while True:
            pass
    if does == "eat":
        eaten = []
        while True:
            eaten.append(os.urandom(1 << 20))
    if does == "print":
        os.write(1, b"what a library prints")
    if does == "surrogate":
        return LoadedFile("\ud800", (Page(1, "a\udfffb"),), 1)
    if does == "lie":
        return LoadedFile("lie", (Page("1", "text"),), 1)  # type: ignore[arg-type]
    if does == "huge":
        for descriptor in range(3, 10):
            with suppress(OSError):
                os.write(descriptor, frames._HEAD.pack(frames.LOADED, 1 << 60))
    if does == "scans":
        for _ in range(7):
            time.sleep(1)
            recognised()
    return _load_file(path, ocr=ocr, recognised=recognised)


child.load_file = _misbehave
