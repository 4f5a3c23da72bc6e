"""Questions of somebody's age, of parts that one statement answers, and of one of two headings alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from library_parts import asked_over

from minicpm_rag.answering import AnswerChain

FILES = {
    "Hill tram.md": "# Hill tram\n\n## Fares\n\n| Passenger | Single | Return |\n| --- | --- | --- |\n"
    "| Adult | £6.00 | £9.50 |\n| Child (5–14) | £3.10 | £4.80 |\n| Senior (65+) | £4.20 | £6.90 |\n\n"
    "## Service\n\nThe brakes are tested on the first Monday of each month by Wilf Garran.\n"
    "Dogs travel in the rear car, and bicycles are not taken.\n\n"
    "## Repainting the lower station\n\nNesta Quigg leads the work, which begins on 4 May. It costs £8,300.\n\n"
    "## Repainting the upper station\n\nPiet Loman is in charge; the start is on 9 June. It costs £5,900.\n",
    "山顶缆车.md": "# 山顶缆车须知\n\n## 票价\n\n缆车单程每位46元，65岁以上23元，6岁以下免票。\n\n## 检修\n\n"
    "缆车司机须年满18周岁。钢索由检修班长邱石负责，值班电话7031。\n\n"
    "## 站点\n\n| 站点 | 海拔 | 站长 |\n| --- | --- | --- |\n| 松林站 | 620米 | 罗冬 |\n"
    "| 云台站 | 980米 | 沙棘 |\n\n## 松林站翻修\n\n翻修费用18万元，三月开工。\n\n"
    "## 云台站翻修\n\n总共31万元，五月开工。\n",
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    with asked_over(tmp_path_factory.mktemp("age"), FILES) as chain:
        yield chain


@pytest.mark.parametrize(
    ("question", "held", "not_held"),
    [
        ("My son is 9. What does he pay for a return on the tram?", "£4.80", "£6.90"),
        ("What does a seventy-year-old passenger pay for a single?", "£4.20", "£3.10"),
        ("我爷爷七十岁，坐缆车多少钱？", "65岁以上23元", "980米"),
        ("我今年16，能当缆车司机吗？", "年满18周岁", "46元"),
        ("Who leads the repainting of the upper station?", "Piet Loman", "Nesta Quigg"),
        ("What does repainting the lower station cost?", "£8,300", "£5,900"),
        ("云台站翻修花多少钱？", "31万元", "18万元"),
        ("Who tests the brakes and how often?", "first Monday", "Dogs"),
        ("谁负责钢索，电话多少？", "7031", "没有找到"),
        ("云台站海拔多少，站长是谁？", "沙棘", "没有找到"),
    ],
)
def test_what_is_for_another_age_part_or_heading_is_not_quoted(
    chain: AnswerChain, question: str, held: str, not_held: str
) -> None:
    text = chain.invoke(question).text
    assert held in text, text
    assert not_held not in text, text


@pytest.mark.parametrize(
    "question",
    ["My son is 9. What does a skateboard cost?", "我爷爷七十岁，体检多少钱？", "Is there a club for a nine-year-old?"],
)
def test_an_age_that_a_document_names_is_no_evidence_for_something_else(chain: AnswerChain, question: str) -> None:
    assert chain.invoke(question).mode == "refused"
