"""The child process that reads files: takes one piece of work after the other from its standard input.

Started and watched by `isolated`. Limits its own memory and processor time where the system can do that: Linux
both, macOS only time, Windows neither.
"""

from __future__ import annotations

import functools
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import frames, load_address, load_file

_IDLE_SECONDS = 120
_LIBRARY_BYTES = 1 << 30  # address space that libraries and thread stacks reserve beside a file's memory


def serve() -> None:
    """Do work until there has been none for a while, or the parent closes the pipe or is gone."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not fall among the answers
    work: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, work), daemon=True).start()
    while True:
        try:
            request = json.loads(work.get(timeout=_IDLE_SECONDS))
        except queue.Empty:
            os._exit(0)
        frames.send(answers, frames.STARTED)
        limit = functools.partial(_limit, request["memory_bytes"], request["seconds"])

        def recognised(limit: Callable[[], None] = limit) -> None:
            limit()
            frames.send(answers, frames.RECOGNISED)

        limit()
        frames.send(answers, *_answer(request, recognised))


def _listen(requests: BinaryIO, work: queue.Queue[bytes]) -> None:
    """Hand on what the parent sends; once it has closed the pipe or is gone, end this process, whatever it does."""
    while (frame := frames.receive(requests)) is not None:
        work.put(frame[1])
    os._exit(0)


def _answer(request: dict[str, Any], recognised: Callable[[], None]) -> tuple[bytes, bytes | bytearray]:
    try:
        if request["work"] == "picture":
            from minicpm_rag.loaders.pdf.marked import page_picture

            picture, found = page_picture(
                Path(request["path"]),
                request["page"],
                request["quotes"],
                chosen=request["chosen"],
                width_pixels=request["width_pixels"],
            )
            return frames.PICTURE, (b"1" if found else b"0") + picture
        if request["work"] == "address":
            return frames.LOADED, frames.from_loaded(load_address(request["address"]))
        loaded = load_file(
            Path(request["path"]), ocr=request["ocr"], password=request["password"], recognised=recognised
        )
        return frames.LOADED, frames.from_loaded(loaded)
    except DocumentError as exc:
        return frames.REFUSED, frames.from_error(exc)
    except MemoryError:
        return frames.OUT_OF_MEMORY, b""
    except Exception as exc:  # a reader's own defect: the parent logs it and makes it the file's verdict
        return frames.DEFECT, frames.from_defect(exc)


def _limit(memory_bytes: int, seconds: int) -> None:
    """Limit the memory of this process, and the processor time from now on; a core dump would hold the document."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    processor_seconds = int(used.ru_utime + used.ru_stime) + seconds * (os.cpu_count() or 1)
    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes + _LIBRARY_BYTES),
        (resource.RLIMIT_CPU, processor_seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # macOS refuses the first; `isolated` watches the memory from outside
            _, hard = resource.getrlimit(kind)
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
