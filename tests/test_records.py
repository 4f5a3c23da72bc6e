from __future__ import annotations

from langchain_core.documents import Document

from minicpm_rag.records import Answer, AnswerEvent, Retrieval, Rewritten, Text, Waiting

HANDBOOK = Document("年假为十五天。", metadata={"title": "手册"})


def test_an_answer_grows_by_the_events_of_the_chain() -> None:
    whole = Answer("年假为15天。[1]", "model", "年假有多少天？", documents=[HANDBOOK])
    events: list[AnswerEvent] = [
        Rewritten("那年假呢？", "年假有多少天？", True),
        Retrieval([HANDBOOK], 0.9, 0.3),
        Waiting(1),
        Text("年假为"),
        Text("15天。[1]"),
    ]
    answer = Answer()
    grown = []
    for event in events:
        answer = answer.after(event)
        grown.append((answer.standalone_question, len(answer.documents), answer.text, answer.mode))
    asked = "年假有多少天？"
    assert grown == [
        (asked, 0, "", None),
        (asked, 1, "", None),
        (asked, 1, "", None),
        (asked, 1, "年假为", None),
        (asked, 1, "年假为15天。[1]", None),
    ]
    assert answer.after(whole) == whole
