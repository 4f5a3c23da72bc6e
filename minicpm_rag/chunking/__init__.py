"""Splits pages into chunks that end at sentence ends and fit the embedder, each with where it lies.

Does not know files or vectors; tokens are counted by a function it is given. Together the chunks of a page
hold all its text: nothing is left between two chunks but white space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from minicpm_rag import records
from minicpm_rag.chunking.units import Unit, split_unit, units_of_page
from minicpm_rag.records import Page

if TYPE_CHECKING:
    from langchain_core.documents import Document

# What is put before a chunk's text is capped: a title to 30 Chinese or 120 Latin characters. So the text
# itself keeps most of a 256-token embedder.
_TITLE_WEIGHT, _HEADINGS_WEIGHT, _HEADER_WEIGHT = 30, 40, 60
_CONTEXT_SHARE = 0.6  # of the limit, at most
_LONGEST_UNIT = 0.7  # of the limit: a sentence beyond this is cut before it is tried
_TINY_SHARE = 0.25  # of the target: shorter pieces join a neighbour
_SCRAP_SHARE = 0.2  # of a chunk: less, such as the running head of a page, does not choose its headings
_STRETCH = 1.3  # of the target: a chunk may grow to this to take in a tiny rest


def split_pages(
    pages: Iterable[Page],
    *,
    title: str,
    count_tokens: Callable[[str], int],
    limit_tokens: int,
    target_characters: int = 350,
    overlap_characters: int = 50,
) -> list[Document]:
    """Split pages into passages of about `target_characters`.

    With title, headings and table header in front (`indexed_text`) none has more than `limit_tokens` tokens.
    """
    packer = _Packer(title, count_tokens, limit_tokens, target_characters, overlap_characters)
    return [document for page in pages for document in packer.split(page)]


def indexed_text(document: Document, title: str) -> str:
    """Return the text that is embedded and searched for: title, headings, table header, then the chunk.

    Headings that the chunk contains anyway are not repeated; long ones are shortened.
    """
    text = document.page_content
    headings = str(document.metadata.get(records.HEADINGS, ""))
    missing = " > ".join(part for part in headings.split(" > ") if part not in text)
    header = str(document.metadata.get(records.TABLE_HEADER, ""))
    return "\n".join([*_context(title, missing, header), text])


def _context(title: str, headings: str, header: str) -> list[str]:
    parts = [
        _capped(title, _TITLE_WEIGHT),
        _capped(headings[::-1], _HEADINGS_WEIGHT)[::-1],  # the end of the path is nearest to the text
        _capped(header, _HEADER_WEIGHT),
    ]
    return [part for part in parts if part]


def _capped(text: str, most: int) -> str:
    """Return the beginning of the text that weighs at most this much."""
    if len(text) <= most:
        return text
    used = 0.0
    for position, character in enumerate(text):
        used += 0.25 if character.isascii() else 1.0
        if used > most:
            return text[:position]
    return text


class _Packer:
    """Packs units into chunks. Learns what a character costs in tokens, because counting is slow."""

    def __init__(self, title: str, count_tokens: Callable[[str], int], limit: int, target: int, overlap: int) -> None:
        self._title = title
        self._count_tokens = count_tokens
        self._limit = limit
        self._target = target
        self._overlap = overlap
        self._tiny = int(target * _TINY_SHARE)
        self._tokens_per_weight = 1.05
        self._contexts: dict[tuple[str, str], tuple[str, str, int]] = {}

    def split(self, page: Page) -> list[Document]:
        units = units_of_page(page, self._target, _LONGEST_UNIT * self._limit)
        documents: list[Document] = []
        first = new = 0  # units[first:new] repeat the end of the chunk before
        while new < len(units):
            end = self._end(units, first, new)
            document, tokens = self._measured(page, units[first:end])
            while tokens > self._limit:
                length = units[first].end - units[first].start
                if first < new:
                    first = new
                elif end - first > 1:
                    end = _fewer(units, first, end, self._limit / tokens)
                elif length > 1:
                    longest = min(length - 1, length * self._limit // tokens)
                    units[first:end] = split_unit(page.text, units[first], longest)
                else:
                    break  # one character and its capped context: nothing is left to cut
                document, tokens = self._measured(page, units[first:end])
            documents.append(document)
            new, first = end, self._overlap_start(units, first, end)
        return documents

    def _end(self, units: list[Unit], first: int, new: int) -> int:
        """Return the end of the chunk that starts at `first` and holds at least `new`."""
        start = units[first].start
        *_, context_tokens = self._context(_headings(units[new : new + 1]), _header(units[new : new + 1]))
        room = (self._limit - context_tokens) / self._tokens_per_weight
        used = sum(unit.weight for unit in units[first : new + 1])
        end = new + 1
        while end < len(units):
            unit = units[end]
            if unit.opens and units[end - 1].end - start >= self._tiny and units[end - 1].kind != "heading":
                return end
            if used + unit.weight > room:
                break
            # A heading or table header goes with the first sentence or row, however long that is.
            if unit.end - start > self._target and not all(_leads(each) for each in units[first:end]):
                break
            used += unit.weight
            end += 1
        end = self._with_tiny_rest(units, start, end, room - used)
        while new + 1 < end < len(units) and _leads(units[end - 1]):
            end -= 1  # a heading stays with what follows it
        return end

    def _with_tiny_rest(self, units: list[Unit], start: int, end: int, room: float) -> int:
        """Return the end of the section when little of it is left after `end`, else `end`."""
        for position in range(end, len(units)):
            unit = units[position]
            room -= unit.weight
            if unit.opens:
                return position
            tiny = unit.end - units[end].start < self._tiny
            if not tiny or unit.end - start > _STRETCH * self._target or room < 0:
                return end
        return len(units)

    def _overlap_start(self, units: list[Unit], first: int, end: int) -> int:
        """Return where the chunk after units[first:end] starts: whole sentences of its end are repeated."""
        start = end
        if end < len(units) and units[end].kind == "text" and not units[end].opens:
            last = units[end - 1].end
            while start - 1 > first and units[start - 1].kind == "text" and not units[start].opens:
                if last - units[start - 1].start > self._overlap:
                    break
                start -= 1
        return start

    def _measured(self, page: Page, units: list[Unit]) -> tuple[Document, int]:
        """Make the chunk of these units and count its tokens as it will be embedded."""
        from langchain_core.documents import Document

        start, end = units[0].start, units[-1].end
        headings, header, context_tokens = self._context(_headings(units), _header(units))
        metadata: dict[str, Any] = {
            records.PAGE: page.number,
            records.PAGE_KIND: page.kind,
            records.PAGE_LABEL: page.label,
            records.START: start,
            records.END: end,
            records.HEADINGS: headings,
            records.TABLE_HEADER: header,
        }
        rows = [unit.row for unit in units if unit.row is not None]
        if rows:
            metadata |= {records.ROW_START: min(rows), records.ROW_END: max(rows)}
        document = Document(page_content=page.text[start:end], metadata=metadata)
        tokens = self._count_tokens(indexed_text(document, self._title))
        seen = (tokens - context_tokens) / sum(unit.weight for unit in units)
        self._tokens_per_weight += 0.2 * (min(4.0, max(0.5, seen)) - self._tokens_per_weight)
        return document, tokens

    def _context(self, headings: str, header: str) -> tuple[str, str, int]:
        """Return headings and table header, shortened where they would fill the embedder, and tokens."""
        key = (headings, header)
        if key not in self._contexts:
            tokens = self._count_tokens("\n".join(_context(self._title, headings, header)))
            while tokens > _CONTEXT_SHARE * self._limit and (headings or header):
                headings, header = headings[len(headings) // 2 + 1 :], header[: len(header) // 2]
                tokens = self._count_tokens("\n".join(_context(self._title, headings, header)))
            self._contexts[key] = (headings, header, tokens)
        return self._contexts[key]


def _leads(unit: Unit) -> bool:
    return unit.kind in ("heading", "header")


def _headings(units: list[Unit]) -> str:
    """Return the path shared by the text of a chunk; scraps do not count, nor headings beside text."""
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
    """Return the header of the table the chunk continues, "" where the chunk has the header line itself."""
    table = next((unit.table for unit in units if unit.kind == "row"), None)
    if table is None or any(unit.kind == "header" and unit.table is table for unit in units):
        return ""
    return table.header


def _fewer(units: list[Unit], first: int, end: int, share: float) -> int:
    """Return the end of the first part of units[first:end] that weighs about `share` of it."""
    room = 0.98 * share * sum(unit.weight for unit in units[first:end])
    while end - first > 1 and sum(unit.weight for unit in units[first:end]) > room:
        end -= 1
    return end
