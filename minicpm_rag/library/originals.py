"""Original files: hashes of their bytes, and the uploaded ones, kept under safe names in the home folder.

Files ingested by path are never copied. Does not know the ledger or what is in a file.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

UPLOAD = "upload:"  # how the source of an uploaded file begins
LONGEST_NAME_BYTES = 200  # of the 255 that file systems allow
SAVE_TRIES = 5


def may_write(folder: Path) -> bool:
    """Whether this process may make files in the folder."""
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def sha256_of(path: Path) -> tuple[str, int]:
    """The SHA-256 of a file's bytes, in hex, and their number."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def safe_name(name: str) -> str:
    """The last part of a file name someone else chose, without what a path or a terminal could trip over."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    clean = "".join(" " if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") else letter for letter in last)
    clean = " ".join(clean.split(" ")).strip(" .") or "unnamed"
    stem, dot, suffix = clean.rpartition(".")
    if not dot:
        stem, suffix = clean, ""
    end = (dot + suffix).encode()[: LONGEST_NAME_BYTES - 1].decode(errors="ignore")
    cut = stem.encode()[: LONGEST_NAME_BYTES - len(end.encode())].decode(errors="ignore") + end
    return cut.strip(" .") or "unnamed"  # stripped again: the safe name of a safe name is itself


def save_upload(uploads: Path, kb_id: int, name: str, content: bytes) -> Path:
    """Write an upload into a folder named by its bytes, so that a new version leaves the old one alone."""
    path = uploads / str(kb_id) / upload_folder(hashlib.sha256(content).hexdigest()) / safe_name(name)
    for tries_left in reversed(range(SAVE_TRIES)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with replacing(path) as part:
                part.write_bytes(content)
            break
        except FileNotFoundError:  # the owner has just deleted the folder, with another file of these bytes
            if not tries_left:
                raise
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write beside the path, which takes its place when the block ends well.

    Each has a name of its own, so that two may write the same path at once; the last one stays.
    """
    part = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def upload_folder(sha256: str) -> str:
    """The name of the folder for uploads of these bytes."""
    return safe_name(sha256[:16])


def upload_source(uploads: Path, path: Path) -> str | None:
    """The source of a file that lies among the uploads; None for any other file."""
    try:
        parts = path.relative_to(uploads).parts
    except ValueError:
        return None
    return f"{UPLOAD}{parts[2]}" if len(parts) == 3 else None


def upload_path(uploads: Path, kb_id: int, sha256: str, source: str) -> Path:
    """Where the uploaded file of that source and those bytes lies: always among the uploads, whatever is stored."""
    return uploads / str(kb_id) / upload_folder(sha256) / safe_name(source.removeprefix(UPLOAD))


def delete_upload(uploads: Path, kb_id: int, sha256: str, source: str) -> None:
    """Delete an uploaded file, and its folder when that is empty."""
    path = upload_path(uploads, kb_id, sha256, source)
    path.unlink(missing_ok=True)
    with suppress(OSError):  # not empty, or not there
        path.parent.rmdir()
