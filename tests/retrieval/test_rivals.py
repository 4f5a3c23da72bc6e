from __future__ import annotations

import pytest
from langchain_core.documents import Document

from minicpm_rag.retrieval.rivals import speaks_of_rival

CODES = "DH-30：水箱 4 升，噪音 42 分贝。\nDH-50：水箱 6 升。整机保修两年。"
MODELS = "The Barista One uses 1450 watts. The Barista Mini has a tank of 1.1 litres. It costs 249 euros."


@pytest.mark.parametrize(
    ("question", "passage", "at", "rival"),
    [
        ("DH-50 的噪音是多少？", CODES, "42", True),
        ("DH-30 的噪音是多少？", CODES, "42", False),
        ("DH-50 的水箱多大？", CODES, "6", False),
        ("DH-30 保修多久？", CODES, "两年", False),
        ("DH-50 和 DH-30 哪个噪音大？", CODES, "42", False),
        ("DH-70 的噪音是多少？", CODES, "42", False),  # of it nothing is told: other signs see that
        ("How much does the Barista One cost?", MODELS, "249", True),
        ("How much does the Barista Mini cost?", MODELS, "249", False),
        ("What does Article 5 say?", "Article 5 is void, as Article 7 is.\nSee Article 7 for fees.", "fees", False),
        (
            "Who holds the Scottish Government to account?",
            "The Scottish Parliament does. The Scottish Government answers.",
            "Parliament",
            False,
        ),
    ],
)
def test_what_is_said_of_another_of_the_series(question: str, passage: str, at: str, rival: bool) -> None:
    assert speaks_of_rival(question, Document(passage), passage.index(at)) is rival


def test_a_title_above_names_what_is_asked_for() -> None:
    passage = Document("The Barista Mini costs 249 euros.", metadata={"title": "Barista One.md"})
    assert speaks_of_rival("What does the Barista One cost?", passage, passage.page_content.index("249"))
