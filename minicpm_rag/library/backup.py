"""The whole library in one file, and back: the ledger and the uploaded originals, as they were at one moment.

What can be made again is left out: Chroma's folder, converted embedders, downloaded models. Files that were ingested by
path lie where they were. A backup may be made while others write; a restore needs the library for itself, proves the
file first, and takes the old ledger's place by one rename: a kill at any moment leaves the old library or the new one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any

from minicpm_rag.errors import LibraryBusyError, LibraryError
from minicpm_rag.library.ledger import Ledger, copies, migrations, now
from minicpm_rag.library.originals import replacing, safe_name
from minicpm_rag.library.vectors import VectorStore
from minicpm_rag.messages import reason_of

FORMAT = 1
MANIFEST, LEDGER = "backup.json", "ledger.sqlite3"
BLOCK_BYTES = 1 << 20
TRIES = 3  # where documents are removed while their originals are copied
MOST_MANIFEST_BYTES = 1 << 30
STAGED = ".restoring-"  # how the folder in the home begins into which a backup is unpacked

Progress = Callable[[int, int], object]  # bytes done, and of how many


@dataclass(frozen=True)
class BackupReport:
    """What a backup holds."""

    made_at: str
    originals: int
    bytes: int


def back_up(home: Path, file: Path, on_progress: Progress = lambda done, total: None) -> BackupReport:
    """Write the library of a home into a file, as it is now. Raises LibraryError; then there is no file."""
    ledger = Ledger(home)
    try:
        for tries_left in reversed(range(TRIES)):
            try:
                with (
                    replacing(file) as part,
                    tempfile.TemporaryDirectory(prefix=".backup-", dir=file.absolute().parent) as folder,
                ):
                    return _write(ledger, home / "uploads", part, Path(folder), on_progress)
            except _OriginalGoneError as exc:  # noqa: PERF203 (a document was removed meanwhile)
                if not tries_left:
                    raise LibraryError("library.not_exported", file=file, why=reason_of(exc)) from exc
        raise AssertionError("one of the tries returns or raises")
    except OSError as exc:
        raise LibraryError("library.not_exported", file=file, why=reason_of(exc)) from exc
    finally:
        ledger.close()


def restore(home: Path, file: Path, on_progress: Progress = lambda done, total: None) -> BackupReport:
    """Put a backup in place of the library of a home. Raises LibraryError, and then the library is as it was.

    Raises LibraryBusyError while the page or another process owns the library.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(home):
            for left_over in home.glob(f"{STAGED}*"):
                shutil.rmtree(left_over)
            staged = Path(tempfile.mkdtemp(prefix=STAGED, dir=home))
            try:
                report = _unpack(file, staged, on_progress)
                _put_in_place(home, staged)
            finally:
                shutil.rmtree(staged, ignore_errors=True)
            return report
    except (OSError, zipfile.BadZipFile, EOFError, ValueError, LookupError, TypeError) as exc:
        raise LibraryError("library.not_restored", file=file, why=reason_of(exc)) from exc


class _OriginalGoneError(Exception):
    """An original that was there when the ledger was copied is there no more."""


def _write(ledger: Ledger, uploads: Path, part: Path, folder: Path, on_progress: Progress) -> BackupReport:
    before = _files(uploads)
    copy = folder / LEDGER
    copies.copy(ledger, copy)
    files = sorted(before | _files(uploads))  # those that the copied ledger may name
    try:
        total = copy.stat().st_size + sum(path.stat().st_size for path in files)
        part.touch(mode=0o600)  # as the ledger: a backup holds all that everybody keeps from each other
        with zipfile.ZipFile(part, "w") as archive:
            members, done = [], 0
            for name, path in [
                (LEDGER, copy),
                *((path.relative_to(uploads.parent).as_posix(), path) for path in files),
            ]:
                # Originals are mostly compressed already.
                entry = zipfile.ZipInfo(name)
                entry.compress_type = zipfile.ZIP_DEFLATED if path == copy else zipfile.ZIP_STORED
                with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                    digest, size = _copy(source, target, lambda more: on_progress(done + more, total))  # noqa: B023
                done += size
                members.append({"name": name, "bytes": size, "sha256": digest})
            manifest = {"format": FORMAT, "schema": migrations.NEWEST, "made_at": now(), "members": members}
            archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1))
    except FileNotFoundError as exc:
        raise _OriginalGoneError(str(exc)) from exc
    return BackupReport(str(manifest["made_at"]), len(files), done)


def _files(uploads: Path) -> set[Path]:
    """The originals: not what a file manager or a network file system left beside them, which no restore would take."""
    return {
        path
        for path in uploads.glob("*/*/*")
        if path.suffix != ".part" and path.is_file() and _is_safe(path.relative_to(uploads.parent))
    }


def _copy(source: IO[bytes], target: IO[bytes], on_progress: Callable[[int], object]) -> tuple[str, int]:
    """Copy a stream; returns the SHA-256 of its bytes, and their number."""
    digest, size = hashlib.sha256(), 0
    while block := source.read(BLOCK_BYTES):
        target.write(block)
        digest.update(block)
        size += len(block)
        on_progress(size)
    return digest.hexdigest(), size


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Own the library, as a worker does. Raises LibraryBusyError where another process does."""
    owner = VectorStore(home / "vectors", None)
    if not owner.claim():
        raise LibraryBusyError("library.restore_busy", folder=home)
    try:
        yield
    finally:
        owner.release()


def _unpack(file: Path, staged: Path, on_progress: Progress) -> BackupReport:
    """Unpack a backup and prove that it is whole. Raises ValueError and others where it is not."""
    with zipfile.ZipFile(file) as archive:
        if archive.getinfo(MANIFEST).file_size > MOST_MANIFEST_BYTES:
            raise ValueError(MANIFEST)
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        if manifest["format"] != FORMAT or manifest["schema"] > migrations.NEWEST:
            raise LibraryError("library.backup_of_later", file=file)
        members = manifest["members"]
        total, done = sum(member["bytes"] for member in members), 0
        if LEDGER not in {member["name"] for member in members}:
            raise ValueError(LEDGER)
        for member in members:
            path = staged / _safe(member["name"])
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if archive.getinfo(member["name"]).file_size != member["bytes"]:
                raise LibraryError("library.backup_damaged", file=file, name=member["name"])
            with archive.open(member["name"]) as source, path.open("wb") as target:
                digest, size = _copy(source, target, lambda more: on_progress(done + more, total))  # noqa: B023
            if digest != member["sha256"]:
                raise LibraryError("library.backup_damaged", file=file, name=member["name"])
            done += size
    copies.prove(staged / LEDGER)
    return BackupReport(str(manifest["made_at"]), len(members) - 1, total)


def _safe(name: str) -> PurePosixPath:
    """A member's path, which leads to the ledger or among the uploads. Raises ValueError for any other."""
    path = PurePosixPath(name)
    if name == LEDGER:
        return path
    if not _is_safe(path):
        raise ValueError(name)
    return path


def _is_safe(path: PurePath) -> bool:
    parts = path.parts
    return (
        len(parts) == 4 and parts[0] == "uploads" and parts[1].isdigit() and all(one == safe_name(one) for one in parts)
    )


def _put_in_place(home: Path, staged: Path) -> None:
    """Take the old library's place. Originals first, under the names of their bytes, which nothing lists yet."""
    for path in sorted((staged / "uploads").glob("*/*/*")):
        place = home / path.relative_to(staged)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.replace(place)
    # The vectors are made again from whichever ledger is there.
    shutil.rmtree(home / "vectors", ignore_errors=True)
    copies.take_place(staged / LEDGER, home / LEDGER)
