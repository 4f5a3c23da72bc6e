"""Which of two documents says the higher amount of the same thing."""

from __future__ import annotations

import pytest
from langchain_core.documents import Document

from minicpm_rag.answering.extractive import Excerpt
from minicpm_rag.answering.quoting import quote
from minicpm_rag.answering.which_more import WhichMore, which_more
from minicpm_rag.records import Answer
from minicpm_rag.text.statements import statements


def passages(*texts: str) -> list[Document]:
    return [
        Document(text, metadata={"document_id": number, "page": 1, "start": 0, "title": f"lease {number}.md"})
        for number, text in enumerate(texts, 1)
    ]


def found(question: str, *texts: str) -> WhichMore | None:
    documents = passages(*texts)
    chosen = [Excerpt(number, one, 1.0) for number, each in enumerate(documents, 1) for one in statements(each)]
    return which_more(question, chosen, documents)


@pytest.mark.parametrize(
    ("question", "texts", "name", "written"),
    [
        (
            "In which studio is the deposit higher?",
            ["The deposit is 900 euros.", "The deposit is 1,400 euros."],
            "lease 2",
            ("1,400 euros", "900 euros"),
        ),
        (
            "Which studio has the lower deposit?",
            ["The deposit is 900 euros.", "The deposit is 1,400 euros."],
            "lease 1",
            ("900 euros", "1,400 euros"),
        ),
        (
            "Is the rent higher in Moss or in Skien?",
            ["The rent is 70 euros, the deposit 90 euros.", "The rent is 60 euros, the deposit 95 euros."],
            "lease 1",
            ("70 euros", "60 euros"),
        ),
        (
            "Which contract has the longer notice?",
            ["Notice is six weeks.", "Notice is two weeks."],
            "lease 1",
            ("6 weeks", "2 weeks"),
        ),
        ("哪家琴行的押金更高？", ["押金为900元。", "押金为1400元。"], "lease 2", ("1,400元", "900元")),
        ("哪份合同的租期短一些？", ["租期5年，月租800元。", "租期3年，月租700元。"], "lease 2", ("3年", "5年")),
    ],
)
def test_the_document_that_says_more_is_named(
    question: str, texts: list[str], name: str, written: tuple[str, str]
) -> None:
    told = found(question, *texts)
    assert told is not None and (told.names[0], told.written) == (name, written)


@pytest.mark.parametrize(
    ("question", "texts"),
    [
        ("Which studio has the higher deposit?", ["The deposit is 900 euros."]),
        ("Which studio has the higher deposit?", ["The deposit is 900 euros."] * 2),
        ("Which studio has the higher deposit?", [f"The deposit is {n} euros." for n in (900, 800, 700)]),
        ("Which studio has the higher deposit?", ["The deposit is 900 euros.", "The deposit is 800 dollars."]),
        ("Which studio has the higher deposit?", ["The deposit is 900 euros.", "The deposit is at least 800 euros."]),
        ("Which studio has the higher rent?", ["The rent is 90 euros a month.", "The rent is 800 euros a year."]),
        ("Which studio has the highest deposit?", ["The deposit is 900 euros.", "The deposit is 800 euros."]),
        ("Which studio has a deposit?", ["The deposit is 900 euros.", "The deposit is 800 euros."]),
        ("Which studio has the higher deposit?", ["The rent is 900 euros.", "The rent is 800 euros."]),
        ("哪家琴行的押金更高？", ["押金为900元，另一处押金为950元。", "押金为1400元。"]),
        ("哪家琴行的押金最高？", ["押金为900元。", "押金为1400元。"]),
    ],
)
def test_where_it_is_not_clear_which_amounts_are_meant_none_is_named(question: str, texts: list[str]) -> None:
    assert found(question, *texts) is None


def test_the_name_stands_above_the_quotes() -> None:
    begun = Answer(standalone_question="哪家琴行的押金更低？", documents=passages("押金为900元。", "押金为1400元。"))
    *_, answer = quote(begun, page_text=None, similarity=None)
    assert isinstance(answer, Answer)
    assert answer.text.startswith("**lease 1**：**900元**（lease 2：1,400元）[1][2]\n\n")
    assert "押金为900元。" in answer.text and "押金为1400元。" in answer.text
