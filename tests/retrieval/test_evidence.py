from __future__ import annotations

import json

import pytest
from embedders import minilm
from langchain_core.documents import Document

from minicpm_rag.embedding import e5
from minicpm_rag.errors import LibraryError
from minicpm_rag.records import Candidate, Features, Reading
from minicpm_rag.retrieval.evidence import answering_abroad, answering_first, calibration_from_json, shipped_calibration


def features(lead: float, readable: float, cosine: float) -> Features:
    return Features(lead, sentence=lead, length=2.0, readable=readable, cosine=cosine)


def packaged() -> tuple[str, str]:
    embedder = minilm()
    return embedder.name, embedder.revision


def test_the_shipped_calibration_is_of_the_packaged_embedder() -> None:
    calibration = shipped_calibration(*packaged())
    assert calibration.abilities["LATIN"] > 0.9
    assert calibration.abilities["CJK"] < 0.5
    assert 0 < calibration.threshold < 1


def test_an_unmeasured_embedder_is_trusted_by_its_keywords_only() -> None:
    calibration = shipped_calibration("another", "0000")
    assert calibration.abilities == {}
    assert calibration.probability(features(0.5, 1.0, 0.9)) == calibration.probability(features(0.5, 1.0, 0.1))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_more_shared_words_are_more_evidence(share: float) -> None:
    calibration = shipped_calibration(*packaged())
    probabilities = [calibration.probability(features(lead / 10, share, 0.4)) for lead in range(1, 12)]
    assert probabilities == sorted(probabilities)
    assert probabilities[0] < calibration.threshold < probabilities[-1]


def test_a_nearer_meaning_is_more_evidence_where_the_embedder_reads() -> None:
    calibration = shipped_calibration(*packaged())
    assert calibration.probability(features(0.3, 1.0, 0.8)) > calibration.probability(features(0.3, 1.0, 0.2))
    assert calibration.probability(features(0.3, 0.0, 0.8)) == calibration.probability(features(0.3, 0.0, 0.2))


def test_the_longer_a_question_the_less_of_it_must_be_found() -> None:
    calibration = shipped_calibration(*packaged())
    short = features(0.4, 0.0, 0.0)
    assert calibration.probability(short._replace(length=3.5)) > calibration.probability(short)


def test_nothing_found_is_no_evidence() -> None:
    assert shipped_calibration(*packaged()).probability(features(0.0, 0.0, 0.0)) == 0


def test_a_stored_calibration_comes_back() -> None:
    calibration = shipped_calibration(*packaged())
    assert calibration_from_json(json.loads(json.dumps(calibration.as_json()))) == calibration
    earlier = {"bar" if name == "threshold" else name: value for name, value in calibration.as_json().items()}
    assert calibration_from_json(earlier) == calibration, "earlier versions called the threshold a bar"
    with pytest.raises(LibraryError, match="calibrate"):
        calibration_from_json({"embedder": "x"})


def test_a_vetoed_passage_is_refused_however_much_it_shares() -> None:
    calibration = shipped_calibration(*packaged())
    sure = features(1.5, 1.0, 0.9)
    assert calibration.probability(sure) > calibration.threshold
    assert calibration.probability(sure._replace(is_vetoed=1.0)) < calibration.threshold


def read(number: int, answers: float) -> Candidate:
    return Candidate(Document(id=str(number), page_content="x"), 0.0, reading=Reading(0, 1, answers, 1.0))


def test_only_a_passage_that_clearly_alone_answers_goes_before_the_first() -> None:
    none, weak, sure = read(1, 0.001), read(2, 0.4), read(3, 0.99)
    assert answering_first([none, weak, sure]) == [sure, none, weak]
    assert answering_first([none, weak]) == [none, weak]
    assert answering_first([weak, sure]) == [weak, sure]
    unread = Candidate(Document(id="4", page_content="x"), 0.0)
    assert answering_first([unread]) == [unread]
    assert answering_first([]) == []


def test_the_other_language_leads_only_where_it_clearly_answers_and_the_own_one_does_not() -> None:
    none, weak, sure, far = read(1, 0.001), read(2, 0.3), read(3, 0.99), read(4, 0.99)
    weak.dense_score, sure.dense_score, far.dense_score = 0.8, 0.8, 0.7
    rather = read(7, 0.8)
    rather.dense_score = 0.8
    unread = Candidate(Document(id="5", page_content="x"), 0.0)
    assert answering_abroad([unread, sure], [none]) == [sure, unread]
    assert answering_abroad([unread, weak], [none]) == [], "not sure enough"
    assert answering_abroad([far], [none]) == [], "on another subject"
    assert answering_abroad([sure], [none, read(6, 0.7)]) == [], "answered in the question's own language"
    assert answering_abroad([unread], [none]) == answering_abroad([], [none]) == []
    assert answering_abroad([sure], [none], is_known_at_home=True) == [sure]
    assert answering_abroad([rather], [none]) == [rather]
    assert answering_abroad([rather], [none], is_known_at_home=True) == [], "the question's own language speaks of it"


def test_an_english_question_lies_farther_from_chinese_passages_than_a_chinese_one_from_english() -> None:
    none = read(1, 0.001)
    english, chinese = read(2, 0.99), read(3, 0.99)
    chinese.document.page_content = "水箱每两周换一次水。"
    english.dense_score = chinese.dense_score = 0.75
    assert answering_abroad([chinese], [none]) == [chinese]
    assert answering_abroad([english], [none]) == []


def test_standing_out_in_meaning_is_evidence_in_one_language_and_across() -> None:
    calibration = shipped_calibration(e5.NAME, e5.REVISION)
    found = features(0.2, 1.0, 0.85)._replace(dense_lead=0.01)
    for is_foreign in (0.0, 1.0):
        native = found._replace(is_foreign=is_foreign)
        assert calibration.probability(native._replace(dense_lead=0.06)) > calibration.probability(native)


def test_the_calibrations_in_the_package_are_of_its_embedders() -> None:
    with_reader = shipped_calibration(e5.NAME, e5.REVISION)
    assert with_reader.answers > 0
    assert {"LATIN", "CJK", "HIRAGANA"} <= with_reader.abilities.keys()
    assert shipped_calibration(*packaged()).answers == 0


def test_chinese_has_its_own_threshold_where_one_was_measured() -> None:
    calibration = shipped_calibration(e5.NAME, e5.REVISION)
    english, chinese = Features(), Features(is_chinese=1.0)
    assert calibration.threshold_for(english) == calibration.threshold < calibration.threshold_for(chinese)
    older = shipped_calibration(*packaged())
    assert older.threshold_for(chinese) == older.threshold
