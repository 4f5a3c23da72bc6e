"""Uploads that are kept and that no job has been given yet: nobody deletes their bytes meanwhile."""

from __future__ import annotations

from datetime import timedelta

from minicpm_rag.library.ledger import now
from minicpm_rag.library.ledger.connection import Connection

FORGOTTEN_AFTER = timedelta(days=1)  # as when the program ended before a job was submitted


def announce(connection: Connection, kb_id: int, folder: str) -> None:
    """An upload is about to be kept in that folder, named by its bytes."""
    connection.execute("DELETE FROM arrivals WHERE announced_at < ?", (now(-FORGOTTEN_AFTER),))
    connection.execute("INSERT INTO arrivals(kb_id, folder, announced_at) VALUES (?, ?, ?)", (kb_id, folder, now()))


def hand_over(connection: Connection, kb_id: int, folder: str) -> None:
    """One upload in that folder has its job."""
    first = "SELECT min(id) FROM arrivals WHERE kb_id = ? AND folder = ?"
    connection.execute(f"DELETE FROM arrivals WHERE id = ({first})", (kb_id, folder))


def knowledge_bases_of(connection: Connection, folder: str) -> set[int]:
    """The knowledge bases into which bytes of that folder are on their way."""
    return {row[0] for row in connection.execute("SELECT DISTINCT kb_id FROM arrivals WHERE folder = ?", (folder,))}
