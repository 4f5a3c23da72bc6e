"""Uploaded originals in a second place, each under the SHA-256 of its bytes: a bucket of an S3 store, or a folder.

The home folder is then a cache: what is missing there is fetched and proven by its hash. So several servers need not
share a folder. Which file is whose is told by the ledger alone. fsspec speaks to the store; keys and addresses of S3
are boto's own settings (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from minicpm_rag.errors import LibraryError, SettingsError
from minicpm_rag.library.originals import sha256_of
from minicpm_rag.messages import reason_of

_log = logging.getLogger(__name__)

HEX = frozenset("0123456789abcdef")
KEPT = timedelta(days=1)  # an original younger than this may be about to be ingested


class OriginalStore:
    """A store at an address: s3://bucket/folder, or a path. Raises LibraryError where it does not do what was asked."""

    def __init__(self, address: str) -> None:
        if ("://" in address or "::" in address) and not address.startswith("s3://"):
            raise SettingsError("library.originals_address", address=address)
        self.address = address.rstrip("/")

    def put(self, path: Path) -> None:
        """Keep a file's bytes."""
        with _Translated(self.address):
            key = self._key(sha256_of(path)[0])
            if not self._files.exists(key):
                self._files.put_file(str(path), key)

    def fetch(self, path: Path) -> bool:
        """Bring a file of the uploads, whose folder is the beginning of its hash; whether the store has it."""
        begins = path.parent.name
        with _Translated(self.address):
            for key in self._files.glob(self._key(f"{begins}*")) if begins and set(begins) <= HEX else ():
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
                try:
                    self._files.get_file(key, str(part))
                    if sha256_of(part)[0] == key.rpartition("/")[2]:
                        part.replace(path)
                        return True
                finally:
                    part.unlink(missing_ok=True)
                _log.warning("An original in the store is not what was put there")
        return False

    def drop(self, sha256: str) -> None:
        """Forget a file's bytes; harmless where they are not there."""
        with _Translated(self.address):
            if self._files.exists(key := self._key(sha256)):
                self._files.rm_file(key)

    def clear(self, kept: Collection[str]) -> None:
        """Forget what is none of these hashes and has been there for KEPT."""
        until = datetime.now(timezone.utc) - KEPT
        with _Translated(self.address):
            for key in self._files.glob(self._key("*")):
                name = key.rpartition("/")[2]
                if len(name) == 64 and set(name) <= HEX and name not in kept and self._files.modified(key) < until:
                    self._files.rm_file(key)

    def _key(self, name: str) -> str:
        return f"{self._root}/{name}"

    @property
    def _files(self) -> Any:
        return self._opened[0]

    @property
    def _root(self) -> str:
        return self._opened[1]

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        try:
            # Another server's files must be seen at once, not when a listing that was kept grows old.
            files, root = url_to_fs(self.address, use_listings_cache=False)
        except (ImportError, ValueError) as exc:
            raise SettingsError("library.originals_not_installed", why=reason_of(exc)) from exc
        if not self.address.startswith("s3://"):
            with _Translated(self.address):
                files.makedirs(root, exist_ok=True)
        return files, str(root).rstrip("/")


class _Translated:
    """Turns what fsspec and boto raise into ours."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if error is None or isinstance(error, (LibraryError, SettingsError)):
            return
        if isinstance(error, OSError) or type(error).__module__.split(".")[0] in ("botocore", "aiobotocore", "aiohttp"):
            raise LibraryError("library.originals_failed", place=self._address, why=reason_of(error)) from error
