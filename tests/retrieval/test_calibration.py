from __future__ import annotations

import json
import random
import re
import zlib
from dataclasses import replace

import pytest
from conftest import SHARED
from embedders import minilm
from small_library import DOCUMENTS

from minicpm_rag.errors import LibraryError
from minicpm_rag.evaluation.calibration import FALSE_REFUSALS, fit, measure_abilities
from minicpm_rag.records import Features
from minicpm_rag.retrieval.evidence import Calibration, shipped_calibration

PRIOR = Calibration(
    "x", "1", {}, constant=-4.0, lead=10.0, sentence=0.0, length=0.0, readable=0.0, dense=0.0, threshold=0.5
)


def observed(seed: int, lead: float, cosine: float, count: int) -> list[Features]:
    chance = random.Random(seed)
    return [
        Features(chance.gauss(lead, 0.15), 0.5, 2.0, 1.0, max(0.0, chance.gauss(cosine, 0.1))) for _ in range(count)
    ]


def test_the_threshold_refuses_few_answerable_and_most_other_questions() -> None:
    answerable, unanswerable = observed(1, 0.8, 0.6, 400), observed(2, 0.3, 0.3, 400)
    fitted = fit(PRIOR, answerable, unanswerable)
    refused = [fitted.probability(features) < fitted.threshold for features in answerable]
    assert sum(refused) / len(refused) <= FALSE_REFUSALS
    refused = [fitted.probability(features) < fitted.threshold for features in unanswerable]
    assert sum(refused) / len(refused) > 0.95


def test_the_fitted_probability_is_a_frequency() -> None:
    answerable, unanswerable = observed(1, 0.6, 0.5, 1000), observed(2, 0.4, 0.4, 1000)
    fitted = fit(PRIOR, answerable, unanswerable)
    rated = [(fitted.probability(one), 1) for one in answerable] + [
        (fitted.probability(one), 0) for one in unanswerable
    ]
    between = [answered for probability, answered in rated if 0.4 < probability < 0.6]
    assert len(between) > 50
    assert 0.35 < sum(between) / len(between) < 0.65


def test_few_questions_stay_near_the_prior_and_too_few_are_refused() -> None:
    fitted = fit(PRIOR, observed(1, 0.8, 0.6, 30), observed(2, 0.3, 0.3, 30))
    assert 5 < fitted.lead < 15
    with pytest.raises(LibraryError, match="too few"):
        fit(PRIOR, observed(1, 0.8, 0.6, 29), observed(2, 0.3, 0.3, 400))


def test_questions_that_are_told_apart_at_once_do_not_lead_astray() -> None:
    """Undamped, the second step of Newton's method goes past every bound here."""
    answerable = [Features(lead=3.0 + one / 1000, sentence=1.0, length=3.0) for one in range(300)]
    unanswerable = [Features(lead=-3.0 - one / 1000, length=0.5) for one in range(300)]
    fitted = fit(replace(PRIOR, constant=-40.0, lead=0.001), answerable, unanswerable)
    assert all(fitted.probability(one) >= fitted.threshold for one in answerable[20:])
    assert all(fitted.probability(one) < fitted.threshold for one in unanswerable)


class LatinOnly:
    """Hashes Latin words into a vector and sees nothing else."""

    def embed_query(self, text: str) -> list[float]:
        numbers = [0.001] * 64
        for word in re.findall(r"[a-z]+", text.lower()):
            numbers[zlib.crc32(word.encode()) % 64] += 1
        length = sum(number**2 for number in numbers) ** 0.5
        return [number / length for number in numbers]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]


def two_sentences(words: list[str], chance: random.Random, sentence: str) -> str:
    subject, *rest = chance.sample(words, 8)
    return sentence.format(subject, *rest[:3]) + sentence.format(subject, *rest[3:6]) * 2


def test_abilities_are_measured_for_each_script() -> None:
    chance = random.Random(0)
    english = [f"{a}{b}{c}" for a in "bdfglm" for b in ("ora", "ine", "ust") for c in ("k", "n", "tor", "mel")]
    chinese = [chr(0x4E00 + number) + chr(0x5E00 + number) for number in range(72)]
    texts = [two_sentences(english, chance, "The {} bought {} and {} from the {}. ") for _ in range(60)]
    texts += [two_sentences(chinese, chance, "这位{}从那里买了许多{}和{}以及{}。") for _ in range(60)]
    abilities = measure_abilities(LatinOnly(), [*texts, "Только один русский текст. Он короткий."])
    assert set(abilities) == {"LATIN", "CJK"}
    assert abilities["LATIN"] > 0.6
    assert abilities["CJK"] < 0.1


def test_too_few_texts_measure_nothing() -> None:
    assert measure_abilities(minilm(), list(DOCUMENTS.values())) == {}
    assert measure_abilities(minilm(), [DOCUMENTS["bread.txt"]] * 100) == {}


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "eval").is_dir(), reason="the public question sets are not here")
def test_the_shipped_abilities_are_what_is_measured_on_public_sets() -> None:
    embedder = minilm()
    shipped = shipped_calibration(embedder.name, embedder.revision).abilities
    texts = []
    for name in ("cmrc_zh", "drcd_zh", "xquad_en", "squad2_en"):
        lines = (SHARED / "eval" / name / "passages.jsonl").read_text(encoding="utf-8").splitlines()
        texts += [json.loads(line)["text"][:350] for line in lines[::5]]
    measured = measure_abilities(embedder, texts)
    for script in ("LATIN", "CJK"):
        assert measured[script] == pytest.approx(shipped[script], abs=0.15)
