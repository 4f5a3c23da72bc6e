"""Pages: the texts that quotes are proven against, with their headings and tables."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from minicpm_rag.records import Heading, Page, Table


def add(connection: sqlite3.Connection, document_id: int, pages: Iterable[Page]) -> None:
    """Store the pages of a document."""
    connection.executemany(
        "INSERT INTO pages(document_id, number, kind, label, text, marks) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (
                document_id,
                page.number,
                page.kind,
                page.label,
                zlib.compress(page.text.encode(), 6),
                _marks(page),
            )
            for page in pages
        ),
    )


def of_document(connection: sqlite3.Connection, document_id: int, number: int | None = None) -> list[Page]:
    """The stored pages of a document in order, or the one of that number."""
    wanted, values = ("", [document_id]) if number is None else (" AND number = ?", [document_id, number])
    rows = connection.execute(f"SELECT * FROM pages WHERE document_id = ?{wanted} ORDER BY number", values)
    return [_page(row) for row in rows]


def page_of(values: dict[str, Any]) -> Page:
    """A page from the plain values that `asdict` makes of one, or JSON of them."""
    return Page(
        number=int(values["number"]),
        text=str(values["text"]),
        kind=values["kind"],
        label=str(values["label"]),
        headings=tuple(Heading(**entry) for entry in values["headings"]),
        tables=tuple(
            Table(**entry | {"rows": tuple((start, number) for start, number in entry["rows"])})
            for entry in values["tables"]
        ),
    )


def _marks(page: Page) -> str:
    return json.dumps(
        {
            "headings": [asdict(entry) for entry in page.headings],
            "tables": [asdict(entry) for entry in page.tables],
        },
        ensure_ascii=False,
    )


def _page(row: sqlite3.Row) -> Page:
    return page_of(dict(row) | {"text": zlib.decompress(row["text"]).decode()} | json.loads(row["marks"]))
