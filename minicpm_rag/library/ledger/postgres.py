"""The ledger in PostgreSQL: the same rows and statements, for any number of programs that work at once.

There is no owner. Short writes take turns by a lock of the database; a job holds a lease (`leases`), its writes take
turns with those to the same knowledge base only, and none of them is kept once another worker has its lease.
"""

from __future__ import annotations

import json
import re
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from minicpm_rag.errors import (
    DatabaseUnreachableError,
    LibraryBusyError,
    LibraryError,
    RAGError,
    SettingsError,
    TableGoneError,
)
from minicpm_rag.library.ledger import Ledger, migrations
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.library.ledger.dialect import translated, values_of
from minicpm_rag.library.ledger.halfvecs import SEARCHED_AMONG
from minicpm_rag.messages import Message, reason_of

CONNECT_SECONDS = 10
LOCK_SECONDS = 30  # that a short write waits for others
JOB_LOCK_SECONDS = 900  # that a job waits for another job's document, which may be large
IDLE_SECONDS = 300  # after which the server ends a transaction of a program that it hears nothing of
_SCHEMES = ("postgresql://", "postgres://")
_JOBS, _SHORT = 7_301, 7_302  # the classes of our advisory locks
# Notice within a minute where the other side has gone without a word.
_KEEPALIVES = {"keepalives_idle": 20, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
_OPTIONS = (
    # Many small statements: to compile one, or to spread it over processes, takes longer than to run it.
    "-c jit=off -c max_parallel_workers_per_gather=0 "
    f"-c hnsw.ef_search={SEARCHED_AMONG} -c hnsw.iterative_scan=strict_order "
    f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s -c tcp_keepalives_idle=20 -c tcp_keepalives_interval=10 "
    "-c tcp_keepalives_count=3 -c client_connection_check_interval=5s"
)


@dataclass(frozen=True)
class Lease:
    """The right to do a job, until another worker takes it over."""

    job_id: int
    kb_id: int | None
    token: str


class Row(tuple[Any, ...]):
    """A row as SQLite's: its values by place or by column."""

    _places: dict[str, int]

    def __getitem__(self, key: Any) -> Any:
        return tuple.__getitem__(self, self._places[key] if isinstance(key, str) else key)

    def keys(self) -> list[str]:
        """The columns, by which `dict` takes a row for a mapping."""
        return list(self._places)


@lru_cache(maxsize=500)
def _row_type(columns: tuple[str, ...]) -> type[Row]:
    places = {name: place for place, name in reversed(list(enumerate(columns)))}
    return type("Row", (Row,), {"__slots__": (), "_places": {name: places[name] for name in columns}})


def _rows(cursor: Any) -> Any:
    row_type = _row_type(tuple(column.name for column in cursor.description or ()))
    return row_type


class PostgresConnection:
    """A psycopg connection that takes the ledger's statements."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Any:
        """Run a statement; its values are written into it here, which leaves their types to the server."""
        words = translated(sql)
        return self.raw.execute(words, values_of(words, values))

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> None:
        """Run a statement once for each of the values, all in one round trip."""
        import psycopg

        words = translated(sql)
        with psycopg.Cursor(self.raw) as cursor:
            cursor.executemany(words, [values_of(words, each) for each in values])


class PostgresLedger(Ledger):
    """A database `postgresql://...`. Thread-safe; safe beside other processes and machines."""

    shared = True

    def __init__(self, url: str, *, filling: bool = False) -> None:
        """Open and migrate a database. Raises SettingsError for another address, LibraryError where it fails.

        One into which a library is being moved is opened by who is `filling` it only.
        """
        if not is_address(url):
            raise SettingsError("library.database_address", url=shown(url))
        try:
            import psycopg  # noqa: F401
        except ImportError as exc:
            raise SettingsError("library.no_psycopg") from exc
        if not _is_readable(url):
            raise SettingsError("library.database_unreadable", url=shown(url))
        self.url = url
        self._idle_connections: list[PostgresConnection] = []
        self._idle_lock = threading.Lock()
        self._closed = False
        self._job = threading.local()
        self._held = threading.local()
        with self.reading() as connection:
            version = migrations.version(connection)
            if not filling and connection.execute("SELECT to_regclass('moving')").fetchone()[0] is not None:
                raise LibraryError("library.move_unfinished", place=self.place)
        if version > migrations.NEWEST:
            raise LibraryError("library.later_ledger", path=self.place, version=version, known=migrations.NEWEST)
        if version < migrations.NEWEST:
            with self.writing() as connection:
                migrations.migrate(connection)

    def disk_bytes(self) -> int:
        """What the database takes on the disk."""
        with self.reading() as connection:
            return int(connection.execute("SELECT pg_database_size(current_database())").fetchone()[0])

    @property
    def place(self) -> str:
        """The address, without its password."""
        return shown(self.url)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one unchanging state until the block ends; that of `holding_still` inside one."""
        held = getattr(self._held, "connection", None)
        if held is not None:
            with translated_errors(self.place):
                yield held
            return
        with self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as connection:
            try:
                yield connection
            finally:
                connection.raw.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or after any exception none of it.

        Raises LeaseLostError in a thread whose job another worker has taken over.
        """
        lease: Lease | None = getattr(self._job, "lease", None)
        with self.transaction(JOB_LOCK_SECONDS if lease else LOCK_SECONDS) as connection:
            if lease is None:
                connection.execute("SELECT pg_advisory_xact_lock(?, 0)", (_SHORT,))
            else:
                connection.execute("SELECT pg_advisory_xact_lock(?, ?)", (_JOBS, (lease.kb_id or 0) % 2**31))
                self.prove(connection, lease)
            yield connection

    def alone(self, connection: Connection) -> None:
        """Have no short write, as of a new job, before this transaction ends; a job's own let them pass."""
        connection.execute("SELECT pg_advisory_xact_lock(?, 0)", (_SHORT,))

    @contextmanager
    def transaction(self, lock_seconds: float) -> Iterator[Connection]:
        """One transaction that waits for nobody, but for rows that others change."""
        with self._begun("BEGIN") as connection:
            try:
                connection.execute(f"SET LOCAL lock_timeout = {int(1000 * lock_seconds)}")
                yield connection
                connection.raw.commit()
            except BaseException:
                with suppress(Exception):  # the connection may be gone; what went wrong is being raised
                    connection.raw.rollback()
                raise

    @contextmanager
    def holding(self, lease: Lease) -> Iterator[None]:
        """Within the block this thread works on a job: its writes are kept only while it has the lease."""
        self._job.lease = lease
        try:
            yield
        finally:
            self._job.lease = None

    @staticmethod
    def prove(connection: Connection, lease: Lease) -> None:
        """Raise LeaseLostError where another worker has the job; else nobody takes it before this transaction ends."""
        from minicpm_rag.errors import LeaseLostError

        held = "SELECT 1 FROM leases WHERE job_id = ? AND token = ? FOR SHARE"
        if connection.execute(held, (lease.job_id, lease.token)).fetchone() is None:
            raise LeaseLostError("library.lease_lost", number=lease.job_id)

    def close(self) -> None:
        """Close all connections not in use; those in use close when they are given back."""
        with self._idle_lock:
            self._closed = True
            idle, self._idle_connections = self._idle_connections, []
        for connection in idle:
            connection.raw.close()

    @contextmanager
    def _begun(self, statement: str) -> Iterator[PostgresConnection]:
        with translated_errors(self.place):
            connection = self._begin(statement)
            try:
                yield connection
            finally:
                with self._idle_lock:
                    keep = not self._closed and not connection.raw.closed
                    if keep:
                        self._idle_connections.append(connection)
                if not keep:
                    connection.raw.close()

    def _begin(self, statement: str) -> PostgresConnection:
        """Begin a transaction on an idle connection; one that the server has closed meanwhile is replaced."""
        import psycopg

        while True:
            with self._idle_lock:
                connection = self._idle_connections.pop() if self._idle_connections else None
            if connection is None:
                connection = self._connected()
                connection.raw.execute(statement)
                return connection
            try:
                connection.raw.execute(statement)
                return connection
            except psycopg.OperationalError:
                connection.raw.close()

    def _connected(self) -> PostgresConnection:
        import psycopg

        raw = psycopg.connect(
            self.url,
            autocommit=True,
            row_factory=_rows,
            cursor_factory=psycopg.ClientCursor,
            connect_timeout=CONNECT_SECONDS,
            options=_OPTIONS,
            application_name="minicpm-rag",
            **_KEEPALIVES,  # type: ignore[arg-type]
        )
        raw.adapters.register_loader("numeric", _number_loader())
        return PostgresConnection(raw)


@lru_cache(maxsize=1)
def _number_loader() -> Any:
    """Sums of whole numbers are `numeric` in PostgreSQL; here they are whole numbers again."""
    from psycopg.adapt import Loader

    class Number(Loader):
        def load(self, data: Any) -> int | float:
            text = bytes(data).decode()
            return int(text) if text.lstrip("-").isdigit() else float(text)

    return Number


def is_address(text: str) -> bool:
    """Whether it is the address of a PostgreSQL database."""
    return text.startswith(_SCHEMES)


def shown(url: str) -> str:
    """An address without its password, also where that has signs that an address may not have: rather less is shown."""
    without = re.sub(r"(?i)(password\s*=\s*)[^&]*", r"\1***", url)
    return re.sub(r"(//[^:/@]*):.*@", r"\1@", without, flags=re.DOTALL)


def _is_readable(url: str) -> bool:
    """Whether libpq takes an address for what is meant; what it says of another one quotes the password."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    before_host = url.partition("//")[2].partition("?")[0].rpartition("@")[0]
    try:
        conninfo_to_dict(url)
    except psycopg.Error:
        return False
    return "@" not in before_host and "/" not in before_host


@contextmanager
def translated_errors(place: str) -> Iterator[None]:
    """Turn psycopg's errors into ours, with what to do about them."""
    import psycopg
    from psycopg import errors

    try:
        yield
    except RAGError:
        raise
    except (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure) as exc:
        raise LibraryBusyError("library.database_busy", place=place, why=reason_of(exc)) from exc
    except errors.DiskFull as exc:
        raise LibraryError("library.database_full", place=place, why=reason_of(exc)) from exc
    except (errors.UndefinedFile, errors.UndefinedObject, errors.FeatureNotSupported) as exc:
        raise LibraryError("library.no_pgvector", place=place, why=reason_of(exc)) from exc
    except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as exc:
        raise LibraryError("library.database_rights", place=place, why=reason_of(exc)) from exc
    except errors.ProgramLimitExceeded as exc:  # an OperationalError, but what is asked again fails again
        raise LibraryError("library.ledger_failed", path=place, why=reason_of(exc)) from exc
    except psycopg.OperationalError as exc:  # also what is raised while the server shuts down
        said = " ".join(str(exc).split()).partition(" Is the server running")[0].rstrip(".")
        why = Message("system.words", words=said)
        raise DatabaseUnreachableError("library.database_unreachable", place=place, why=why) from exc
    except errors.IntegrityError as exc:
        raise LibraryError("library.ledger_refused", path=place, why=reason_of(exc)) from exc
    except (json.JSONDecodeError, zlib.error) as exc:  # a stored value that is not what was stored
        raise LibraryError(
            "library.ledger_failed", path=place, why=Message("library.value_damaged", why=reason_of(exc))
        ) from exc
    except errors.UndefinedTable as exc:
        raise TableGoneError("library.ledger_failed", path=place, why=reason_of(exc)) from exc
    except psycopg.Error as exc:
        raise LibraryError("library.ledger_failed", path=place, why=reason_of(exc)) from exc
