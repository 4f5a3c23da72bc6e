"""Fetch a repository with ModelScope's own client, in a process of its own: `python -m minicpm_rag.models.hub`.

A process of its own, because the client takes its settings from environment variables at import, draws progress
bars on the terminal, and can be stopped safely only by ending it; what has arrived stays, and the next run resumes.
The request is one JSON line on stdin, reports are JSON lines on stdout; when stdin closes, the process ends.
It knows neither the catalogue nor what the files are for.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import Any

REPORT_SECONDS = 0.2


def main() -> int:
    """Serve one request: list the repository, fetch what is wanted, report."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    from modelscope_hub import HubError

    try:
        _fetch(request)
    except (
        HubError,
        OSError,
    ) as error:  # OSError: the client wraps "not found" in requests' HTTPError; full disks
        _report(failure=_kind(error), message=_words(error))
        return 1
    _report(finished=True)
    return 0


def _fetch(request: dict[str, Any]) -> None:
    from modelscope_hub import HubApi, ProgressCallback
    from modelscope_hub.compat import snapshot_download
    from modelscope_hub.config import get_default_config

    folder, identifier, revision = Path(request["folder"]), request["id"], request["revision"]
    listing = HubApi().list_repo_files(identifier, "model", revision=revision)
    files = {entry.path: {"size": entry.size, "sha256": entry.sha256} for entry in listing if not entry.is_dir}
    _report(listing=files)
    # The parent answers with the names to leave out.
    skipped: list[str] = json.loads(_answers.get())
    wanted = {name: facts["size"] for name, facts in files.items() if name not in skipped}
    done = {name: size for name, size in wanted.items() if _size(folder / name) == size}
    total = sum(wanted.values())
    lock = threading.Lock()
    last = [0.0]

    def progress() -> None:
        with lock:
            if time.monotonic() - last[0] >= REPORT_SECONDS:
                last[0] = time.monotonic()
                _report(done=sum(done.values()), total=total)

    class Progress(ProgressCallback):  # type: ignore[misc]
        """The client makes one per file it really fetches; one refused by its checksum starts again at 0."""

        def __init__(self, filename: str, file_size: int) -> None:
            super().__init__(filename, file_size)
            done[filename] = 0

        def update(self, size: int) -> None:
            done[self.filename] += size
            progress()

    snapshot_download(
        identifier,
        revision=revision,
        local_dir=str(folder),
        # Patterns are globs; a name is matched literally once its brackets are escaped.
        ignore_patterns=[name.replace("[", "[[]") for name in skipped],
        progress_callbacks=[Progress],
        # Given explicitly, or the client first asks two sites which of them has the repository, 15 s each.
        endpoint=get_default_config().endpoint,
    )


_answers: queue.SimpleQueue[str] = queue.SimpleQueue()  # lines of the parent after the first


def _end_with_parent() -> None:
    for line in sys.stdin:
        _answers.put(line)
    os._exit(1)  # the client's threads would go on for up to an hour


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _report(**fields: Any) -> None:
    try:
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(1)


def _words(error: BaseException) -> str:
    """The reason in one line: the address for a lost network, for which the client only names its own classes."""
    from modelscope_hub.config import get_default_config

    if _kind(error).startswith("no_"):
        return str(get_default_config().endpoint)
    return " ".join(str(error).split())


def _kind(error: BaseException) -> str:
    """What went wrong, in one of the words that `fetching` knows."""
    from modelscope_hub import errors
    from requests.exceptions import RequestException

    if isinstance(error, errors.FileDownloadError) and error.failed_files:
        return _kind(next(iter(error.failed_files.values())))
    if isinstance(error, RequestException) and error.__cause__ is not None:
        return _kind(error.__cause__)
    kinds: tuple[tuple[type[BaseException], str], ...] = (
        (errors.NotExistError, "unknown"),
        (errors.AuthenticationError, "denied"),
        (errors.PermissionDeniedError, "denied"),
        (errors.FileIntegrityError, "damaged"),
        (errors.RequestTimeoutError, "no_answer"),
        (errors.NetworkError, "no_connection"),
        (RequestException, "no_connection"),
        (errors.HubError, "hub"),
        (OSError, "disk"),
    )
    return next((name for kind, name in kinds if isinstance(error, kind)), "hub")


if __name__ == "__main__":
    sys.exit(main())
