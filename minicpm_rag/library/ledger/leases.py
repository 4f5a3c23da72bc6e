"""Leases on jobs in PostgreSQL: any number of workers take jobs, each is done by one, and a dead one hands it on.

A worker renews its lease while it lives. Where it ends, any other takes the job with a new token, and what the first
still writes is refused (`PostgresLedger.writing`). Jobs of one knowledge base are done one after the other, in their
order: else a file that was read early and stored late would take the place of a newer one.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from minicpm_rag.errors import LibraryError
from minicpm_rag.library.ledger import jobs
from minicpm_rag.library.ledger.jobs import Job
from minicpm_rag.library.ledger.postgres import Lease, PostgresLedger

LEASE_SECONDS = 30.0
CLAIM_LOCK_SECONDS = 2.0  # a document that is being written keeps its job from being taken over

_CLAIMABLE = """
SELECT jobs.* FROM jobs LEFT JOIN leases ON leases.job_id = jobs.id
WHERE (jobs.status = 'queued'
    OR (jobs.status = 'running' AND (leases.ends_at IS NULL OR leases.ends_at < clock_timestamp())))
AND NOT EXISTS (SELECT 1 FROM jobs AS earlier WHERE earlier.status IN ('queued', 'running') AND earlier.id <> jobs.id
    AND ((earlier.id < jobs.id AND earlier.kb_id IS NOT DISTINCT FROM jobs.kb_id)
        OR (jobs.kind IN ('sweep', 'import') AND earlier.status = 'running' AND EXISTS (
            SELECT 1 FROM knowledge_bases WHERE knowledge_bases.id = earlier.kb_id AND name IS NULL))))
ORDER BY jobs.id LIMIT 1 FOR UPDATE OF jobs SKIP LOCKED
"""


def claim(ledger: PostgresLedger) -> tuple[Job, Lease] | None:
    """Take the first job that can be done now: it waits, or its worker is gone."""
    with ledger.transaction(CLAIM_LOCK_SECONDS) as connection:
        row = connection.execute(_CLAIMABLE).fetchone()
        if row is None:
            return None
        if row["status"] == "running":
            jobs.requeue(connection, row["id"])
        job = jobs.take(connection, row["id"])
        if job is None:  # it failed too often, or the same was asked for since
            return None
        lease = Lease(job.id, job.kb_id, uuid.uuid4().hex)
        connection.execute(
            "INSERT INTO leases(job_id, token, ends_at) VALUES (?, ?, clock_timestamp() + make_interval(secs => ?)) "
            "ON CONFLICT (job_id) DO UPDATE SET token = excluded.token, ends_at = excluded.ends_at",
            (lease.job_id, lease.token, LEASE_SECONDS),
        )
    return job, lease


@contextmanager
def kept(ledger: PostgresLedger, lease: Lease) -> Iterator[None]:
    """Within the block the lease is renewed, and what this thread writes is part of the job."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(LEASE_SECONDS / 3):
            try:
                with ledger.transaction(LEASE_SECONDS) as connection:
                    connection.execute(
                        "UPDATE leases SET ends_at = clock_timestamp() + make_interval(secs => ?) "
                        "WHERE job_id = ? AND token = ?",
                        (LEASE_SECONDS, lease.job_id, lease.token),
                    )
            except LibraryError:  # noqa: PERF203 (the database is gone: the job's own writes say so)
                continue

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        with ledger.holding(lease):
            yield
    finally:
        done.set()
        thread.join()


def hand_back(ledger: PostgresLedger, lease: Lease, *, to_blame: bool) -> None:
    """Queue a job again that was not ended; one that is `to_blame` is given up after a few times.

    It is not where the database was away.
    """
    with ledger.transaction(CLAIM_LOCK_SECONDS) as connection:
        held = "DELETE FROM leases WHERE job_id = ? AND token = ? RETURNING job_id"
        if connection.execute(held, (lease.job_id, lease.token)).fetchone() is None:
            return
        if not to_blame:
            connection.execute("UPDATE jobs SET attempts = attempts - 1 WHERE id = ?", (lease.job_id,))
        jobs.requeue(connection, lease.job_id)
