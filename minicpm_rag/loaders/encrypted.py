"""Opens Office files that are encrypted with a password; what comes out is read like any other file.

The password and what it opens are nowhere kept: on Linux the file is decrypted into memory, elsewhere into a folder
that ends with the reading.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from minicpm_rag.loaders.archive import damaged
from minicpm_rag.loaders.files import protected
from minicpm_rag.messages import Message

_WHAT = Message("loaders.file")
_EXCEL_READ_ONLY = "VelvetSweatshop"  # Excel encrypts workbooks that may only be read with this, and asks nobody
# What the library raises for files that are not what they claim to be.
_DAMAGED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    SyntaxError,
    AssertionError,
    EOFError,
    NotImplementedError,
)


def is_encrypted(path: Path) -> bool:
    """Whether an Office file of before 2007 is encrypted; those of later days say so by what they hold."""
    import msoffcrypto

    try:
        with path.open("rb") as file:
            return bool(msoffcrypto.OfficeFile(file).is_encrypted())
    except Exception as exc:
        if not _is_judged(exc):
            raise
        return False  # its reader will say what is wrong with it


@contextmanager
def decrypted(path: Path, password: str) -> Iterator[Path]:
    """The file that a password opens, for the block. Raises DocumentError where that is missing or wrong."""
    import msoffcrypto
    from msoffcrypto.exceptions import InvalidKeyError

    with path.open("rb") as file, _private_file() as (target, place):
        try:
            office: Any = msoffcrypto.OfficeFile(file)
            office.load_key(password=password or _EXCEL_READ_ONLY)
            office.decrypt(target)
        except InvalidKeyError as exc:
            raise protected(_WHAT, password) from exc
        except Exception as exc:
            if not _is_judged(exc):
                raise
            raise (damaged(_WHAT) if password else protected(_WHAT, password)) from exc
        target.flush()
        yield place


@contextmanager
def _private_file() -> Iterator[tuple[BinaryIO, Path]]:
    """A file to write to, and the path by which it can be read."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("document"), "w+b") as file:
            yield file, Path(f"/proc/self/fd/{file.fileno()}")
        return
    with tempfile.TemporaryDirectory(prefix="minicpm-rag-") as folder, (Path(folder) / "document").open("w+b") as file:
        yield file, Path(folder) / "document"


def _is_judged(error: Exception) -> bool:
    """Whether an error is one that the library raises for damaged files; all but the disk's own are."""
    import struct
    from xml.parsers.expat import ExpatError

    from msoffcrypto import exceptions

    own: tuple[type[Exception], ...] = (exceptions.FileFormatError, exceptions.ParseError, exceptions.DecryptionError)
    own += (struct.error, ExpatError, *_DAMAGED)
    return isinstance(error, own) or (isinstance(error, OSError) and not error.errno)
