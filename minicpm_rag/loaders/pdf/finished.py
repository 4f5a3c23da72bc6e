"""Makes finished pages of what a PDF says of each: laid out, without running heads, with sentences whole.

A page is compared with those near it, so pages come out a few pages after they were put in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy

from minicpm_rag.loaders.pdf import over_pages
from minicpm_rag.loaders.pdf.glyphs import SLANTED, turned
from minicpm_rag.loaders.pdf.layout import PageText, fragments_by_turns, lay_out_fragments
from minicpm_rag.loaders.pdf.lines import Fragment
from minicpm_rag.loaders.pdf.margins import NEAR_PAGES, EdgeLine, edge_lines, running
from minicpm_rag.loaders.pdf.pages import RawPage


@dataclass(frozen=True)
class FinishedPage:
    """A page's text: its own, from `body_start` to `own_end`, the rest of a sentence to `body_end`, running lines.

    What stands before `body_start` ends a sentence that the page before holds whole.
    """

    raw: RawPage
    label: str  # as printed on the page, where the file does not say
    text: PageText
    body_start: int
    own_end: int
    body_end: int
    next_label: str  # of the page that the rest of a sentence stands on


@dataclass
class _Page:
    raw: RawPage
    fragments: dict[int, list[Fragment]]
    edges: list[EdgeLine]
    label: str


def finished(raws: Iterable[RawPage]) -> Iterator[FinishedPage]:
    """The finished pages, in order."""
    laid_out = _laid_out(raws)
    current = next(laid_out, None)
    taken = 0  # of the current page's characters, by the page before
    while current is not None:
        following = next(laid_out, None)
        page, text, apart = current
        rest = 0
        if following is not None and following[0].raw.number == page.raw.number + 1:
            rest = over_pages.rest_of_sentence(text, following[1])
        own_end = len(text.text)
        if rest and following is not None:
            text, own_end = over_pages.joined(text, following[1], rest)
        for note in page.raw.notes:
            text = _with_paragraph(text, note)
        body_end = len(text.text)
        if apart:
            text = _with_paragraph(text, apart)
        yield FinishedPage(
            page.raw, page.label, text, taken, own_end, body_end, following[0].label if rest and following else ""
        )
        current, taken = following, rest


def _laid_out(raws: Iterable[RawPage]) -> Iterator[tuple[_Page, PageText, str]]:
    """Each page with the text that it has without its running lines, and these."""
    window: list[_Page] = []
    done = 0  # pages of the window that are laid out
    for raw in raws:
        window.append(_page(raw))
        if len(window) - done > NEAR_PAGES:
            yield _without_running_lines(window, done)
            done += 1
        if done > NEAR_PAGES:
            del window[0]
            done -= 1
    for position in range(done, len(window)):
        yield _without_running_lines(window, position)


def _page(raw: RawPage) -> _Page:
    fragments = fragments_by_turns(raw.glyphs)
    turns = next(iter(fragments), 0)
    _, bottom, _, top = turned(numpy.array([raw.box], numpy.float32), turns)[0].tolist()
    return _Page(raw, fragments, edge_lines(fragments.get(turns, []), bottom, top), raw.label)


def _without_running_lines(window: list[_Page], position: int) -> tuple[_Page, PageText, str]:
    page = window[position]
    around = window[max(0, position - NEAR_PAGES) : position + NEAR_PAGES + 1]
    near = {other.raw.number: other.edges for other in around if other is not page}
    lines, page.label = running(page.edges, near, page.raw.number, page.raw.label)
    gone = {id(fragment) for line in lines for fragment in line.fragments}
    kept = {turns: [f for f in own if id(f) not in gone] for turns, own in page.fragments.items()}
    apart = [line.text for line in lines] + _watermark(page.raw)
    if not any(kept.values()):  # nothing else stands on the page
        return page, lay_out_fragments(page.fragments, page.raw.rules), ""
    return page, lay_out_fragments(kept, page.raw.rules), "\n".join(apart)


def _watermark(raw: RawPage) -> list[str]:
    """The words that are written large and slanting across a page."""
    numbers = numpy.flatnonzero(raw.glyphs.turns == SLANTED)
    words = " ".join("".join(raw.glyphs.texts[number] for number in numbers.tolist()).split())
    return [words] if words else []


def _with_paragraph(page: PageText, text: str) -> PageText:
    gap = "\n\n" if page.text else ""
    origins = page.origins + [-1] * len(gap + text)
    return PageText(page.text + gap + text, origins, page.headings, page.tables, page.begins_open, page.ends_open)
