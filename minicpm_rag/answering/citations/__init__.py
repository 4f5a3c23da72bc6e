"""Cite an answer while it streams: remove the model's own marks, add `[n]` to proven sentences, quote exactly.

Takes the model's text in pieces and returns what may be shown. Only whole sentences are proven; the one that is still
being written is shown without a mark. Knows no model; page texts come from a given function.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from minicpm_rag.answering.citations.proof import Proof, Support
from minicpm_rag.errors import NotFoundError
from minicpm_rag.records import DOCUMENT_ID, HEADINGS, PAGE, START, TITLE, Citation, PageText, Similarity
from minicpm_rag.text.scripts import has_wide
from minicpm_rag.text.sections import at_section
from minicpm_rag.text.sentences import sentence_spans
from minicpm_rag.text.statements import Statement

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.embedding.reader import Reader

_OPEN, _CLOSE = r"[\[【〔［]", r"[\]】〕］]"
_WORD = r"资料|文档|文献|来源|参考|引用|段落|编号|第|passages?|sources?|doc(?:ument)?s?|refs?|no\.?|n|id"
# The marks that models write: [1], [1][2], [1, 2], 【1】, 〔1〕, ［１］, [1-3], [资料1], [[1]], [^1], and the
# [编号] of our own instruction.
_MARK = re.compile(
    rf"[ \t\u3000]{{0,20}}{_OPEN}{{1,2}}\s{{0,3}}\^?(?:{_WORD})?\s{{0,3}}[:：]?\s{{0,3}}"
    rf"(?P<numbers>\d{{0,4}}(?:\s{{0,3}}[,，、;；\-–—~]\s{{0,3}}\d{{1,4}})*)\s{{0,3}}(?:页|条)?{_CLOSE}{{1,2}}",
    re.IGNORECASE,
)
# What may still become a mark when more text comes; spaces in front of a mark go with it.
_UNFINISHED_MARK = re.compile(
    rf"(?<!\s)\s*(?:{_OPEN}{{1,2}}[\s\d,，、;；:：\-–—~^.a-z资料文档献来源参考引用段落编号第页条]{{0,24}}{_CLOSE}?)?$",
    re.IGNORECASE,
)
# The same where no more text comes: it must look like a mark that was broken off.
_HALF_MARK = re.compile(rf"(?<!\s)\s*{_OPEN}{{1,2}}\s{{0,3}}\^?(?:{_WORD})?[\s\d,，、;；:：\-–—~]*$", re.IGNORECASE)
_RANGE = re.compile(r"(\d+)\s*[-–—~]\s*(\d+)|\d+")
_LONGEST_RANGE = 20


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
        reader: Reader | None = None,
    ) -> None:
        self.citations: list[Citation] = []
        self.unsupported: list[tuple[int, int]] = []
        self._documents = documents
        self._proof = Proof(question, documents, similarity, reader)
        self._page_text = page_text
        self._arriving = ""  # the end of the raw text, which may be an unfinished mark
        self._clean = ""  # all before it, without the model's marks
        self._marks: list[tuple[int, frozenset[int]]] = []  # those marks, with their places in `_clean`
        self._position = 0  # up to where `_clean` is judged
        self._judged = ""  # that part as it is shown, with our marks

    @property
    def text(self) -> str:
        """The answer as shown so far. White space at its end is held back: a mark goes in front of it."""
        return self._judged + self._clean[self._position :].rstrip()

    def add(self, piece: str) -> str:
        """Take the next piece of the model's text; return what can be shown now."""
        before = len(self.text)
        self._arriving += piece
        held = _UNFINISHED_MARK.search(self._arriving)
        end = held.start() if held else len(self._arriving)
        self._take(self._arriving[:end])
        self._arriving = self._arriving[end:]
        spans = self._open_sentences()
        self._judge(spans[:-1], next_start=spans[-1][0] if spans else self._position)
        return self.text[before:]

    def finish(self, *, is_cut: bool = False) -> str:
        """Judge what is left, as after the last piece; return what is still to be shown.

        Half a sentence, where the answer `is_cut`, is neither proven nor called unsupported.
        """
        before = len(self.text)
        self._take(_HALF_MARK.sub("", self._arriving))
        self._arriving = ""
        self._clean = self._clean.rstrip()
        spans = self._open_sentences()
        if is_cut and spans and self._clean[-1].isalnum():
            half = spans.pop()[0]
            self._judge(spans, next_start=half)
        else:
            self._judge(spans, next_start=len(self._clean))
        return self.text[before:]

    def _take(self, arrived: str) -> None:
        position = 0
        for mark in _MARK.finditer(arrived):
            self._clean += arrived[position : mark.start()]
            self._marks.append((len(self._clean), _numbers_in(mark.group("numbers"))))
            position = mark.end()
        self._clean += arrived[position:]
        if not self.text:
            self._clean = self._clean.lstrip()

    def _open_sentences(self) -> list[tuple[int, int]]:
        """The sentences that are not judged yet, as spans of `_clean`; the last one may go on."""
        position = self._position
        return [(position + start, position + end) for start, end in sentence_spans(self._clean[position:])]

    def _judge(self, spans: Sequence[tuple[int, int]], next_start: int) -> None:
        """Judge whole sentences; `next_start` is where the first one begins that is left open."""
        starts = [start for start, _ in spans[1:]] + [next_start]
        for (start, end), following in zip(spans, starts, strict=False):
            self._judged += self._clean[self._position : end]
            shown = (len(self._judged) - (end - start), len(self._judged))
            found = self._proof.of(self._clean[start:end], self._marked(start, end, following))
            citations = [citation for support in found or () if (citation := self._cite(support, *shown))]
            self.citations += citations
            self._judged += "".join(f"[{number}]" for number in sorted({citation.number for citation in citations}))
            if found is not None and not citations:
                self.unsupported.append(shown)
            self._judged += self._clean[end:following]
            self._position = following

    def _marked(self, start: int, end: int, next_start: int) -> frozenset[int]:
        """The valid numbers the model wrote in a sentence or right behind it, on the same line."""
        line_end = self._clean.find("\n", end, next_start)
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
        labelled = at_section(document, support.start)
        return Citation(support.number, sentence_start, sentence_end, *place, support.share, labelled)


def quote_statements(
    chosen: Sequence[tuple[int, Statement]],
    documents: Sequence[Document],
    page_text: PageText | None,
    *,
    with_names: bool = False,
) -> tuple[str, list[Citation]]:
    """Write an answer of nothing but quotes: each (passage number, statement) on a line, with its mark.

    Where they come from several documents, or `with_names`, each is named before its words. One that its page does not
    hold is left out.
    """
    lines: list[str] = []
    citations: list[Citation] = []
    position = 0
    name = ""
    several = with_names or len({documents[number - 1].metadata.get(DOCUMENT_ID, -number) for number, _ in chosen}) > 1
    for number, statement in chosen:
        document = documents[number - 1]
        place = find_quote(document, statement.start, statement.end, page_text)
        if place is None:
            continue
        text = statement.readable
        document = at_section(document, statement.start)
        before, name = name, _name(document) if several else ""
        origin = f"{name}{'：' if has_wide(text) else ': '}" if name != before else ""
        start = position + len(origin)
        citations.append(Citation(number, start, start + len(text), *place, 1.0, document))
        lines.append(f"{origin}{text}[{number}]")
        position += len(lines[-1]) + 1
    return "\n".join(lines), citations


def _name(document: Document) -> str:
    """What tells a quote's document and section from others."""
    section = str(document.metadata.get(HEADINGS) or "").rpartition(" > ")[2]
    return " › ".join(filter(None, (str(document.metadata.get(TITLE) or ""), section)))


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


def _numbers_in(text: str) -> frozenset[int]:
    """The passage numbers in a mark: "1-3, 5" holds four."""
    found: set[int] = set()
    for match in _RANGE.finditer(text):
        if match.group(1):
            first, last = int(match.group(1)), int(match.group(2))
            found.update(range(first, min(last, first + _LONGEST_RANGE) + 1))
        else:
            found.add(int(match.group()))
    return frozenset(found)
