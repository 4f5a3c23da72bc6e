"""What readers share: a file's bytes or text within a limit, and pages made into a LoadedFile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.encodings import decode
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page

_MOST_BYTES = 300_000_000


def bytes_of(path: Path) -> bytes:
    """The bytes of a file that is read whole; raises DocumentError where it is too large for that."""
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise DocumentError("loaders.too_large", size=size)
    return path.read_bytes()


def protected(what: Message, password: str) -> DocumentError:
    """The error for an encrypted file: it wants a password, or the one that was given does not open it."""
    return DocumentError("loaders.wrong_password" if password else "loaders.protected", what=what)


def read_text(path: Path, page_of: Callable[[str], Page]) -> LoadedFile:
    """Read a text file as the one page that `page_of` makes of its text; raises DocumentError where it is blank."""
    decoded = decode(bytes_of(path))
    if not decoded.text.strip():
        raise DocumentError("loaders.no_text")
    return loaded(path.name, [page_of(decoded.text)], encoding=decoded.encoding)


def loaded(title: str, pages: Sequence[Page], *, encoding: str = "", note: Message | None = None) -> LoadedFile:
    """The pages that have text; raises DocumentError where none has."""
    kept = tuple(page for page in pages if page.text.strip())
    if not kept:
        raise DocumentError("loaders.no_text")
    return LoadedFile(title, kept, len(pages), encoding, note)
