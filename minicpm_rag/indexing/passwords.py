"""Passwords of encrypted files, from whoever asked for an ingest to the process that does it.

That may be another process, so a password passes through a file that only this user can read, which is deleted when
the job begins. It reaches neither the ledger nor a log.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from minicpm_rag.messages import Message

_WANTED = ("loaders.protected", "loaders.wrong_password")


def hand_over(home: Path, job: int, password: str) -> None:
    """Leave a password for a job that is about to be queued; "" leaves nothing."""
    if password:
        folder = home / "passwords"
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / str(job), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(password)


def taken(home: Path, job: int) -> str:
    """The password that was left for a job, "" where there is none; it and those of earlier jobs are deleted."""
    password = ""
    for path in (home / "passwords").glob("*"):
        if path.name.isdecimal() and int(path.name) <= job:
            with suppress(OSError):
                if int(path.name) == job:
                    password = path.read_text(encoding="utf-8")
                path.unlink()
    return password


def wants_password(reason: Message | None) -> bool:
    """Whether a file could not be read for want of the right password."""
    if reason is None:
        return False
    inside = [value for value in reason.values.values() if isinstance(value, Message)]
    return reason.key in _WANTED or any(map(wants_password, inside))
