"""Opening Chroma, in a folder or on a server, and saying its errors in our words.

Does not know collections or what is in them.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from minicpm_rag.errors import VectorStoreError
from minicpm_rag.library import hnsw_files
from minicpm_rag.messages import Message, reason_of

SERVER_SECONDS = 5.0  # to reach a server; once reached it may take longer to answer
ANSWER_SECONDS = 60.0
LONGEST_MESSAGE = 300  # Chroma's own may hold whole vectors


def open_folder(folder: Path) -> Any:
    """A client of the Chroma folder, made where it is missing."""
    import chromadb
    from chromadb.config import Settings

    with translated(str(folder), server=False):
        folder.mkdir(parents=True, exist_ok=True)
        _delete_orphans(folder)
        _refuse_damaged(folder)
        try:
            return chromadb.PersistentClient(folder, settings=Settings(anonymized_telemetry=False))
        except AttributeError as exc:  # Chroma's own clean-up fails where its file could not be opened
            raise RuntimeError(f"its file cannot be opened: {exc.__context__}") from exc


def delete_folder(folder: Path) -> None:
    """Delete a Chroma folder that no client uses."""
    from chromadb.api.shared_system_client import SharedSystemClient

    # A client that failed to open is kept there by Chroma, and would be handed out again.
    SharedSystemClient.clear_system_cache()
    shutil.rmtree(folder, ignore_errors=True)


def open_server(url: str) -> Any:
    """A client of a Chroma server."""
    from urllib.parse import urlsplit

    import chromadb
    import httpx
    from chromadb.config import Settings

    address = urlsplit(url if "://" in url else f"http://{url}")
    with translated(url, server=True):
        client = chromadb.HttpClient(
            host=address.hostname or "localhost",
            port=address.port or (443 if address.scheme == "https" else 8000),
            ssl=address.scheme == "https",
            settings=Settings(anonymized_telemetry=False),
        )
    # Chroma's client waits for ever on a server that hangs, and has no setting for it.
    session = getattr(getattr(client, "_server", None), "_session", None)
    if isinstance(session, httpx.Client):
        session.timeout = httpx.Timeout(ANSWER_SECONDS, connect=SERVER_SECONDS)
    return client


@contextmanager
def translated(place: str, *, server: bool) -> Iterator[None]:
    """Turn what Chroma and its network client raise into VectorStoreError."""
    import httpx
    from chromadb.errors import ChromaError

    try:
        yield
    except (httpx.HTTPError, ChromaError, OSError, RuntimeError, ValueError) as exc:
        if server:
            raise VectorStoreError("library.chroma_server", url=place, why=_why(exc)) from exc
        raise VectorStoreError("library.chroma_folder", folder=place, why=_why(exc)) from exc
    except BaseException as exc:
        # What the Rust core raises when it panics is no Exception.
        if type(exc).__name__ != "PanicException":
            raise
        raise VectorStoreError("library.chroma_crashed", place=place, why=_why(exc)) from exc


def _why(exc: BaseException) -> Message:
    if isinstance(exc, OSError):
        return reason_of(exc)
    return Message("system.words", words=str(exc)[:LONGEST_MESSAGE].rstrip("."))


def _delete_orphans(folder: Path) -> None:
    """Delete the index folders of dropped collections, which Chroma leaves behind for ever."""
    database = folder / "chroma.sqlite3"
    if not database.is_file():
        return
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            known = {name for (name,) in connection.execute("SELECT id FROM segments")}
    except sqlite3.Error:
        return  # Chroma will say what is wrong with its file when it opens it
    for entry in folder.iterdir():
        if entry.is_dir() and (entry / "header.bin").exists() and entry.name not in known:
            shutil.rmtree(entry, ignore_errors=True)


def _refuse_damaged(folder: Path) -> None:
    """Raise RuntimeError for index files that would end the process, or fill the disk, once Chroma loads them."""
    for header in folder.glob("*/header.bin"):
        what = hnsw_files.damage(header.parent)
        if what is not None:
            raise RuntimeError(f"the index files in {header.parent.name} are damaged: {what}")
