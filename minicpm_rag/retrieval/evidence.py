"""Is there evidence for an answer? A calibrated probability from what the best passages hold of the question.

Knows candidates and what their words match; not how they were found, nor what is done when evidence is missing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import LibraryError
from minicpm_rag.records import DOCUMENT_ID, END, HEADINGS, PAGE, START, Candidate, Features
from minicpm_rag.text.questions import language_of
from minicpm_rag.text.scripts import count_han

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.retrieval.matching import QuestionMatch

SETTING = "evidence calibration"  # the key under which a library keeps its own
RIVALS = 3  # passages on other subjects whose mean counts as chance
NEAR_CHARACTERS = 400  # between passages of one document that speak of one thing
NO_ANSWER = -6.4  # the reader's log odds under which a passage surely does not answer
CLEARLY = 6.5  # between the reader's log odds for two passages
SEEN_ABROAD = 0.65  # the reader's probability from which an answer in the other language counts as seen
SURE_ABROAD = 0.95  # the same where texts in the question's own language hold this share of its weight:
KNOWN_AT_HOME = 0.6
# The cosine from which a passage in the other language is taken to be on the question's subject: a twentieth of those
# that answer lie under it. English questions lie farther from Chinese passages than the other way round.
NEAR_IN_ENGLISH, NEAR_IN_CHINESE = 0.775, 0.738
FARTHER_ABROAD = 0.08  # in cosine, from which one in the other language is on another subject than the first
CLEARLY_ABROAD = 4.0  # the same between the best in the other language and all in the question's own
_SUREST = 8.0  # log odds of the reader; more says nothing more about the passage
_LEAST_SPAN = 1e-4
_LEAST_LEAD, _MOST_LEAD = -0.05, 0.12  # in cosine and closeness; beyond, rivals are few or not read


@dataclass(frozen=True)
class Calibration:
    """What was measured for one embedder; `eval --calibrate` measures it on a library's own documents.

    `abilities` holds, for each script, how well the embedder finds texts of it, 1 being as well as keyword
    search does. The other numbers are a logistic regression on `Features`, and the probability under which a
    question is refused: a library's own is such that 5 % of its answerable questions fall under it.
    """

    embedder: str
    revision: str
    abilities: Mapping[str, float]
    constant: float
    lead: float
    sentence: float
    length: float
    readable: float
    dense: float
    threshold: float
    # Those that earlier versions did not know:
    answers: float = 0.0
    span: float = 0.0
    foreign: float = 0.0
    foreign_dense_lead: float = 0.0
    foreign_closeness_lead: float = 0.0
    dense_lead: float = 0.0
    closeness_lead: float = 0.0
    chinese_threshold: float = 0.0  # where question and passage are Chinese; 0: the same

    def threshold_for(self, features: Features) -> float:
        """The probability under which a question is refused.

        It lies higher in Chinese, where fewer answerable questions are uncertain: both languages refuse alike.
        """
        return self.chinese_threshold if features.is_chinese and self.chinese_threshold else self.threshold

    def probability(self, features: Features) -> float:
        """Probability that a passage with these features bears on the question.

        Small talk shares no sentence and has no cosine, hence no probability. What is vetoed is refused, however
        many words are shared.
        """
        if features.sentence <= 0 and features.cosine <= 0:
            return 0.0
        log_odds = sum(getattr(self, name) * sign for name, sign in signs(features).items())
        probability = 1 / (1 + math.exp(-min(max(log_odds, -60.0), 60.0)))
        return min(probability, self.threshold / 2) if features.is_vetoed else probability

    def as_json(self) -> dict[str, Any]:
        """The calibration as a JSON value, to be stored beside an index."""
        return asdict(self)


def signs(features: Features) -> dict[str, float]:
    """What the weights of a calibration are multiplied with, by their names.

    How near a passage is in meaning counts where the embedder reads. How much nearer it is than others counts more
    where question and passage are in different languages, because words tell nothing there.
    """
    native = features.readable * (1 - features.is_foreign)
    return {
        "constant": 1.0,
        "lead": features.lead,
        "sentence": features.sentence,
        "length": features.length,
        "readable": features.readable,
        "dense": features.readable * features.cosine,
        "answers": features.answers,
        "span": features.span,
        "foreign": features.is_foreign,
        "foreign_dense_lead": features.is_foreign * features.dense_lead,
        "foreign_closeness_lead": features.is_foreign * features.closeness_lead,
        "dense_lead": native * min(max(features.dense_lead, _LEAST_LEAD), _MOST_LEAD),
        "closeness_lead": native * min(max(features.closeness_lead, _LEAST_LEAD), _MOST_LEAD),
    }


def calibration_from_json(stored: Mapping[str, Any]) -> Calibration:
    """Read what `as_json` wrote, in this version or an earlier one, which said "bar" for the threshold."""
    values = {"threshold" if name == "bar" else name: value for name, value in stored.items()}
    try:
        return Calibration(**values)
    except TypeError as exc:
        raise LibraryError("answering.calibration_unreadable") from exc


@lru_cache(maxsize=8)
def shipped_calibration(embedder: str, revision: str) -> Calibration:
    """The calibration that comes with the package for an embedder of its own, else one that trusts keywords only.

    An embedder nobody has measured gets no abilities: the caller may fill them in from its vocabulary.
    """
    folder = Path(__file__).parent / "calibrations"
    shipped = [
        calibration_from_json(json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.json"))
    ]
    for calibration in shipped:
        if calibration.revision == revision:
            return calibration
    keywords_only = next(calibration for calibration in shipped if not calibration.answers)
    return replace(keywords_only, embedder=embedder, revision=revision, abilities={}, readable=0.0, dense=0.0)


def answering_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The passage that alone answers goes first: where the reader sees an answer in it and none in the first.

    Passages much alike, such as those of a series, differ in little but what the question asks for. One in another
    language must be about as near to the question as the first: asked for a temperature, the reader sees one anywhere.
    """
    read = [one for one in candidates if one.reading is not None and not one.is_lacking]
    best = max(read, key=_read_odds, default=None)
    if best is None or _read_odds(best) <= 0 or _read_odds(best) - _read_odds(candidates[0]) < CLEARLY:
        return list(candidates)
    is_abroad = is_in_chinese(best.document.page_content) != is_in_chinese(candidates[0].document.page_content)
    if is_abroad and (candidates[0].dense_score or 0.0) - (best.dense_score or 0.0) > FARTHER_ABROAD:
        return list(candidates)
    return [best, *(one for one in candidates if one is not best)]


def answering_abroad(
    abroad: Sequence[Candidate], candidates: Sequence[Candidate], *, is_known_at_home: bool = False
) -> list[Candidate]:
    """Those in the other language, best first, where the reader sees an answer in one and none in all candidates.

    It must be sure of it where texts in the question's own language hold most of what is asked for: where they tell no
    price of the lake trip, the price of an avalanche day in the other language is none.
    """
    best_first = sorted(abroad, key=lambda one: (one.is_lacking, -_read_odds(one)))
    best = best_first[0] if best_first else None
    if best is None or best.reading is None or best.is_lacking:
        return []
    near = NEAR_IN_CHINESE if is_in_chinese(best.document.page_content) else NEAR_IN_ENGLISH
    if (best.dense_score or 0.0) < near:
        return []
    seen = max((_read_odds(one) for one in candidates if one.reading is not None), default=-_SUREST)
    is_clear = _read_odds(best) - seen >= CLEARLY_ABROAD
    least = SURE_ABROAD if is_known_at_home else SEEN_ABROAD
    return best_first if is_clear and best.reading.answers >= least else []


def features(candidates: Sequence[Candidate], match: QuestionMatch, readable: float) -> list[Features]:
    """What the evidence of each candidate is computed from; `candidates` come best first.

    What the best passages on other subjects hold of the question, they hold by chance: more in a large library,
    or in one of many like articles. A passage's lead over them lets one threshold do for all libraries.
    """
    if not candidates:
        return []
    best = candidates[0].document
    own = [one.document for one in candidates if _is_near(one.document, best)]
    rivals = [
        one
        for one in candidates
        # Another version of the same text holds the question's words for the same reason, not by chance.
        if not _is_near(one.document, best) and not any(match.are_alike(one.document, other) for other in own)
    ]
    strengths = {id(one): match.content_strength(one.document) for one in candidates}
    chance = _mean_of_best(strengths[id(one)] for one in rivals)
    is_chinese = language_of(match.question) == "zh"
    foreign = {id(one) for one in candidates if is_in_chinese(one.document.page_content) != is_chinese}
    # A text in the question's own language is nearer to it whatever it says: one in the other has rivals of its like.
    alike = [one for one in rivals if id(one) in foreign] or rivals
    by_chance = {True: _near_by_chance(alike), False: _near_by_chance(rivals)}
    read = [one for one in candidates if one.reading is not None]
    asks_for_a_place = any(match.stands_in(one.document) for one in candidates)  # of words that it quotes
    nothing_answers = bool(read) and not asks_for_a_place and max(map(_read_odds, read)) < NO_ANSWER
    # A passage that was not read counts as one that answers no better than those that were.
    unread = min(map(_read_odds, read), default=0.0)
    return [
        Features(
            lead=strengths[id(one)] - chance,
            sentence=match.best_content_sentence(one.document),
            length=match.length,
            readable=readable,
            cosine=cosine,
            dense_lead=cosine - cosine_by_chance if cosine and cosine_by_chance else 0.0,
            closeness_lead=one.closeness - closeness_by_chance if one.closeness and closeness_by_chance else 0.0,
            is_foreign=float(id(one) in foreign),
            is_chinese=float(is_chinese and id(one) not in foreign),
            answers=_read_odds(one) if one.reading is not None else unread,
            span=math.log(max(one.reading.span_score, _LEAST_SPAN)) if one.reading else 0.0,
            is_vetoed=float(nothing_answers or one.is_lacking),
        )
        for one in candidates
        for cosine_by_chance, closeness_by_chance in [by_chance[id(one) in foreign]]
        for cosine in [one.dense_score or 0.0 if match.asks_for_something else 0.0]
    ]


def _near_by_chance(rivals: Iterable[Candidate]) -> tuple[float, float]:
    """The cosine and the closeness that passages on other subjects have."""
    others = list(rivals)
    return (
        _mean_of_best(one.dense_score for one in others if one.dense_score is not None),
        _mean_of_best(one.closeness for one in others if one.closeness is not None),
    )


def _mean_of_best(values: Iterable[float]) -> float:
    best = sorted(values)[-RIVALS:]
    return sum(best) / max(1, len(best))


def _is_near(passage: Document, best: Document) -> bool:
    """Whether the passages stand near each other, or in documents of a series under the same heading."""
    first, second = passage.metadata, best.metadata
    if first[DOCUMENT_ID] != second[DOCUMENT_ID]:
        return bool(first.get(HEADINGS)) and first.get(HEADINGS) == second.get(HEADINGS)
    between = max(one.get(START, 0) for one in (first, second)) - min(one.get(END, 0) for one in (first, second))
    return bool(first.get(PAGE) == second.get(PAGE) and between <= NEAR_CHARACTERS)


def is_in_chinese(passage: str) -> bool:
    """Whether a passage counts as Chinese, of the two languages that the evidence tells apart."""
    return count_han(passage) > len(passage) / 10


def _read_odds(candidate: Candidate) -> float:
    return _log_odds(candidate.reading.answers) if candidate.reading is not None else -_SUREST


def _log_odds(probability: float) -> float:
    least = 1 / (1 + math.exp(_SUREST))
    probability = min(max(probability, least), 1 - least)
    return math.log(probability / (1 - probability))
