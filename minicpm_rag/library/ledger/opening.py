"""Opening the ledger where the settings say it is."""

from __future__ import annotations

from pathlib import Path

from minicpm_rag.library.ledger import Ledger, make_home
from minicpm_rag.library.ledger.postgres import PostgresLedger


def open_ledger(home: Path, database: str | None = None) -> Ledger:
    """The ledger of a home folder, or of a PostgreSQL database where one is named. Raises RAGError."""
    if database is None:
        return Ledger(home)
    make_home(home)  # for uploaded files
    return PostgresLedger(database)
