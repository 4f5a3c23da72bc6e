"""What a person names to ingest (files, folders, addresses) as a list of single sources, in a fixed order.

Looks at names only, never into files; does not know the ledger.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from minicpm_rag.errors import remedy_of
from minicpm_rag.messages import Message, reason_of
from minicpm_rag.records import Verdict


@dataclass
class Found:
    """The sources to read, those that will not be, and the folders that were seen whole."""

    sources: list[str] = field(default_factory=list)
    refused: list[Verdict] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    unseen: list[Path] = field(default_factory=list)  # folders inside that could not be listed


def is_address(source: str) -> bool:
    """Whether the source is a web address."""
    return source.lower().startswith(("http://", "https://"))


def is_gone(source: str) -> bool:
    """Whether the source is a file on this machine that is not there any more."""
    return os.path.isabs(source) and not os.path.lexists(source)  # noqa: PTH117 (text in, text out)


def absolute(source: str | Path) -> str:
    """The source as the ledger names it: an address as it is, a path made absolute."""
    text = str(source)
    return text if is_address(text) else os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 (keeps links)


def find_sources(named: Sequence[str], suffixes: Collection[str]) -> Found:
    """List every single source under the named ones, which must be absolute.

    Hidden files in folders are passed over. A folder reached again through a link is listed once.
    """
    found = Found()
    for source in named:
        path = Path(source)
        if is_address(source):
            found.sources.append(source)
        elif path.is_dir():
            found.folders.append(path)
            _walk(path, suffixes, found, seen=set())
        elif not path.exists():
            found.refused.append(_refusal(source, "failed", Message("indexing.no_file")))
        else:
            _add(path, suffixes, found)
    found.sources = list(dict.fromkeys(found.sources))
    return found


def _walk(folder: Path, suffixes: Collection[str], found: Found, seen: set[tuple[int, int]]) -> None:
    try:
        facts = folder.stat()
        if (facts.st_dev, facts.st_ino) in seen:
            return
        seen.add((facts.st_dev, facts.st_ino))
        entries = sorted(folder.iterdir())
    except OSError as exc:
        found.unseen.append(folder)
        found.refused.append(_refusal(str(folder), "failed", Message("indexing.folder_closed", why=reason_of(exc))))
        return
    for entry in entries:
        if entry.name.startswith((".", "~$")):  # "~$" are the lock files of Office
            continue
        if entry.is_dir():
            _walk(entry, suffixes, found, seen)
        else:
            _add(entry, suffixes, found)


def _add(path: Path, suffixes: Collection[str], found: Found) -> None:
    source = str(path)
    try:
        source.encode()
        facts = path.stat()
    except UnicodeEncodeError:
        source = source.encode(errors="backslashreplace").decode()
        found.refused.append(_refusal(source, "failed", Message("indexing.odd_name")))
        return
    except OSError as exc:
        found.refused.append(_refusal(source, "failed", Message("indexing.file_closed", why=reason_of(exc))))
        return
    if not stat.S_ISREG(facts.st_mode):
        found.refused.append(_refusal(source, "skipped", Message("indexing.not_regular")))
    elif path.suffix.lower() not in suffixes:
        suffix = Message("indexing.unknown_suffix", suffix=path.suffix)
        reason = suffix if path.suffix else Message("indexing.no_suffix")
        found.refused.append(_refusal(source, "skipped", reason))
    else:
        found.sources.append(source)


def _refusal(source: str, status: Literal["failed", "skipped"], reason: Message) -> Verdict:
    return Verdict(source, Path(source).name, status, reason, remedy_of(reason))
