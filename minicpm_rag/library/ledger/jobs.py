"""The queue of jobs and their progress: any process submits one, the owner runs it. Does not know what a job does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import PurePath
from typing import Any

from minicpm_rag.library.ledger import as_column, now
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.messages import Message, from_plain
from minicpm_rag.records import IngestProgress, Verdict

MOST_ATTEMPTS = 3  # owners that may die of a job, none of which got further than the one before
FINISHED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Job:
    """One thing to do to the library."""

    id: int
    kind: str
    kb_id: int | None
    arguments: dict[str, Any]
    status: str
    cancel_requested: bool
    successor: int | None
    error_kind: str  # the class of the error it failed with
    error: Message | None


def submit(connection: Connection, kind: str, kb_id: int | None, arguments: dict[str, Any]) -> int:
    """Put a job at the end of the queue; returns its number.

    It takes the place of the same job where that still waits, as after the process that was doing it died.
    Old finished jobs are forgotten.
    """
    connection.execute(f"DELETE FROM jobs WHERE status IN {FINISHED} AND created_at < ?", (now(timedelta(days=-1)),))
    same = (kind, kb_id, json.dumps(arguments, sort_keys=True))  # in ASCII: a path need not be text
    (number,) = connection.execute(
        "INSERT INTO jobs(kind, kb_id, arguments, status, created_at) VALUES (?, ?, ?, 'queued', ?) RETURNING id",
        (*same, now()),
    ).fetchone()
    connection.execute(
        "UPDATE jobs SET status = 'cancelled', successor = ?1 WHERE status = 'queued' AND id < ?1 "
        "AND kind = ?2 AND kb_id IS ?3 AND arguments = ?4",
        (number, *same),
    )
    return int(number)


def get(connection: Connection, job_id: int) -> Job | None:
    """A job; None where it is forgotten."""
    row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
    return None if row is None else _job(row)


def under_way(connection: Connection) -> list[Job]:
    """The jobs that wait or run, in their order."""
    rows = connection.execute("SELECT * FROM jobs WHERE status IN ('queued', 'running') ORDER BY id")
    return [_job(row) for row in rows]


def waiting(connection: Connection) -> int:
    """The number of jobs queued or running."""
    return int(connection.execute("SELECT count(*) FROM jobs WHERE status IN ('queued', 'running')").fetchone()[0])


def take(connection: Connection, job_id: int | None = None) -> Job | None:
    """Mark the oldest queued job, or the one of that number if it waits, as running and return it."""
    chosen, values = ("(SELECT min(id) FROM jobs WHERE status = 'queued')", []) if job_id is None else ("?", [job_id])
    row = connection.execute(
        "UPDATE jobs SET status = 'running', attempts = attempts + 1 "
        f"WHERE id = {chosen} AND status = 'queued' RETURNING *",
        values,
    ).fetchone()
    return None if row is None else _job(row)


def requeue(connection: Connection, job_id: int | None = None) -> None:
    """Queue again what a dead owner was running, unless the same was asked for since, or it keeps failing."""
    only, values = ("", []) if job_id is None else (" AND id = ?", [job_id])
    for row in connection.execute(f"SELECT * FROM jobs WHERE status = 'running'{only}", values).fetchall():
        again = connection.execute(
            "SELECT max(id) FROM jobs WHERE status = 'queued' AND kind = ? AND kb_id IS ? AND arguments = ?",
            (row["kind"], row["kb_id"], row["arguments"]),
        ).fetchone()[0]
        if again is not None:
            connection.execute("UPDATE jobs SET status = 'cancelled', successor = ? WHERE id = ?", (again, row["id"]))
        elif row["attempts"] >= MOST_ATTEMPTS:
            source = _last_source(connection, row["id"])
            error = Message("indexing.ends_the_program", count=row["attempts"], source=source)
            finish(connection, row["id"], "failed", "LibraryError", error)
        else:
            connection.execute("UPDATE jobs SET status = 'queued' WHERE id = ?", (row["id"],))


def finish(
    connection: Connection, job_id: int, status: str, error_kind: str = "", error: Message | None = None
) -> None:
    """Record how a job ended (failed with an error of that class), or queue it again for the next owner."""
    connection.execute(
        "UPDATE jobs SET status = ?1, error_kind = ?2, error = ?3, "
        "attempts = CASE WHEN ?1 = 'queued' THEN 0 ELSE attempts END WHERE id = ?4",
        (status, error_kind, as_column(error), job_id),
    )


def note_headway(connection: Connection, job_id: int) -> None:
    """Count the owners of a job anew: this one got further than those that died of it."""
    connection.execute("UPDATE jobs SET attempts = 1 WHERE id = ? AND attempts > 1", (job_id,))


def set_result(connection: Connection, job_id: int, result: dict[str, Any]) -> None:
    """Store what a job found out, as plain values."""
    connection.execute("UPDATE jobs SET result = ? WHERE id = ?", (json.dumps(result, ensure_ascii=False), job_id))


def result(connection: Connection, job_id: int) -> dict[str, Any]:
    """What a job found out; empty where it stored nothing."""
    row = connection.execute("SELECT result FROM jobs WHERE id = ?", (job_id,)).fetchone()
    found: dict[str, Any] = {} if row is None else json.loads(row[0])
    return found


def request_cancel(connection: Connection, job_id: int) -> None:
    """Ask the owner to stop after the current file; a job that waits is cancelled at once."""
    connection.execute("UPDATE jobs SET status = 'cancelled' WHERE id = ? AND status = 'queued'", (job_id,))
    connection.execute("UPDATE jobs SET cancel_requested = 1 WHERE id = ?", (job_id,))


def stop_running(connection: Connection, kb_id: int) -> None:
    """Ask the owner to stop what it is doing for a knowledge base."""
    connection.execute("UPDATE jobs SET cancel_requested = 1 WHERE kb_id = ? AND status = 'running'", (kb_id,))


def awaits(connection: Connection, path: str) -> bool:
    """Whether a job that waits is going to ingest the file at that path."""
    waiting = connection.execute("SELECT arguments FROM jobs WHERE kind = 'ingest' AND status = 'queued'")
    return any(path in json.loads(row[0])["sources"] for row in waiting)


def read_folder(connection: Connection, folder: str) -> bool:
    """Whether a job that waits or runs reads an upload in a folder of that name, of whichever knowledge base."""
    rows = connection.execute("SELECT arguments FROM jobs WHERE kind = 'ingest' AND status IN ('queued', 'running')")
    return any(
        PurePath(source).parent.name == folder for row in rows.fetchall() for source in json.loads(row[0])["sources"]
    )


def add_events(connection: Connection, job_id: int, events: Sequence[IngestProgress]) -> None:
    """Append progress to a job."""
    (last,) = connection.execute(
        "SELECT coalesce(max(number), 0) FROM job_events WHERE job_id = ?", (job_id,)
    ).fetchone()
    payloads = [json.dumps(asdict(event), ensure_ascii=False) for event in events]
    connection.executemany(
        "INSERT INTO job_events(job_id, number, payload) VALUES (?, ?, ?)",
        [(job_id, number, payload) for number, payload in enumerate(payloads, start=last + 1)],
    )


def events(connection: Connection, job_id: int, after: int = 0) -> list[tuple[int, IngestProgress]]:
    """The numbered progress of a job from after that number on."""
    found = []
    for number, payload in connection.execute(
        "SELECT number, payload FROM job_events WHERE job_id = ? AND number > ? ORDER BY number",
        (job_id, after),
    ):
        values = json.loads(payload)
        verdict = values.pop("verdict")
        if verdict is not None:
            verdict |= {name: from_plain(verdict[name]) for name in ("reason", "remedy")}
        found.append((number, IngestProgress(**values, verdict=None if verdict is None else Verdict(**verdict))))
    return found


def _last_source(connection: Connection, job_id: int) -> str | Message:
    row = connection.execute(
        "SELECT payload FROM job_events WHERE job_id = ? ORDER BY number DESC LIMIT 1", (job_id,)
    ).fetchone()
    return Message("indexing.the_start") if row is None else str(json.loads(row[0])["source"])


def _job(row: Any) -> Job:
    return Job(
        id=row["id"],
        kind=row["kind"],
        kb_id=row["kb_id"],
        arguments=json.loads(row["arguments"]),
        status=row["status"],
        cancel_requested=bool(row["cancel_requested"]),
        successor=row["successor"],
        error_kind=row["error_kind"],
        error=Message.from_json(row["error"]),
    )
