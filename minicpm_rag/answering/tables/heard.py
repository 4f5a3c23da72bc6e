"""What the words of a question ask to be computed over a table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from minicpm_rag.library.ledger.table_queries import Field

_Said = re.Match[str] | None  # where the question says it


@dataclass(frozen=True)
class Heard:
    """Which words that compute a question has; what they are applied to is not decided yet."""

    is_superlative: bool
    descending: bool
    hint: str  # which column a superlative means where none is named
    limit: int  # rows or groups of a superlative
    group: Field | None  # the results are of each of its values
    asked: Field | None  # "which region"
    share: _Said
    difference: _Said
    times: _Said
    median: _Said
    spread: _Said
    mean: _Said
    total: _Said
    counted: _Said
    how_much: _Said
    listed: _Said
    who: _Said

    @property
    def beside(self) -> _Said:
        """Where it is asked how one value stands beside another."""
        return self.difference or self.times
