"""Reads files in child processes: a file that crashes its reader, or takes too long or too much memory, fails alone.

A child is kept for many files. It is a fresh Python (neither a fork, nor `multiprocessing`, which would run the
user's main script again in it), so it works alike on Linux, macOS and Windows, and imports only the readers.
Does not know how a file is read.
"""

from __future__ import annotations

import json
import logging
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import frames
from minicpm_rag.loaders.conversion import end_with_children
from minicpm_rag.messages import reason_of
from minicpm_rag.records import LoadedFile

log = logging.getLogger(__name__)

MEMORY_BYTES = min(3 << 30, psutil.virtual_memory().total // 2)  # for one file
FILE_SECONDS, SECONDS_A_MEGABYTE = 90, 10  # the slowest reader, of workbooks, takes 4 on a slow machine
SCANS_SECONDS = 4 * 3600  # in all, where pages go through text recognition; each of them may take FILE_SECONDS
ADDRESS_SECONDS = 90
PICTURE_SECONDS = 30

_MOST_CHILDREN = 3  # at once: two files of an ingest, and a page's picture
_FILES_EACH, _BYTES_EACH = 200, 500_000_000  # then a child ends, and with it whatever its libraries have leaked
_KEPT_SHARE = 4  # a child that holds more than this part of MEMORY_BYTES after its file ends at once
_LOOK_SECONDS = 0.2  # between two looks at the memory of a child at work
_LOOKS_AT_STARTED = 5  # every so many looks at what it has started too: that reads the state of all processes
_SMALL_BYTES = 1_000_000  # a file below that is not split where it takes too much: something is wrong with it
_TOO_MUCH = (
    "loaders.needs_memory",
    "loaders.reader_overran",
    "loaders.unpacks_too_large",
    "loaders.pdf_unpacks_too_large",
)
# The child imports from where this process does, so that both run the same code.
_PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from minicpm_rag.loaders.child import serve; serve()"
)

_Result = TypeVar("_Result")


def load_file(path: Path, *, ocr: bool = True, password: str = "") -> LoadedFile:
    """Read a file as `loaders.load_file` does, in a child. Raises DocumentError, and no other error."""
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as exc:
        raise DocumentError("loaders.cannot_be_opened", why=reason_of(exc)) from exc
    seconds = FILE_SECONDS + SECONDS_A_MEGABYTE * size // 1_000_000
    request = {"work": "file", "path": str(path), "ocr": ocr, "password": password}
    try:
        return _done(request, seconds, size, frames.to_loaded)
    except DocumentError as exc:
        if size < _SMALL_BYTES and exc.reason.key in _TOO_MUCH:
            raise DocumentError(exc.reason, "loaders.too_much_for_its_size") from exc
        raise


def load_address(address: str) -> LoadedFile:
    """Fetch and read a web page as `loaders.load_address` does, in a child and within ADDRESS_SECONDS."""
    try:
        return _done({"work": "address", "address": address}, ADDRESS_SECONDS, 0, frames.to_loaded)
    except DocumentError as exc:
        if exc.reason.key == "loaders.reader_overran":
            raise DocumentError("loaders.page_too_large") from exc
        raise


def page_picture(
    path: Path, page: int, quotes: Sequence[str], *, chosen: Sequence[str] = (), width_pixels: int
) -> tuple[bytes, bool]:
    """Draw a page as `loaders.pdf.marked.page_picture` does, in a child. Raises DocumentError, and no other error."""
    drawn = {"quotes": list(quotes), "chosen": list(chosen), "width_pixels": width_pixels}
    request = {"work": "picture", "path": str(path), "page": page, **drawn}
    return _done(request, PICTURE_SECONDS, 0, frames.to_picture)


def begin(load: Callable[[], LoadedFile]) -> Future[LoadedFile]:
    """Call `load` in the background; the future has what it returns or raises."""
    future: Future[LoadedFile] = Future()

    def run() -> None:
        try:
            future.set_result(load())
        except BaseException as exc:
            future.set_exception(exc)

    threading.Thread(target=run, name="reading-ahead", daemon=True).start()
    return future


class _NotStartedError(Exception):
    """The child ended before it had the work."""


class _Child:
    """A running child and the thread that receives its frames."""

    def __init__(self) -> None:
        """Start it; a tenth of a second later it waits for work. Raises OSError."""
        self._files = self._bytes = self._looks = 0
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is not for it; on Windows the flags below say so
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)
            | getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        assert self._process.stdin is not None
        self._requests = self._process.stdin
        self._frames: queue.Queue[tuple[bytes, bytes] | None] = queue.Queue()
        threading.Thread(target=self._receive, name="reading-child", daemon=True).start()

    def answer(self, request: dict[str, Any], size: int) -> tuple[bytes, bytes]:
        """Do some work, and return the frame it ends with.

        Raises DocumentError where the child died or overran, _NotStartedError where it had died before.
        """
        try:
            if not self._files:
                self._requests.write(json.dumps([entry for entry in sys.path if isinstance(entry, str)]).encode())
                self._requests.write(b"\n")
            frames.send(self._requests, frames.WORK, json.dumps(request).encode())
        except OSError as exc:
            raise _NotStartedError from exc
        self._files += 1
        self._bytes += size
        begun = time.monotonic()
        deadline = begun + request["seconds"]
        started = False
        while True:
            try:
                frame = self._frames.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self._watch(deadline)
                continue
            if frame is None and not started:
                raise _NotStartedError
            if frame is None:
                raise self._died()
            if frame[0] == frames.STARTED:
                started = True
            elif frame[0] == frames.RECOGNISED:
                self._watch(deadline)
                deadline = min(time.monotonic() + request["seconds"], begun + SCANS_SECONDS)
            else:
                return frame

    def is_spent(self) -> bool:
        """Whether it is dead, has read enough, or holds too much memory to be used again."""
        return (
            self._process.poll() is not None
            or self._files >= _FILES_EACH
            or self._bytes >= _BYTES_EACH
            or self._memory_bytes(with_started=False) > MEMORY_BYTES // _KEPT_SHARE
        )

    def end(self) -> None:
        """Kill the process, and what a reader of it has started."""
        end_with_children(self._process.pid)
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # what could not be sent to it any more
            self._requests.close()

    def _receive(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            try:
                while (frame := frames.receive(stream)) is not None:
                    self._frames.put(frame)
            except frames.BrokenFrameError:
                log.exception("a child that reads files")
        self._frames.put(None)

    def _watch(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise DocumentError("loaders.reader_overran")
        self._looks += 1
        if self._memory_bytes(with_started=self._looks % _LOOKS_AT_STARTED == 0) > MEMORY_BYTES:
            raise DocumentError("loaders.needs_memory")

    def _memory_bytes(self, *, with_started: bool) -> int:
        """Memory of the child, and of what a reader of it has started (LibreOffice)."""
        try:
            child = psutil.Process(self._process.pid)
            started = child.children(recursive=True) if with_started else []
            return sum(int(one.memory_info().rss) for one in [child, *started])
        except psutil.Error:  # one of them has just ended
            return 0

    def _died(self) -> DocumentError:
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:  # it closed the pipe and goes on
            return DocumentError("loaders.reader_died", cause="EOF")
        if code == -getattr(signal, "SIGXCPU", 0):
            return DocumentError("loaders.reader_overran")
        return DocumentError("loaders.reader_died", cause=signal.Signals(-code).name if code < 0 else f"exit {code}")


_slots = threading.BoundedSemaphore(_MOST_CHILDREN)
_idle: list[_Child] = []
_idle_lock = threading.Lock()


def _done(request: dict[str, Any], seconds: int, size: int, read: Callable[[bytes], _Result]) -> _Result:
    """Have some work done by a child, and read its answer. Raises DocumentError."""
    request = {**request, "memory_bytes": MEMORY_BYTES, "seconds": seconds}
    with _slots:
        child, kind, payload = _answered(request, size)
        try:
            if kind in (frames.LOADED, frames.PICTURE):
                result = read(payload)
            elif kind == frames.REFUSED:
                raise frames.to_error(payload)
            elif kind == frames.OUT_OF_MEMORY:
                raise DocumentError("loaders.needs_memory")
            else:
                name, words, trace = frames.to_defect(payload)
                log.error("reading %r: %s", request.get("path") or request.get("address"), trace)
                raise DocumentError("loaders.reader_failed", kind=name, why=words)
        except MemoryError as exc:
            raise DocumentError("loaders.needs_memory") from exc
        except frames.BrokenFrameError as exc:
            child.end()
            raise DocumentError("loaders.reader_died", cause=str(exc)) from exc
        finally:
            _put_back(child)
    return result


def _answered(request: dict[str, Any], size: int) -> tuple[_Child, bytes, bytes]:
    """The child that did the work, and its answer."""
    while True:
        child, is_new = _take()
        try:
            kind, payload = child.answer(request, size)
        except BaseException as exc:
            child.end()
            if not isinstance(exc, _NotStartedError):
                raise
            if is_new:  # an idle one may just have ended
                raise DocumentError("loaders.no_child", program=sys.executable) from exc
        else:
            return child, kind, payload


def _take() -> tuple[_Child, bool]:
    """An idle child, or a new one."""
    with _idle_lock:
        if _idle:
            return _idle.pop(), False
    try:
        return _Child(), True
    except OSError as exc:
        raise DocumentError("loaders.no_child", program=sys.executable) from exc


def _put_back(child: _Child) -> None:
    if child.is_spent():
        child.end()
        return
    with _idle_lock:
        _idle.append(child)
