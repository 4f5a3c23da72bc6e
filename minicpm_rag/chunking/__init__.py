"""Splits pages into chunks that end at sentence ends and fit the embedder, each with its place in the page.

Does not know files or vectors; tokens are counted by what it is given. Together the chunks of a page hold all
its text: nothing is left between two chunks but white space, and most rows of a table of more than `MOST_ROWS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from minicpm_rag import records
from minicpm_rag.chunking.units import MOST_ROWS, Unit, is_sampled, split_unit, units_of_page
from minicpm_rag.records import Chunk, ChunkSize, Page

__all__ = ["MOST_ROWS", "Tokens", "indexed_text", "is_sampled", "split_pages"]

# Weights, which are about tokens, of what is put before a chunk's text: 30 are 30 Chinese or 120 Latin characters.
# With these limits the text itself keeps most of a 256-token embedder.
_TITLE_WEIGHT, _HEADINGS_WEIGHT, _HEADER_WEIGHT = 30, 40, 60
_CONTEXT_SHARE = 0.6  # of the token limit: most that title, headings and table header may take
_LONGEST_UNIT = 0.7  # of the token limit: a sentence beyond this is cut before it is tried
_TINY_SHARE = 0.25  # of the usual length: what is shorter joins a neighbour
_SCRAP_SHARE = 0.2  # of a chunk's weight: less, such as the running head of a page, does not choose its headings
_STRETCH = 1.3  # of the usual length: a chunk may grow to this to take in a tiny rest


class Tokens(Protocol):
    """Counts tokens as an embedder does, which itself is one."""

    @property
    def limit_tokens(self) -> int:
        """The most tokens that it reads of one text."""

    def count_tokens(self, text: str) -> int:
        """The tokens of a text as it would be embedded."""


def split_pages(pages: Iterable[Page], title: str, tokens: Tokens, size: ChunkSize) -> list[Chunk]:
    """Split pages into chunks of about `size.characters`, in reading order; none crosses a page.

    With title, headings and table header in front (`indexed_text`) none has more than `tokens.limit_tokens`.
    """
    packer = _Packer(title, tokens, size)
    return [chunk for page in pages for chunk in packer.split(page)]


def indexed_text(chunk: Chunk) -> str:
    """The text that is embedded and searched for: title, headings and table header, one a line, then the chunk.

    Headings that the chunk contains anyway are not repeated; long ones are shortened.
    """
    headings = str(chunk.metadata.get(records.HEADINGS, ""))
    missing = " > ".join(part for part in headings.split(" > ") if part not in chunk.text)
    header = str(chunk.metadata.get(records.TABLE_HEADER, ""))
    return "\n".join([*_context(chunk.title, missing, header), chunk.text])


class _Packer:
    """Packs the units of pages (sentences, headings, table rows) into chunks, one after the other.

    For each chunk it chooses an end by weight, counts the tokens, shortens the chunk while they are too many, and
    lets the next chunk repeat the last sentences. Counting is slow and happens about once a chunk: what a weight is
    in tokens is learnt from the counts before.
    """

    def __init__(self, title: str, tokens: Tokens, size: ChunkSize) -> None:
        self._title = title
        self._count_tokens = tokens.count_tokens
        self._limit = tokens.limit_tokens
        self._target = size.characters
        self._overlap = size.overlap_characters
        self._tiny = int(size.characters * _TINY_SHARE)
        self._tokens_per_weight = 1.05
        self._contexts: dict[tuple[str, str], tuple[str, str, int]] = {}

    def split(self, page: Page) -> list[Chunk]:
        units = units_of_page(page, self._target, _LONGEST_UNIT * self._limit)
        chunks: list[Chunk] = []
        first = new = 0  # units[first:new] repeat the end of the chunk before
        while new < len(units):
            end = self._end(units, first, new)
            chunk, tokens = self._measured(page, units[first:end])
            while tokens > self._limit:
                shorter = self._shorter(page.text, units, first, new, end, tokens)
                if shorter is None:
                    break
                first, end = shorter
                chunk, tokens = self._measured(page, units[first:end])
            chunks.append(chunk)
            first, new = self._repeated_from(units, first, end), end
        return chunks

    def _end(self, units: list[Unit], first: int, new: int) -> int:
        """Where a chunk that starts at `first` and takes at least units[new] ends, before its tokens are counted.

        It ends where the next section opens. A longer section is cut at the usual length or where the room for tokens
        ends, unless little of it would be left. Headings at the end go with the text that follows them.
        """
        start = units[first].start
        *_, context_tokens = self._context(_headings(units[new : new + 1]), _header(units[new : new + 1]))
        room = (self._limit - context_tokens) / self._tokens_per_weight
        room -= sum(unit.weight for unit in units[first : new + 1])
        end = new + 1
        only_leads = all(map(_leads, units[first:end]))
        while end < len(units):
            unit, last = units[end], units[end - 1]
            if unit.after_gap:
                return end
            if unit.opens and last.end - start >= self._tiny and last.kind != "heading":
                return end
            # A heading or table header goes with the first sentence or row, however long that is.
            if (unit.end - start > self._target and not only_leads) or unit.weight > room:
                break
            room -= unit.weight
            only_leads = only_leads and _leads(unit)
            end += 1
        if only_leads and units[end - 1].end - start > self._target:
            return end  # a list of headings without text
        end = self._with_tiny_rest(units, start, end, room)
        while new + 1 < end < len(units) and _leads(units[end - 1]):
            end -= 1
        return end

    def _with_tiny_rest(self, units: list[Unit], start: int, end: int, room: float) -> int:
        """The end of the section where little of it is left after `end` and there is room for that, else `end`."""
        for position in range(end, len(units)):
            unit = units[position]
            if unit.opens or unit.after_gap:
                return position
            room -= unit.weight
            tiny = unit.end - units[end].start < self._tiny
            if not tiny or unit.end - start > _STRETCH * self._target or room < 0:
                return end
        return len(units)

    def _shorter(
        self, text: str, units: list[Unit], first: int, new: int, end: int, tokens: int
    ) -> tuple[int, int] | None:
        """Where to start and end instead, the chunk having too many tokens; None where nothing is left to cut.

        First it gives up the repeated sentences, then the last units, then a part of its only unit, which is split
        for that.
        """
        if first < new:
            return new, end
        if end - first > 1:
            return first, _fewer(units, first, end, self._limit / tokens)
        length = units[first].end - units[first].start
        if length == 1:
            return None
        units[first:end] = split_unit(text, units[first], min(length - 1, length * self._limit // tokens))
        return first, end

    def _repeated_from(self, units: list[Unit], first: int, end: int) -> int:
        """Where the chunk after units[first:end] starts: it repeats whole sentences of prose from its end."""
        start = end
        if end < len(units) and units[end].kind == "text" and not units[end].opens:
            last = units[end - 1].end
            while start - 1 > first and units[start - 1].kind == "text" and not units[start].opens:
                if last - units[start - 1].start > self._overlap:
                    break
                start -= 1
        return start

    def _measured(self, page: Page, units: list[Unit]) -> tuple[Chunk, int]:
        """The chunk of these units, and its tokens as it will be embedded."""
        start, end = units[0].start, units[-1].end
        headings, header, context_tokens = self._context(_headings(units), _header(units))
        metadata: dict[str, Any] = {
            records.PAGE: page.number,
            records.PAGE_KIND: page.kind,
            records.PAGE_LABEL: _label(page, end),
            records.START: start,
            records.END: end,
            records.HEADINGS: headings,
            records.TABLE_HEADER: header,
        }
        rows = [unit.row for unit in units if unit.row is not None]
        if rows:
            metadata |= {records.ROW_START: min(rows), records.ROW_END: max(rows)}
        chunk = Chunk(page.text[start:end], metadata, self._title)
        tokens = self._count_tokens(indexed_text(chunk))
        seen = (tokens - context_tokens) / sum(unit.weight for unit in units)
        self._tokens_per_weight += 0.2 * (min(4.0, max(0.5, seen)) - self._tokens_per_weight)
        return chunk, tokens

    def _context(self, headings: str, header: str) -> tuple[str, str, int]:
        """Headings and table header, shortened where they would fill the embedder, and their tokens with the title."""
        key = (headings, header)
        if key not in self._contexts:
            tokens = self._count_tokens("\n".join(_context(self._title, headings, header)))
            while tokens > _CONTEXT_SHARE * self._limit and (headings or header):
                headings, header = headings[len(headings) // 2 + 1 :], header[: len(header) // 2]
                tokens = self._count_tokens("\n".join(_context(self._title, headings, header)))
            self._contexts[key] = (headings, header, tokens)
        return self._contexts[key]


def _label(page: Page, end: int) -> str:
    """What users call the page of a chunk that ends there; both pages where its last sentence runs over."""
    if page.runs_over is None or end <= page.runs_over[0]:
        return page.label
    return f"{page.label}–{page.runs_over[1]}"


def _context(title: str, headings: str, header: str) -> list[str]:
    """The lines before a chunk's text."""
    lines = [
        _capped(title, _TITLE_WEIGHT),
        _capped(headings[::-1], _HEADINGS_WEIGHT)[::-1],  # its end, which is nearest to the text
        _capped(header, _HEADER_WEIGHT),
    ]
    return [line for line in lines if line]


def _capped(text: str, most: int) -> str:
    """The beginning of the text that weighs at most this much."""
    if len(text) <= most:
        return text
    used = 0.0
    for position, character in enumerate(text):
        used += 0.25 if character.isascii() else 1.0
        if used > most:
            return text[:position]
    return text


def _leads(unit: Unit) -> bool:
    """Whether the unit belongs to what follows it."""
    return unit.kind in ("heading", "header")


def _headings(units: list[Unit]) -> str:
    """The heading path that all of a chunk's text shares, scraps left out; headings alone have that of the last one."""
    weights: dict[tuple[str, ...], float] = {}
    for unit in [unit for unit in units if unit.kind != "heading"] or units[-1:]:
        weights[unit.headings] = weights.get(unit.headings, 0.0) + unit.weight
    paths = [path for path, weight in weights.items() if weight >= _SCRAP_SHARE * sum(weights.values())]
    shared = []
    for names in zip(*paths, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return " > ".join(shared)


def _header(units: list[Unit]) -> str:
    """The header of the table that a chunk continues, "" where the chunk has the header line itself."""
    table = next((unit.table for unit in units if unit.kind == "row"), None)
    if table is None or any(unit.kind == "header" and unit.table is table for unit in units):
        return ""
    return table.header


def _fewer(units: list[Unit], first: int, end: int, share: float) -> int:
    """The end of the first part of units[first:end] that weighs about `share` of it; at least one unit."""
    room = 0.98 * share * sum(unit.weight for unit in units[first:end])
    while end - first > 1 and sum(unit.weight for unit in units[first:end]) > room:
        end -= 1
    return end
