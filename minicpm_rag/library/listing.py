"""The documents of a knowledge base in the orders they are listed in; each is worked out once, until they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, partial
from pathlib import PurePath

from minicpm_rag.records import DocumentRow

# How each order sorts. First stands what could not be read, whatever the order but newest.
ORDERS: dict[str, Callable[[Iterable[DocumentRow]], list[DocumentRow]]] = {
    "name": partial(sorted, key=lambda row: (row.status != "failed", row.title.casefold())),
    "newest": partial(sorted, key=lambda row: row.indexed_at, reverse=True),
    "largest": partial(sorted, key=lambda row: (row.status != "failed", -row.size_bytes)),
}


class Listing:
    """Documents that are ready, and files whose last try failed, by source. Not to be changed; thread-safe."""

    def __init__(self, rows: Iterable[DocumentRow]) -> None:
        self.rows = tuple(rows)
        self._ordered: dict[str, tuple[DocumentRow, ...]] = {}

    @cached_property
    def ready(self) -> tuple[DocumentRow, ...]:
        """Those that are ready."""
        return tuple(row for row in self.rows if row.status == "ready")

    @cached_property
    def newest(self) -> tuple[DocumentRow, ...]:
        """Those that are ready, the last stored first."""
        return tuple(sorted(self.ready, key=lambda row: (row.indexed_at, row.id), reverse=True))

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The endings of their names, in order: ".pdf"."""
        return tuple(sorted({PurePath(row.title).suffix.lower() for row in self.rows} - {""}))

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """Their tags, in order."""
        return tuple(sorted({tag for row in self.rows for tag in row.tags}))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What a question can be held to by name: the titles of those that are ready, newest first, then their tags."""
        tags = sorted({tag for row in self.ready for tag in row.tags})
        return tuple(dict.fromkeys([*(row.title for row in self.newest), *tags]))

    @cached_property
    def has_remarks(self) -> bool:
        """Whether there is something to say about any of them: it failed, or was not read wholly."""
        return any(row.reason is not None for row in self.rows)

    def ordered(self, order: str) -> tuple[DocumentRow, ...]:
        """All rows, by a name in ORDERS."""
        if order not in self._ordered:
            self._ordered[order] = tuple(ORDERS[order](self.rows))
        return self._ordered[order]
