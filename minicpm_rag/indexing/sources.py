"""From what a user names to ingest (files, folders, addresses) to single sources, and to the pages of each.

Does not know the library, nor how a file is read.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from minicpm_rag.chunking import split_pages
from minicpm_rag.errors import DocumentError, RAGError, remedy_of
from minicpm_rag.library.originals import sha256_of
from minicpm_rag.loaders import isolated
from minicpm_rag.messages import Message, reason_of
from minicpm_rag.records import Chunk, ChunkSize, LoadedFile, Verdict

if TYPE_CHECKING:
    from minicpm_rag.embedding.embedder import Embedder

log = logging.getLogger(__name__)

ARCHIVES = frozenset({".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"})


@dataclass
class Found:
    """The sources to read, those that will not be, and the folders that were listed completely."""

    sources: list[str] = field(default_factory=list)
    refused: list[Verdict] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    unlisted: list[Path] = field(default_factory=list)  # folders inside that could not be listed


def is_address(source: str) -> bool:
    """Whether the source is a web address."""
    return source.lower().startswith(("http://", "https://"))


def is_gone(source: str) -> bool:
    """Whether the source is a file on this machine that is not there any more; False where nobody may look."""
    if not Path(source).is_absolute():
        return False
    try:
        os.lstat(source)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def is_inside(source: str, folders: Sequence[Path]) -> bool:
    """Whether the source lies in one of the folders, at any depth."""
    return any(source.startswith(f"{str(folder).rstrip(os.sep)}{os.sep}") for folder in folders)


def absolute(source: str | Path) -> str:
    """The source as the ledger names it: an address as it is, a path made absolute. Raises DocumentError for none."""
    text = str(source)
    if not text.strip():  # not the whole current folder
        raise DocumentError("indexing.no_file")
    return text if is_address(text) else os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 (keeps links)


def find_sources(named: Sequence[str], suffixes: Collection[str], home: Path | None = None) -> Found:
    """List every single source under the named ones, which must be absolute, in a fixed order.

    Hidden files in folders are passed over, and the library's own `home` in one of them. A folder reached again through
    a link is listed once. Links that lead out of the named folders are refused: a folder that came from somebody else
    must not bring in what it points to.
    """
    found = Found()
    roots = [Path(os.path.realpath(source)) for source in named if not is_address(source) and _is_folder(Path(source))]
    for source in named:
        path = Path(source)
        if is_address(source):
            found.sources.append(source)
        elif _is_folder(path):
            found.folders.append(path)
            _walk(path, suffixes, found, roots, home)
        elif is_gone(source):
            found.refused.append(_refusal(source, "failed", Message("indexing.no_file")))
        else:
            _add(path, suffixes, found)
    found.sources = list(dict.fromkeys(found.sources))
    return found


class Reader:
    """Reads files and web pages in child processes, the next file already while this one is embedded."""

    ahead = 1  # files that are begun before they are asked for

    def __init__(self, *, ocr: bool, is_new: Callable[[str], bool], password: str = "") -> None:
        """`is_new` tells by its hash whether the library lacks a file: others need not be read."""
        self._ocr = ocr
        self._password = password
        self._is_new = is_new
        self._measures: dict[str, tuple[str, int]] = {}  # hash and size of files that were begun
        self._begun: dict[str, Any] = {}

    def begin(self, source: str) -> None:
        """Begin to read a file that will soon be asked for; an error is raised when it is."""
        if is_address(source) or source in self._measures:
            return
        try:
            measure = sha256_of(Path(source))
        except OSError:
            return
        is_twin = any(sha256 == measure[0] for sha256, _ in self._measures.values())
        self._measures[source] = measure
        if self._is_new(measure[0]) and not is_twin:
            self._begun[source] = self._start(Path(source))

    def measure(self, path: Path) -> tuple[str, int]:
        """The SHA-256 of a file's bytes, in hex, and their number. Raises DocumentError."""
        try:
            key = str(path)
            return self._measures.pop(key) if key in self._measures else sha256_of(path)
        except OSError as exc:
            raise DocumentError("indexing.file_closed", why=reason_of(exc)) from exc

    def file(self, path: Path) -> LoadedFile:
        """Read a file into pages. Raises DocumentError, which becomes the verdict."""
        begun = self._begun.pop(str(path), None)
        return self._finish(self._start(path) if begun is None else begun)

    def cut(self, loaded: LoadedFile, title: str, embedder: Embedder, size: ChunkSize) -> list[Chunk]:
        """Cut a file's pages into chunks that the embedder can read. Raises DocumentError, EmbeddingError."""
        return cut(loaded, title, embedder, size)

    def close(self) -> None:
        """Forget what was begun and not asked for; it ends by itself."""

    def _start(self, path: Path) -> Any:
        return isolated.begin(lambda: isolated.load_file(path, ocr=self._ocr, password=self._password))

    def _finish(self, begun: Any) -> LoadedFile:
        loaded: LoadedFile = begun.result()
        return loaded

    def address(self, address: str) -> LoadedFile:
        """Fetch a web page. Raises DocumentError."""
        return isolated.load_address(address)


def cut(loaded: LoadedFile, title: str, embedder: Embedder, size: ChunkSize) -> list[Chunk]:
    """Cut a file's pages into chunks. Raises DocumentError where its text is too much for us, EmbeddingError."""
    try:
        return split_pages(loaded.pages, title, embedder, size)
    except RAGError:
        raise
    except Exception as exc:  # a defect of ours, which this text shows: the other files are not to blame
        log.exception("cutting %s", title)
        raise DocumentError("indexing.not_cut", kind=type(exc).__name__, why=reason_of(exc)) from exc


def measure_text(loaded: LoadedFile) -> tuple[str, int]:
    """What `measure` gives for a web page's text, which stands for its bytes: these differ at every visit."""
    content = "\f".join(page.text for page in loaded.pages).encode(errors="replace")
    return hashlib.sha256(content).hexdigest(), len(content)


def _walk(top: Path, suffixes: Collection[str], found: Found, roots: Sequence[Path], home: Path | None) -> None:
    """List what is under a folder, depth first and sorted. Not recursive: folders may be nested thousands deep."""
    seen: set[tuple[int, int]] = set()
    if home is not None and (facts := _facts(home)) is not None and _facts(top) != facts:
        seen.add(facts)
    waiting = [iter([top])]
    while waiting:
        entry = next(waiting[-1], None)
        if entry is None:
            waiting.pop()
        elif entry != top and _leads_outside(entry, roots):
            found.refused.append(_refusal(str(entry), "skipped", Message("indexing.link_outside")))
        elif _is_folder(entry):
            waiting.append(iter(_entries(entry, found, seen)))
        else:
            _add(entry, suffixes, found)


def _entries(folder: Path, found: Found, seen: set[tuple[int, int]]) -> list[Path]:
    """The entries of a folder that are not hidden, sorted; none where it was listed before."""
    try:
        facts = folder.stat()
        if (facts.st_dev, facts.st_ino) in seen:
            return []
        seen.add((facts.st_dev, facts.st_ino))
        # "~$" are the lock files of Office.
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith((".", "~$")))
    except OSError as exc:
        found.unlisted.append(folder)
        found.refused.append(_refusal(str(folder), "failed", Message("indexing.folder_closed", why=reason_of(exc))))
        return []


def _facts(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from all others, under whatever name it is reached; None where nobody may look."""
    try:
        facts = folder.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def _leads_outside(path: Path, roots: Sequence[Path]) -> bool:
    """Whether the path is a link to something that lies in none of the folders."""
    try:
        target = Path(os.path.realpath(path)) if path.is_symlink() else None
    except (OSError, ValueError):
        return False  # told where it is opened
    return target is not None and not any(target.is_relative_to(root) for root in roots)


def _is_folder(path: Path) -> bool:
    """Whether the path leads to a folder; False where nobody may look."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _add(path: Path, suffixes: Collection[str], found: Found) -> None:
    source = str(path)
    try:
        source.encode()
        facts = path.stat()
    except ValueError:  # of lone surrogates, or a zero byte
        found.refused.append(_refusal(source, "failed", Message("indexing.odd_name")))
        return
    except OSError as exc:
        found.refused.append(_refusal(source, "failed", Message("indexing.file_closed", why=reason_of(exc))))
        return
    if not stat.S_ISREG(facts.st_mode):
        found.refused.append(_refusal(source, "skipped", Message("indexing.not_regular")))
    elif path.suffix.lower() in suffixes:
        found.sources.append(source)
    elif path.suffix.lower() in ARCHIVES:
        found.refused.append(_refusal(source, "skipped", Message("loaders.archive")))
    elif path.suffix:
        found.refused.append(_refusal(source, "skipped", Message("indexing.unknown_suffix", suffix=path.suffix)))
    else:
        found.refused.append(_refusal(source, "skipped", Message("indexing.no_suffix")))


def _refusal(source: str, status: Literal["failed", "skipped"], reason: Message) -> Verdict:
    source = source.encode(errors="backslashreplace").decode()  # bytes that are no text cannot be stored
    return Verdict(source, Path(source).name, status, reason, remedy_of(reason))
