"""Questions about what changed between two versions of one document are comparisons of the two."""

from __future__ import annotations

import pytest

from minicpm_rag.answering.whole.versions import versions
from minicpm_rag.records import DocumentRow

TITLES = (
    "青屿羽毛球协会章程_2025版.docx",
    "青屿羽毛球协会章程_2021版.docx",
    "Supply agreement v2.docx",
    "Supply agreement v1.docx",
    "投标方案_终稿.pdf",
    "投标方案_草稿.pdf",
    "租房合同.docx",
)
ROWS = [
    DocumentRow(number, "default", title, title, "ready", "", 0, 1, 1, 1, "", None, None, "")
    for number, title in enumerate(TITLES)
]


@pytest.mark.parametrize(
    ("question", "older"),
    [
        ("羽毛球协会章程两个版本有什么不同？", 1),
        ("2021版和2025版章程有什么区别？", 1),
        ("章程新旧版本有哪些变化？", 1),
        ("羽毛球协会章程改了哪些地方？", 1),
        ("新版章程跟旧版比有什么变化", 1),
        ("章程2025版比2021版多了什么", 1),
        ("What changed in the supply agreement?", 3),
        ("What are the differences between the two versions of the supply agreement?", 3),
        ("How does version 2 of the supply agreement differ from version 1?", 3),
        ("Compare both versions of the supply agreement", 3),
        ("投标方案终稿和草稿有什么不同？", 5),
    ],
)
def test_the_two_versions_that_are_meant_are_found_the_older_first(question: str, older: int) -> None:
    assert [one.id for one in versions(question, ROWS)] == [older, older - 1]


@pytest.mark.parametrize(
    "question",
    [
        "会费有什么变化？",  # of what is in them
        "两个版本有什么不同？",  # of which document?
        "租房合同改了哪些地方？",  # there is one only
        "羽毛球协会章程是谁修改的？",
        "What is the new fee in the supply agreement?",
        "章程的会费改了多少？",
    ],
)
def test_other_questions_are_none_of_versions(question: str) -> None:
    assert versions(question, ROWS) == ()
