"""What the reader makes of a claim: whether a passage says it, and whether it is what was asked for.

A bare answer ("45 days.") needs its question, and is weighed against what the reader itself would answer. A statement
stands by itself, and is asked about with and without the question. Knows no words and no numbers: `proof` asks those.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from minicpm_rag.text.measures import as_written
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.questions import asks_for
from minicpm_rag.text.simplified import to_simplified

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.embedding.reader import Reader, Study

# A logistic regression on bare right and wrong answers to public questions of articles that the reader has not seen
# (training/evaluate_proof.py): log odds that it is the answer.
_CONSTANT, _SAYS, _BESIDE_OTHERS, _PLACE, _OTHER_KIND = 2.3, 0.26, 0.81, 0.26, -1.1
_LEAST_SAID = -5.0  # log odds under which the passage does not say it, however well it answers beside the others
_LEAST_PLACE = -12.0  # log odds of a place that the reader would never name
_UNKNOWN_PLACE = -4.0  # where the answer is worded otherwise than the passage
_SURE = 1e-6
_EDGES = " \t\n。.！!，,；;：:\"'“”‘’「」『』（）()"
_LEAD = re.compile(r"(?:it|they|he|she|this|that|these|those)\s+(?:is|are|was|were)\s+|[是为]", re.IGNORECASE)
_DIGITS_AND_UNITS = re.compile(r"[\d\s年月日号时分秒:.,/-]+")


class ReaderProof:
    """The reader beside one question and its passages; numbers of passages count from 1."""

    def __init__(self, reader: Reader, question: str, passages: Sequence[Document]) -> None:
        self._reader = reader
        self._question = question
        self._passages = passages
        self._asked_for = asks_for(question)

    def answer_odds(self, claim: str, wanted: Collection[int]) -> dict[int, float]:
        """For each of the passages wanted, the log odds that it gives the claim as the answer to the question.

        Minus infinity where it surely does not say it: of passages that all answer nothing, one still does best.
        """
        said = self._said(claim, wanted, self._question)
        best = max((_log_odds(study.reading.answers) for study in self._studies), default=0.0)
        other_kind = _OTHER_KIND if self._is_of_another_kind(claim) else 0.0
        return {
            number: -math.inf
            if _log_odds(probability) < _LEAST_SAID
            else _CONSTANT
            + _SAYS * _log_odds(probability)
            + _BESIDE_OTHERS * (_log_odds(self._studies[number - 1].reading.answers) - best)
            + _PLACE * self._place(claim, number)
            + other_kind
            for number, probability in said.items()
        }

    def statement(self, claim: str, wanted: Collection[int]) -> dict[int, float]:
        """For each of the passages wanted, the probability that it says the claim."""
        asked, alone = (self._said(claim, wanted, question) for question in (self._question, ""))
        return {number: (asked[number] + alone[number]) / 2 for number in asked}

    @cached_property
    def _studies(self) -> list[Study]:
        return self._reader.study(self._question, self._passages)

    def _said(self, claim: str, wanted: Collection[int], question: str) -> Mapping[int, float]:
        said: dict[int, float] = {}
        written: dict[str, list[int]] = {}
        for number in sorted(wanted):
            written.setdefault(as_written(claim, self._passages[number - 1].page_content), []).append(number)
        for form, numbers_ in written.items():
            passages = [self._passages[number - 1] for number in numbers_]
            said |= zip(numbers_, self._reader.says(form, passages, question=question), strict=True)
        return said

    def _place(self, claim: str, number: int) -> float:
        """The log odds of the place where the passage has the answer's words, beside the reader's own answer."""
        text, study = self._passages[number - 1].page_content, self._studies[number - 1]
        core = as_written(claim, text).strip(_EDGES)
        core = _LEAD.sub("", core, count=1) if _LEAD.match(claim) else core
        words = r"\s*".join(map(re.escape, re.sub(r"\s", "", to_simplified(core))))
        places = list(re.finditer(words, to_simplified(text), re.IGNORECASE)) if words else []
        if places:
            return max(_LEAST_PLACE, max(study.log_odds(place.start(), place.end()) for place in places))
        answer = numbers(text[study.reading.start : study.reading.end])
        return 0.0 if answer and answer == numbers(claim) else _UNKNOWN_PLACE

    def _is_of_another_kind(self, claim: str) -> bool:
        """Whether a time or number was asked for and there is none, or a person and there is nothing else."""
        if {"time", "number"} & self._asked_for:
            return not numbers(claim)
        return "person" in self._asked_for and bool(_DIGITS_AND_UNITS.fullmatch(claim.strip(_EDGES)))


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, _SURE), 1 - _SURE)
    return math.log(bounded / (1 - bounded))
