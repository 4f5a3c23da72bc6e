"""Keyword search: the chunks that share words with a question, by BM25 over the ledger's keyword index.

A few documents are searched as if there were no others: their terms are read once and kept for the next question.
Does not know embedders or who asks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from minicpm_rag.library.ledger import Ledger, chunks, keywords, knowledge_bases
from minicpm_rag.library.ledger.knowledge_bases import Index

SCOPED_ROWS = 5_000  # chunks of a scope up to which it is searched as if there were no others


class KeywordSearch:
    """Searches the keyword indexes of one home. Thread-safe; keeps the terms of the scope asked last."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._scoped: tuple[object, keywords.Scoped] | None = None

    def best(
        self, index: Index, question: str, limit: int, *, within: Collection[int] | None = None
    ) -> list[tuple[str, float]]:
        """The (chunk id, BM25 score) pairs that share words with the question, best (highest) first."""
        scoped = None if within is None else self._terms_within(index, within)
        with self._ledger.reading() as connection:
            if scoped is not None:
                found = scoped.search(question, limit)
            else:
                among = "" if within is None else chunks.among(index.id, within)
                table = knowledge_bases.keyword_table(index.id)
                found = keywords.search(connection, table, question, limit, among=among)
            ids = chunks.ids_of_rows(connection, [row for row, _ in found])
        return [(ids[row], score) for row, score in found if row in ids]

    def statistics(
        self, index: Index, terms: Sequence[str], *, within: Collection[int] | None = None
    ) -> keywords.Statistics:
        """How many chunks there are, and in how many of them each term occurs."""
        if within is not None and (scoped := self._terms_within(index, within)) is not None:
            return scoped.statistics(list(terms))
        with self._ledger.reading() as connection:
            return keywords.statistics(connection, knowledge_bases.keyword_table(index.id), list(terms))

    def _terms_within(self, index: Index, within: Collection[int]) -> keywords.Scoped | None:
        """The terms of a scope's chunks; None where these are too many."""
        with self._ledger.reading() as connection:
            state = (index.id, knowledge_bases.version(connection, index.kb_id), frozenset(within))
            kept = self._scoped
            if kept is None or kept[0] != state:
                rows = list(chunks.rows_of(connection, index.id, within))
                if len(rows) > SCOPED_ROWS:
                    return None
                table = knowledge_bases.keyword_table(index.id)
                kept = self._scoped = (state, keywords.scoped(connection, table, rows))
        return kept[1]
