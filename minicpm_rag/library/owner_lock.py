"""The lock that makes one process the owner of a home folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minicpm_rag.errors import LibraryError
from minicpm_rag.messages import reason_of


class OwnerLock:
    """A file lock; the operating system lets go of it when the process dies, however that happens."""

    def __init__(self, home: Path) -> None:
        self.path = home / "owner.lock"
        self._lock: Any = None

    def take(self) -> bool:
        """Try to take the lock; says whether that succeeded just now."""
        from filelock import FileLock, Timeout

        if self._lock is not None:
            return False
        lock = FileLock(self.path, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        except OSError as exc:
            raise LibraryError("library.not_locked", path=self.path, why=reason_of(exc)) from exc
        self._lock = lock
        return True

    def give_back(self) -> None:
        """Let another process have it; harmless when it is not held."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()
