"""Fetch a model from ModelScope into a folder: whole files only, resuming an earlier try that was interrupted.

`hub` talks to ModelScope in a process of its own. This module chooses the files, stops that process when asked,
checks that everything arrived, and turns failures into errors. It does not know which model suits the machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from minicpm_rag.errors import DownloadError, DownloadStoppedError
from minicpm_rag.messages import Message, joined, reason_of
from minicpm_rag.models import hardware
from minicpm_rag.models.catalogue import Model
from minicpm_rag.models.gguf import format_of, suits_memory
from minicpm_rag.models.manifest import (
    check_room,
    gguf_choices,
    is_whole,
    missing_files,
    superfluous,
    write_manifest,
)

LOCK = ".downloading.lock"
FIRST_ANSWER_SECONDS = 28  # the hub has to have answered by then
POLL_SECONDS = 0.1

# What kept the hub from handing out a file, as `hub` reports it.
_FAILURES = {
    "no_answer": "models.hub_unreachable",
    "no_connection": "models.hub_unreachable",
    "unknown": "models.unknown_on_hub",
    "denied": "models.denied",
    "damaged": "models.arrived_damaged",
    "disk": "models.folder_not_written",
    "hub": "models.hub_error",
}

OnProgress = Callable[[int, int], None]


def download(
    model: Model,
    folder: Path,
    *,
    revision: str = "master",
    on_progress: OnProgress | None = None,
    cancel: threading.Event | None = None,
) -> Path:
    """Fetch `model` into `folder` and return it; a whole model that is there already is only checked.

    `on_progress(bytes_done, bytes_total)` is called a few times a second. Setting `cancel` stops within a
    second with DownloadStoppedError; calling again resumes. Raises DownloadError for a model that is not run here.
    """
    if not model.usable:
        raise DownloadError("models.refused", name=model.name, why=model.note)
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DownloadError("models.folder_not_made", folder=folder, why=reason_of(exc)) from exc
    try:
        with (
            FileLock(folder / LOCK, timeout=0),
            tempfile.TemporaryDirectory(prefix="minicpm-rag-") as scratch,
            _started(Path(scratch)) as process,
        ):
            _drive(process, _Order(model, folder, revision), on_progress, cancel or threading.Event())
    except Timeout as exc:
        raise DownloadError("models.folder_in_use", folder=folder) from exc
    return folder


@dataclass(frozen=True)
class _Order:
    """A model that is asked of the hub, at which revision, and the folder it goes into."""

    model: Model
    folder: Path
    revision: str

    def failure(self, kind: str, message: str) -> DownloadError:
        """The error for what the hub reported."""
        model = self.model
        values = {"name": model.name, "id": model.modelscope_id, "revision": self.revision, "folder": self.folder}
        return DownloadError(_FAILURES[kind], **values, why=_why(kind, message))


@dataclass(frozen=True)
class RepositoryFile:
    """A GGUF model in a repository: its name, the bytes of all its parts, and whether this machine would take it."""

    name: str
    size: int
    chosen: bool


def list_gguf(model: Model, folder: Path, *, revision: str = "master") -> list[RepositoryFile]:
    """The GGUF models of a repository, smallest first; none where it has other weights.

    Raises DownloadError, which names the `folder` that the model would be fetched into.
    """
    order = _Order(model, folder, revision)
    with tempfile.TemporaryDirectory(prefix="minicpm-rag-") as scratch, _started(Path(scratch)) as process:
        own = str(Path(scratch) / "files")  # nothing is fetched
        _send(process, {"id": model.modelscope_id, "revision": revision, "folder": own})
        for report in _reports(process, order, threading.Event()):
            if "failure" in report:
                raise order.failure(report["failure"], report["message"])
            choices = gguf_choices(report["listing"])
            chosen = _gguf_file(model, choices) if choices else ""
            return [
                RepositoryFile(name, choices[name], name == chosen) for name in sorted(choices, key=choices.__getitem__)
            ]
    raise DownloadError("models.download_ended", name=model.name)


def _gguf_file(model: Model, choices: Mapping[str, int]) -> str:
    """The file that is wanted by name or number format, else what suits this machine's memory."""
    wanted = model.gguf_file.casefold()
    if not wanted:
        return suits_memory(choices, int(hardware.ram_bytes() * hardware.RAM_SHARE))
    for name in choices:
        if wanted in (name.casefold(), format_of(name).casefold()):
            return name
    raise DownloadError("models.no_such_file", id=model.modelscope_id, name=model.gguf_file, names=sorted(choices))


@contextlib.contextmanager
def _started(scratch: Path) -> Iterator[subprocess.Popen[str]]:
    process = _start(scratch)
    try:
        yield process
    finally:
        process.kill()  # harmless where it has ended
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def _start(scratch: Path) -> subprocess.Popen[str]:
    package_parent = str(Path(__file__).resolve().parents[2])
    search_path = os.pathsep.join(filter(None, (package_parent, os.environ.get("PYTHONPATH"))))
    tuning = {  # its own defaults wait up to a minute where there is no network, and give any file one hour
        "MODELSCOPE_API_CONNECT_TIMEOUT": "8",
        "MODELSCOPE_API_TIMEOUT": "20",
        "MODELSCOPE_API_MAX_RETRIES": "1",
        "MODELSCOPE_REPO_TREE_PAGE_TIMEOUT_SECONDS": "10",
        "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "2",
        "MODELSCOPE_DOWNLOAD_TIMEOUT": "20",
        "MODELSCOPE_DOWNLOAD_TOTAL_TIMEOUT": str(7 * 24 * 3600),
    }
    privacy = {  # no lasting session id, no look-up of the cloud this machine is in, no file outside our folders
        "MODELSCOPE_HOME": str(scratch / "home"),
        "MODELSCOPE_CACHE": str(scratch / "cache"),
        "MODELSCOPE_DOWNLOAD_INTRA_CLOUD": "false",
        "MODELSCOPE_DOWNLOAD_FILE_LOCK": "false",
        "MODELSCOPE_LOG_LEVEL": "CRITICAL",
        "TQDM_DISABLE": "1",
    }
    environment = {**tuning, **os.environ, **privacy, "PYTHONPATH": search_path, "PYTHONUTF8": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "minicpm_rag.models.hub"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env=environment,
    )


def _drive(
    process: subprocess.Popen[str], order: _Order, on_progress: OnProgress | None, cancel: threading.Event
) -> None:
    model, folder, revision = order.model, order.folder, order.revision
    wanted: dict[str, dict[str, Any]] = {}
    _send(process, {"id": model.modelscope_id, "revision": revision, "folder": str(folder)})
    for report in _reports(process, order, cancel):
        if "listing" in report:
            listing: dict[str, dict[str, Any]] = report["listing"]
            choices = gguf_choices(listing)
            skipped = superfluous(list(listing), _gguf_file(model, choices) if choices else "")
            wanted = {name: facts for name, facts in listing.items() if name not in skipped}
            if not wanted:
                raise DownloadError("models.nothing_to_fetch", id=model.modelscope_id, revision=revision)
            check_room(folder, wanted)
            write_manifest(folder, model.modelscope_id, revision, wanted)
            _send(process, skipped)
        elif "done" in report and on_progress is not None:
            on_progress(report["done"], report["total"])
        elif "failure" in report:
            unreachable = _FAILURES[report["failure"]] == "models.hub_unreachable"
            if unreachable and is_whole(folder, model.modelscope_id, revision):
                return  # all of it is here already; only the hub could not say so
            raise order.failure(report["failure"], report["message"])
        elif "finished" in report:
            problems = missing_files(folder)
            if problems:
                raise DownloadError("models.not_whole", name=model.name, problems=joined(*problems))
            total = sum(facts["size"] for facts in wanted.values())
            if on_progress is not None:
                on_progress(total, total)
            return
    raise DownloadError("models.download_ended", name=model.name)


def _reports(process: subprocess.Popen[str], order: _Order, cancel: threading.Event) -> Iterator[dict[str, Any]]:
    """Yield the process's reports; raise when told to stop, or when the hub never answers."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    answer_by: float | None = time.monotonic() + FIRST_ANSWER_SECONDS
    while True:
        if cancel.is_set():
            raise DownloadStoppedError("models.download_stopped", name=order.model.name)
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            if answer_by is not None and time.monotonic() > answer_by:
                raise order.failure("no_answer", "ModelScope") from None
            continue
        if not line:
            return
        answer_by = None
        yield json.loads(line)


def _send(process: subprocess.Popen[str], message: object) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
    except BrokenPipeError as exc:
        raise DownloadError("models.downloader_missing") from exc


def _why(kind: str, message: str) -> str | Message:
    """The reason in brackets: the hub's own words, or the address that did not answer."""
    if kind == "no_answer":
        return Message("models.no_answer", address=message)
    if kind == "no_connection":
        return Message("models.no_connection", address=message)
    return message[:200]
