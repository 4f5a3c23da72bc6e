"""Opening Chroma, in a folder or on a server, and saying its errors in our words.

Everything of Chroma that is not its public interface is touched here and in `hnsw_files`, and nowhere else: its
database, its index files, its cache of clients, its HTTP session. tests/library/test_chroma.py says which of them
changed. Does not know what is in a collection.
"""

from __future__ import annotations

import errno
import importlib
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from minicpm_rag.errors import VectorStoreError
from minicpm_rag.library import hnsw_files
from minicpm_rag.messages import Message, reason_of

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 60.0  # most that a server may take
LONGEST_MESSAGE = 300  # Chroma's own may hold whole vectors
PROBE_SECONDS, PROBE_SECONDS_A_MEGABYTE = 30, 0.5
_IMPORTING = threading.Lock()
_EXPORTER = "opentelemetry.exporter.otlp.proto.grpc.trace_exporter"
# The child imports from where this process does, so that both run the same code.
_PROBE = (
    "import json, sys; sys.path[:], folder = json.load(sys.stdin); "
    "from minicpm_rag.library.chroma import probe; probe(folder)"
)


def open_folder(folder: Path) -> Any:
    """A client of the Chroma folder, made where it is missing. Raises VectorStoreError."""
    with translated(str(folder), server=False):
        folder.mkdir(parents=True, exist_ok=True)
        _delete_orphans(folder)
        _refuse_harmful(folder)
        try:
            return _client_of(folder)
        except AttributeError as exc:  # Chroma's own clean-up fails where its file could not be opened
            raise _of_folder(folder, exc.__context__ or exc) from exc


def delete_folder(folder: Path) -> None:
    """Delete a Chroma folder that no client uses."""
    from chromadb.api.shared_system_client import SharedSystemClient

    # Chroma keeps a client that failed to open, and would hand it out again.
    SharedSystemClient.clear_system_cache()
    shutil.rmtree(folder, ignore_errors=True)


def open_server(url: str) -> Any:
    """A client of a Chroma server. Raises VectorStoreError."""
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
    session = session_of(client)
    if session is not None:  # Chroma's client waits for ever on a server that hangs, and has no setting for it
        session.timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    return client


def session_of(client: Any) -> Any:
    """The HTTP session of a server's client; None where it has none, or another kind."""
    import httpx

    session = getattr(getattr(client, "_server", None), "_session", None)
    return session if isinstance(session, httpx.Client) else None


@contextmanager
def translated(place: str, *, server: bool) -> Iterator[None]:
    """Turn what Chroma and its network client raise into VectorStoreError."""
    _import()
    import httpx
    from chromadb.errors import ChromaError

    try:
        yield
    except (httpx.HTTPError, ChromaError, OSError, RuntimeError, ValueError) as exc:
        if server:
            raise VectorStoreError("library.chroma_server", url=place, why=_why(exc)) from exc
        raise _of_folder(place, exc) from exc
    except BaseException as exc:
        # What the Rust core raises when it panics is no Exception, and cannot be imported.
        if type(exc).__name__ != "PanicException":
            raise
        raise VectorStoreError("library.chroma_crashed", place=place, why=_why(exc)) from exc


def segments(folder: Path) -> set[str]:
    """The names of the index folders that the collections of a Chroma folder use, from Chroma's own database.

    Raises sqlite3.Error where it cannot be read.
    """
    database = folder / "chroma.sqlite3"
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return {name for (name,) in connection.execute("SELECT id FROM segments")}


def probe(folder: str) -> None:
    """Open a Chroma folder and search every collection of it. Run in a child process, which this may crash."""
    with suppress(ImportError, ValueError, OSError):  # index files may make Chroma write without end
        import resource

        largest = max((file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()), default=0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * largest + (1 << 26),) * 2)
    client = _client_of(Path(folder))
    for each in client.list_collections():
        stored = client.get_collection(each.name, embedding_function=None)
        found = stored.get(limit=1, include=["embeddings"])["embeddings"]
        if len(found):
            stored.query(query_embeddings=[found[0]], n_results=1)
    client.close()


def _client_of(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(folder, settings=Settings(anonymized_telemetry=False))


def _of_folder(folder: str | Path, exc: BaseException) -> VectorStoreError:
    if "is full" in str(exc) or (isinstance(exc, OSError) and exc.errno == errno.ENOSPC):  # SQLite's words for it
        return VectorStoreError("library.ledger_full", path=folder, why=Message("library.sqlite_full"))
    return VectorStoreError("library.chroma_folder", folder=folder, why=_why(exc))


def _import() -> None:
    """Import Chroma without the checks that it makes, at each start, of how its own methods override others.

    They take half of its import. Only the marks that its classes look for are set. And without gRPC, with which it
    would send traces to who asks for them.
    """
    with _IMPORTING:
        if "chromadb.errors" in sys.modules:
            return
        # Python waits for a package that another thread is importing, but not where a part of it is wanted, as Chroma
        # wants numpy.typing: both threads would get half of numpy, and fail.
        import numpy  # noqa: F401

        try:
            checking: Any = importlib.import_module("overrides")
        except ImportError:  # a later Chroma may do without
            return
        kept = checking.override, checking.overrides
        checking.override = checking.overrides = _marked
        try:
            with _exporter_when_asked():
                importlib.import_module("chromadb.api.rust")
        finally:
            checking.override, checking.overrides = kept


@contextmanager
def _exporter_when_asked() -> Iterator[None]:
    """Have the module that sends traces imported by the first who makes an exporter, instead of now."""
    if _EXPORTER in sys.modules:
        yield
        return
    standing: Any = ModuleType(_EXPORTER)
    standing.OTLPSpanExporter = _exporter
    sys.modules[_EXPORTER] = standing
    try:
        yield
    finally:
        del sys.modules[_EXPORTER]


def _exporter(*args: Any, **named: Any) -> Any:
    return importlib.import_module(_EXPORTER).OTLPSpanExporter(*args, **named)


def _marked(method: Any = None, **_: bool) -> Any:
    if method is None:
        return _marked
    method.__override__ = True
    return method


def _why(exc: BaseException) -> Message:
    if isinstance(exc, OSError):
        return reason_of(exc)
    return Message("system.words", words=str(exc)[:LONGEST_MESSAGE].rstrip("."))


def _delete_orphans(folder: Path) -> None:
    """Delete the index folders of deleted collections, which Chroma leaves behind for ever."""
    if not (folder / "chroma.sqlite3").is_file():
        return
    try:
        known = segments(folder)
    except sqlite3.Error:
        return  # Chroma will say what is wrong with its file when it opens it
    for entry in folder.iterdir():
        if entry.is_dir() and (entry / hnsw_files.HEADER_FILE).exists() and entry.name not in known:
            shutil.rmtree(entry, ignore_errors=True)


def _refuse_harmful(folder: Path) -> None:
    """Raise VectorStoreError for index files that would end this process, or fill the disk, once Chroma loads them.

    Files of a format that is not known here (a later Chroma's) are tried in a child process.
    """
    unknown = False
    for header in folder.glob(f"*/{hnsw_files.HEADER_FILE}"):
        if not hnsw_files.is_known(header.parent):
            unknown = True
            continue
        what = hnsw_files.damage(header.parent)
        if what is not None:
            why = Message("library.index_damaged", folder=header.parent.name, what=what)
            raise VectorStoreError("library.chroma_folder", folder=folder, why=why)
    failure = _probe(folder) if unknown else None
    if failure is not None:
        why = Message("library.index_unknown", why=failure)
        raise VectorStoreError("library.chroma_folder", folder=folder, why=why)


def _probe(folder: Path) -> Message | None:
    """Run `probe` in a child process; returns why it failed, None where it did not."""
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    try:
        child = subprocess.run(
            [sys.executable, "-c", _PROBE],
            input=json.dumps([[entry for entry in sys.path if isinstance(entry, str)], str(folder)]).encode(),
            capture_output=True,
            timeout=PROBE_SECONDS + PROBE_SECONDS_A_MEGABYTE * size / 1e6,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return reason_of(exc)
    if child.returncode == 0:
        return None
    last = child.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return Message("system.words", words=last[:LONGEST_MESSAGE] or f"exit code {child.returncode}")
