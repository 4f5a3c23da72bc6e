"""Whether a statement speaks of a rival: the DH-30 where the DH-50 is asked for, Barista Mini for Barista One.

Names of one series differ in their last part. A statement that begins with a pronoun speaks of what the one before
it names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from minicpm_rag.retrieval.matching import with_above
from minicpm_rag.text.comparisons import sides
from minicpm_rag.text.numerals import MONTHS
from minicpm_rag.text.sentences import sentence_spans
from minicpm_rag.text.terms import fold

if TYPE_CHECKING:
    from langchain_core.documents import Document

_CODE = re.compile(r"\b(?P<series>[A-Z][A-Za-z]*)[ -]?(?P<own>\d+[A-Za-z]?)\b")
# What is counted, not called, with a number.
_COUNTED_TEXT = """
    article section chapter clause paragraph annex appendix page part table figure step stage phase room floor building
    gate platform week day year line level grade class question item point no nr number version
"""
_COUNTED = frozenset((*_COUNTED_TEXT.split(), *MONTHS))
# Words that tell the models of a series apart; other names of two words are of no series (Scottish Parliament).
_MODEL = re.compile(
    r"\b(?P<series>[A-Z][A-Za-z]+) (?P<own>One|Two|Three|II|III|IV|X[LS]|[A-Z]|Mini|Maxi?|Pro|Plus|Lite|Light|Ultra|Air"
    r"|Basic|Standard|Classic|Comfort|Premium|Deluxe|Compact|Junior|Senior|Sport|Small|Large)\b"
)
_PRONOUN = re.compile(r"\W*(?:its?|he|she|this|they)\b|\s*(?:它|其|该|此)", re.IGNORECASE)


def speaks_of_rival(question: str, document: Document, start: int) -> bool:
    """Whether the statement of the passage at `start` names another of a series than the question, and not that one.

    The passage, or what stands above it, tells them apart: it names both.
    """
    passage = document.page_content
    asked = _members(question)
    if len(asked) != 1 or sides(question) is not None or not asked <= _members(with_above(document)):
        return False
    [(series, own)] = asked
    spans = list(sentence_spans(passage))
    place = next((number for number, (_, end) in enumerate(spans) if start < end), None)
    while place is not None and place >= 0:
        text = passage[slice(*spans[place])]
        told = {other for name, other in _members(text) if name == series}
        if told or _PRONOUN.match(text) is None:
            return bool(told) and own not in told
        place -= 1
    return False


def _members(text: str) -> frozenset[tuple[str, str]]:
    """The names of series in a text, folded: what they share, and what tells one from the others."""
    return frozenset(
        (series, fold(match["own"]))
        for pattern in (_CODE, _MODEL)
        for match in pattern.finditer(text)
        for series in [fold(match["series"])]
        if series not in _COUNTED
    )
