"""Measure an embedder: what it can read, and which evidence separates answered questions from others.

Knows numbers, sentences and an embedder; not where texts come from nor where the result is kept.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import LibraryError
from minicpm_rag.library.ledger import keywords
from minicpm_rag.records import Features
from minicpm_rag.retrieval.evidence import Calibration, calibration_from_json, signs
from minicpm_rag.text.scripts import letters_by_script
from minicpm_rag.text.sentences import sentence_spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROBES = 64  # texts of one script that are searched for
FEWEST_PROBES = 48  # among fewer texts any embedder finds nearly all
FALSE_REFUSALS = 0.05  # share of answerable questions under the threshold
_PRIOR_WEIGHT = 1.0  # the precision of the Gaussian prior of each weight
_FEWEST_QUESTIONS = 30


def measure_abilities(embedder: Any, texts: Iterable[str], *, seed: int = 0) -> dict[str, float]:
    """For each script among the texts: how well the embedder finds a text by one of its own sentences.

    The sentence is taken out of the text first. 1 is as well as keyword search does or better, 0 is chance.
    """
    groups: dict[str, list[tuple[str, str]]] = {}
    for text in dict.fromkeys(texts):
        letters = letters_by_script(text)
        probe = _probe(text)
        if probe is not None and letters:
            groups.setdefault(letters.most_common(1)[0][0], []).append(probe)
    abilities: dict[str, float] = {}
    for script, probes in sorted(groups.items()):
        if len(probes) >= FEWEST_PROBES:
            chosen = random.Random(seed).sample(probes, min(PROBES, len(probes)))
            abilities[script] = round(_ability(embedder, chosen), 3)
    return abilities


def fit(prior: Calibration, answerable: Sequence[Features], unanswerable: Sequence[Features]) -> Calibration:
    """Fit the evidence to observed features, pulled towards the prior where they are few, and set the threshold.

    Raises LibraryError where there are too few questions of either kind.
    """
    import numpy

    if min(len(answerable), len(unanswerable)) < _FEWEST_QUESTIONS:
        raise LibraryError(
            "evaluation.too_few_questions",
            answerable=len(answerable),
            unanswerable=len(unanswerable),
            fewest=_FEWEST_QUESTIONS,
        )
    design = numpy.asarray([list(signs(observed).values()) for observed in (*answerable, *unanswerable)])
    labels = numpy.asarray([1.0] * len(answerable) + [0.0] * len(unanswerable))
    # Both kinds of question weigh the same in all, so that 0.5 means that nothing is known.
    balance = numpy.where(labels == 1, 0.5 / len(answerable), 0.5 / len(unanswerable)) * len(labels)
    names = list(signs(Features()))
    start = numpy.asarray([getattr(prior, name) for name in names])
    weights = [round(float(weight), 3) for weight in _logistic(design, labels, balance, start)]
    fitted = calibration_from_json({**prior.as_json(), **dict(zip(names, weights, strict=True))})
    probabilities = sorted(fitted.probability(observed) for observed in answerable)
    threshold = probabilities[int(FALSE_REFUSALS * len(probabilities))]
    return replace(fitted, threshold=math.floor(threshold * 1000) / 1000, chinese_threshold=0.0)


def _logistic(design: NDArray[Any], labels: NDArray[Any], balance: NDArray[Any], start: NDArray[Any]) -> NDArray[Any]:
    """Newton's method for the logistic regression with a Gaussian prior around `start`.

    A step that makes the fit worse is halved: where few questions are uncertain, a whole one leads far away.
    """
    import numpy

    def loss(weights: NDArray[Any]) -> float:
        odds = design @ weights
        misses = balance @ (numpy.logaddexp(0, odds) - labels * odds)
        return float(misses + _PRIOR_WEIGHT * ((weights - start) ** 2).sum() / 2)

    weights, lost = start.copy(), loss(start)
    for _ in range(50):
        predicted = 1 / (1 + numpy.exp(-numpy.clip(design @ weights, -60, 60)))
        gradient = design.T @ (balance * (predicted - labels)) + _PRIOR_WEIGHT * (weights - start)
        curvature = (design.T * (balance * predicted * (1 - predicted))) @ design
        step = numpy.linalg.solve(curvature + _PRIOR_WEIGHT * numpy.eye(len(weights)), gradient)
        while (now := loss(weights - step)) > lost and float(numpy.abs(step).max()) >= 1e-6:
            step /= 2
        if float(numpy.abs(step).max()) < 1e-6:
            break
        weights, lost = weights - step, now
    return weights


def _probe(text: str) -> tuple[str, str] | None:
    """The longest sentence of the text, and the text without it; None where one of them is too short."""
    spans = sentence_spans(text)
    if len(spans) < 2:
        return None
    start, end = max(spans, key=lambda span: span[1] - span[0])
    rest = f"{text[:start]} {text[end:]}".strip()
    return (text[start:end], rest) if end - start >= 10 and len(rest) >= 40 else None


def _ability(embedder: Any, probes: Sequence[tuple[str, str]]) -> float:
    import numpy

    sentences, rests = [sentence for sentence, _ in probes], [rest for _, rest in probes]
    asked = numpy.asarray([embedder.embed_query(sentence) for sentence in sentences])
    cosines = asked @ numpy.asarray(embedder.embed_documents(rests)).T
    # Ties count against the embedder: to one that sees nothing, all texts are equally near.
    dense = _mean_reciprocal((cosines >= cosines.diagonal()[:, None]).sum(axis=1))
    keyword = _mean_reciprocal(_keyword_ranks(sentences, rests))
    chance = _mean_reciprocal(range(1, len(probes) + 1))
    return float(min(1.0, max(0.0, dense - chance) / max(keyword - chance, 1e-9)))


def _keyword_ranks(sentences: Sequence[str], rests: Sequence[str]) -> list[int]:
    with keywords.in_memory(rests) as connection:
        ranks = []
        for number, sentence in enumerate(sentences):
            found = [row for row, _ in keywords.search(connection, "texts", sentence, len(rests))]
            ranks.append(found.index(number) + 1 if number in found else len(rests))
        return ranks


def _mean_reciprocal(ranks: Iterable[int]) -> float:
    inverse = [1 / int(rank) for rank in ranks]
    return sum(inverse) / len(inverse)
