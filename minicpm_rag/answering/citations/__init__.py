"""Cite while an answer streams: the model's own marks go, proven sentences get `[n]`, quotes are exact.

Fed pieces of raw text, it returns what may be shown. Knows no model; page texts come from a given function.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from minicpm_rag.answering.citations.marks import HALF_MARK, MARK, UNFINISHED, numbers_in
from minicpm_rag.answering.citations.proof import Proof, Similarity, Support
from minicpm_rag.errors import NotFoundError
from minicpm_rag.records import DOCUMENT_ID, PAGE, START, Citation
from minicpm_rag.text.sentences import sentence_spans
from minicpm_rag.text.statements import Statement

if TYPE_CHECKING:
    from langchain_core.documents import Document

PageText = Callable[[int, int], str]  # (document id, page number) -> the stored text of that page


class CitedAnswer:
    """An answer on its way from the model to the reader.

    `add` and `finish` return text to show, in order; joined it is `text`. Citations and unsupported spans
    are offsets into `text`.
    """

    def __init__(
        self,
        question: str,
        documents: Sequence[Document],
        *,
        page_text: PageText | None = None,
        similarity: Similarity | None = None,
    ) -> None:
        self.text = ""
        self.citations: list[Citation] = []
        self.unsupported: list[tuple[int, int]] = []
        self._documents = documents
        self._proof = Proof(question, documents, similarity)
        self._page_text = page_text
        self._arriving = ""  # may hold an unfinished mark
        self._open = ""  # sentences not yet judged, marks removed
        self._shown = 0  # characters of `_open` that are in `text`
        self._marks: list[tuple[int, frozenset[int]]] = []  # the model's, with their places in `_open`

    def add(self, piece: str) -> str:
        """Take the next piece of the model's text; return what can be shown now."""
        before = len(self.text)
        self._arriving += piece
        held = UNFINISHED.search(self._arriving)
        end = held.start() if held else len(self._arriving)
        self._take(self._arriving[:end])
        self._arriving = self._arriving[end:]
        self._judge_finished_sentences()
        self._show(len(self._open.rstrip()))  # a mark goes in front of the white space
        return self.text[before:]

    def finish(self, *, is_cut: bool = False) -> str:
        """Judge what is left, as after the last piece; return what is still to be shown.

        Half a sentence, where the answer `is_cut`, is neither proven nor called unsupported.
        """
        before = len(self.text)
        self._take(HALF_MARK.sub("", self._arriving))
        self._arriving = ""
        self._open = self._open.rstrip()
        for start, end in sentence_spans(self._open):
            if is_cut and end == len(self._open) and self._open[end - 1].isalnum():
                break
            self._judge(start, end, len(self._open))
        self._show(len(self._open))
        self._open, self._shown, self._marks = "", 0, []
        return self.text[before:]

    def _take(self, arrived: str) -> None:
        position = 0
        for mark in MARK.finditer(arrived):
            self._open += arrived[position : mark.start()]
            self._marks.append((len(self._open), numbers_in(mark.group("numbers"))))
            position = mark.end()
        self._open += arrived[position:]
        if not self.text:
            self._open = self._open.lstrip()

    def _judge_finished_sentences(self) -> None:
        """Judge all sentences but the last, which may go on."""
        spans = sentence_spans(self._open)
        for (start, end), (next_start, _) in pairwise(spans):
            self._judge(start, end, next_start)
        if len(spans) > 1:
            cut = spans[-1][0]
            self._show(cut)
            self._open, self._shown = self._open[cut:], self._shown - cut
            self._marks = [(place - cut, numbers) for place, numbers in self._marks if place > cut]

    def _judge(self, start: int, end: int, next_start: int) -> None:
        """Show a sentence to its end and, where it is proven, its marks."""
        self._show(end)
        sentence = self._open[start:end]
        shown_start = len(self.text) - len(sentence)
        found = self._proof.of(sentence, self._marked(start, end, next_start))
        if found is None:
            return
        citations = [citation for support in found if (citation := self._cite(support, shown_start, len(self.text)))]
        self.citations += citations
        if citations:
            self.text += "".join(f"[{number}]" for number in sorted({citation.number for citation in citations}))
        else:
            self.unsupported.append((shown_start, len(self.text)))

    def _show(self, end: int) -> None:
        if end > self._shown:
            self.text += self._open[self._shown : end]
            self._shown = end

    def _marked(self, start: int, end: int, next_start: int) -> frozenset[int]:
        """The valid numbers the model wrote in a sentence or right behind it, on the same line."""
        line_end = self._open.find("\n", end, next_start)
        last = next_start if line_end < 0 else line_end
        return frozenset(
            number
            for place, numbers in self._marks
            if start < place <= last
            for number in numbers
            if 1 <= number <= len(self._documents)
        )

    def _cite(self, support: Support, sentence_start: int, sentence_end: int) -> Citation | None:
        document = self._documents[support.number - 1]
        place = find_quote(document, support.start, support.end, self._page_text)
        if place is None:
            return None
        return Citation(support.number, sentence_start, sentence_end, *place, support.share, document)


def find_quote(document: Document, start: int, end: int, page_text: PageText | None) -> tuple[str, int, int] | None:
    """Find `page_content[start:end]` of a passage in its stored page: the quote and its offsets there.

    None where the page does not hold it. Without `page_text`, the passage itself is the page.
    """
    quote = document.page_content[start:end]
    page = document.page_content
    if page_text is not None:
        try:
            page = page_text(document.metadata[DOCUMENT_ID], document.metadata[PAGE])
        except NotFoundError:  # removed from the library since it was found
            return None
        start += int(document.metadata.get(START, 0))
    if page[start : start + len(quote)] == quote:
        return quote, start, start + len(quote)
    # Joined passages, or another splitter: the white space may differ, or where the passage starts.
    found = re.compile(r"\s*".join(re.escape(part) for part in quote.split())).search(page)
    return (found.group(), found.start(), found.end()) if found else None


def cite(
    text: str,
    question: str,
    documents: Sequence[Document],
    *,
    page_text: PageText | None = None,
    similarity: Similarity | None = None,
    is_cut: bool = False,
) -> CitedAnswer:
    """Cite a whole answer, or one that `is_cut`; marks that stand in it already are judged again."""
    answer = CitedAnswer(question, documents, page_text=page_text, similarity=similarity)
    answer.add(text)
    answer.finish(is_cut=is_cut)
    return answer


def quote_statements(
    chosen: Sequence[tuple[int, Statement]], documents: Sequence[Document], page_text: PageText | None
) -> tuple[str, list[Citation]]:
    """Write an answer of nothing but quotes: each (passage number, statement) on a line, with its mark.

    One that its page does not hold is left out.
    """
    lines: list[str] = []
    citations: list[Citation] = []
    position = 0
    for number, statement in chosen:
        document = documents[number - 1]
        place = find_quote(document, statement.start, statement.end, page_text)
        if place is None:
            continue
        text = statement.readable
        citations.append(Citation(number, position, position + len(text), *place, 1.0, document))
        lines.append(f"{text}[{number}]")
        position += len(lines[-1]) + 1
    return "\n".join(lines), citations
