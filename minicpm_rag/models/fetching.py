"""Fetch a model from ModelScope into a folder: whole files only, going on where an earlier try broke off.

The talking is done by `hub` in a process of its own; here is what to leave out, what a stop means, whether
everything arrived, and the words for what went wrong. It does not know which model suits the machine.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from minicpm_rag.errors import DownloadError, DownloadStoppedError
from minicpm_rag.models.catalogue import Model
from minicpm_rag.models.manifest import check_room, is_whole, missing_files, superfluous, write_manifest

LOCK = ".downloading.lock"
FIRST_ANSWER_SECONDS = 28  # the hub has to have answered by then
POLL_SECONDS = 0.1

_BY_HAND = "A folder copied by hand works too: put its files into {folder}, or name it in MINICPM_RAG_MODEL."
_WORDS = {
    "network": "ModelScope cannot be reached, so {name} cannot be fetched ({message}). " + _BY_HAND,
    "unknown": "ModelScope has no {id} at revision {revision!r}. Check the name and the revision.",
    "denied": "ModelScope refuses to hand out {id}. Set MODELSCOPE_API_TOKEN to a token that may read it.",
    "damaged": "{name} arrived damaged more than once ({message}). Try again later. " + _BY_HAND,
    "disk": "{folder} cannot be written ({message}). Free some room or choose another folder.",
    "hub": "ModelScope answered with an error for {id}: {message}. " + _BY_HAND,
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
    second with DownloadStoppedError; calling again goes on from there.
    """
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DownloadError(f"{folder} cannot be made ({exc.strerror}). Choose another folder with --dir.") from exc
    try:
        with (
            FileLock(folder / LOCK, timeout=0),
            tempfile.TemporaryDirectory(prefix="minicpm-rag-") as scratch,
        ):
            _fetch(Path(scratch), model, folder, revision, on_progress, cancel or threading.Event())
    except Timeout as exc:
        raise DownloadError(f"{folder} is being filled by another download. Wait for it, or stop it first.") from exc
    return folder


def _fetch(
    scratch: Path,
    model: Model,
    folder: Path,
    revision: str,
    on_progress: OnProgress | None,
    cancel: threading.Event,
) -> None:
    process = _start(scratch)
    try:
        _drive(process, model, folder, revision, on_progress, cancel)
    finally:
        process.kill()  # a finished process does not mind
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()


def _start(scratch: Path) -> subprocess.Popen[str]:
    package_parent = str(Path(__file__).resolve().parents[2])
    search_path = os.pathsep.join(filter(None, (package_parent, os.environ.get("PYTHONPATH"))))
    tuning = {  # by itself it tries for 22 to 67 s without a network, and gives any file one hour
        "MODELSCOPE_API_CONNECT_TIMEOUT": "8",
        "MODELSCOPE_API_TIMEOUT": "20",
        "MODELSCOPE_API_MAX_RETRIES": "1",
        "MODELSCOPE_REPO_TREE_PAGE_TIMEOUT_SECONDS": "10",
        "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "2",
        "MODELSCOPE_DOWNLOAD_TIMEOUT": "20",
        "MODELSCOPE_DOWNLOAD_TOTAL_TIMEOUT": str(7 * 24 * 3600),
    }
    privacy = {  # no lasting session id, no question which cloud this is, nothing outside our folders
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
    process: subprocess.Popen[str],
    model: Model,
    folder: Path,
    revision: str,
    on_progress: OnProgress | None,
    cancel: threading.Event,
) -> None:
    wanted: dict[str, dict[str, Any]] = {}
    _send(process, {"id": model.modelscope_id, "revision": revision, "folder": str(folder)})
    for report in _reports(process, model, folder, cancel):
        if "listing" in report:
            listing: dict[str, dict[str, Any]] = report["listing"]
            skipped = superfluous(list(listing))
            wanted = {name: facts for name, facts in listing.items() if name not in skipped}
            if not wanted:
                raise DownloadError(
                    f"{model.modelscope_id} at {revision} has no files to fetch. Is the revision right?"
                )
            check_room(folder, wanted)
            write_manifest(folder, model.modelscope_id, revision, wanted)
            _send(process, skipped)
        elif "done" in report and on_progress is not None:
            on_progress(report["done"], report["total"])
        elif "failure" in report:
            if report["failure"] == "network" and is_whole(folder, model.modelscope_id, revision):
                return  # all of it is here already; only the hub could not say so
            raise _failure(report["failure"], report["message"], model, folder, revision)
        elif "finished" in report:
            problems = missing_files(folder)
            if problems:
                raise DownloadError(
                    f"{model.name} did not arrive whole: {'; '.join(problems)}. Run the download again."
                )
            total = sum(facts["size"] for facts in wanted.values())
            if on_progress is not None:
                on_progress(total, total)
            return
    raise DownloadError(f"The download of {model.name} ended without a word. What has arrived is kept; run it again.")


def _reports(
    process: subprocess.Popen[str], model: Model, folder: Path, cancel: threading.Event
) -> Iterator[dict[str, Any]]:
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
            raise DownloadStoppedError(f"The download of {model.name} was stopped; run it again to go on from there.")
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            if answer_by is not None and time.monotonic() > answer_by:
                raise _failure("network", "no answer", model, folder, "") from None
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
        raise DownloadError("The downloading process could not start. Is the package modelscope installed?") from exc


def _failure(kind: str, message: str, model: Model, folder: Path, revision: str) -> DownloadError:
    template = _WORDS.get(kind, _WORDS["hub"])
    return DownloadError(
        template.format(
            name=model.name, id=model.modelscope_id, revision=revision, message=message[:200], folder=folder
        )
    )
