from __future__ import annotations

from langchain_core.documents import Document

from minicpm_rag import records
from minicpm_rag.retrieval.matching import QuestionMatch
from minicpm_rag.retrieval.neighbours import neighbours
from minicpm_rag.retrieval.passage_scores import passage_scores, with_closeness


def passage(text: str, document: int = 1, page: int = 1, start: int = 0) -> Document:
    metadata = {
        records.DOCUMENT_ID: document,
        records.PAGE: page,
        records.START: start,
        records.END: start + len(text),
    }
    return Document(id=f"{document}-{page}-{start}", page_content=text, metadata=metadata)


def scores(*passages: Document) -> list[float]:
    match = QuestionMatch("When does the warranty of the pump end?", lambda wanted: dict.fromkeys(wanted, 1.0))
    return passage_scores(match, passages, dict.fromkeys((str(one.id) for one in passages), 0.5), neighbours(passages))


SUBJECT, ANSWER = "The pump is red.", "The warranty is two years."


def test_what_a_neighbour_holds_of_the_question_counts_for_a_passage() -> None:
    alone = scores(passage(ANSWER, start=20))[0]
    assert scores(passage(ANSWER, start=20), passage(SUBJECT))[0] > alone


def test_passages_elsewhere_do_not_count() -> None:
    alone = scores(passage(ANSWER, start=20))[0]
    assert scores(passage(ANSWER, start=20), passage(SUBJECT, page=2))[0] == alone


def test_equal_matches_keep_the_order_of_the_searches() -> None:
    match = QuestionMatch("水泵的保修期", lambda wanted: dict.fromkeys(wanted, 1.0))
    one, other = passage("水泵的保修期为两年。", document=1), passage("水泵的保修期为三年。", document=2)
    first, second = passage_scores(match, [one, other], {str(one.id): 0.4, str(other.id): 0.6}, [[0], [1]])
    assert first < second


def test_closeness_counts_by_the_share_of_the_question_that_is_read() -> None:
    scores, near = [0.6, 0.4], [0.3, 0.6]
    assert with_closeness(scores, near, 0.0) == scores
    first, second = with_closeness(scores, near, 1.0)
    assert 0 < first < second < 1


def test_a_passage_that_the_embedder_cannot_read_keeps_its_place() -> None:
    read, unread, worse = with_closeness([0.9, 0.5, 0.4], [0.5, None, 0.3], 1.0)
    assert read > unread > worse
    unread, read, worse = with_closeness([0.9, 0.5, 0.4], [None, 0.5, 0.6], 1.0)
    assert unread > worse > read


def test_where_the_embedder_read_nothing_the_scores_stay() -> None:
    assert with_closeness([0.9, 0.5], [None, None], 1.0) == [0.9, 0.5]
    assert with_closeness([], [], 1.0) == []
