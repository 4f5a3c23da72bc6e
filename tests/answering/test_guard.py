from __future__ import annotations

import pytest

from minicpm_rag.answering.guard import Guard

ECHOES = ["Question:", "Passages:", "问题：", "Answer the question briefly, using only the passages below."]


def guarded(text: str, question: str = "When are invoices due?", headers: tuple[str, ...] = ()) -> tuple[str, bool]:
    guard = Guard(question, ECHOES, headers)
    shown = ""
    for character in text:
        shown += guard.add(character)
        if guard.ended:
            break
    return shown + guard.finish(), guard.ended


@pytest.mark.parametrize(
    "text",
    [
        "Invoices are due within 45 days. Late payments bear interest.",
        "发票在45天内付款。逾期按每月千分之五计息！标准交货期为28天。",
        "1. 45 days for invoices\n2. 28 days for delivery\n3. 45 days for returns",
        "| Model | Price |\n|---|---|\n|---|---|---|---|---|---|---|---|---|---|---|---|\n| A | 5 |",
        "Yes. No. Yes. No.",
        "The answer depends on the contract: 45 days.",
        "问题出在供应商：交货晚了。",
        "",
    ],
)
def test_a_sound_answer_passes_unchanged(text: str) -> None:
    assert guarded(text) == (text, False)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The invoice is due. " * 9, "The invoice is due. "),
        ("发票在45天内付款。" * 9, "发票在45天内付款。"),
        ("1. Hand it in.\n2. Hand it in.\n3. Hand it in.\n4. Hand it in.\n", "1. Hand it in.\n"),
    ],
)
def test_a_sentence_written_again_is_left_out_and_a_loop_ends_the_stream(text: str, kept: str) -> None:
    assert guarded(text) == (kept, True)


@pytest.mark.parametrize("period", ["the time and ", "和甲方", "a, "])
def test_words_that_go_round_inside_a_sentence_end_the_stream(period: str) -> None:
    shown, ended = guarded("It says " + period * 200)
    assert ended and len(shown) < 400


@pytest.mark.parametrize(
    "echo",
    ["Question: What else?", "问题：还有什么？", "Answer the question briefly, using only the passages below. End"],
)
def test_an_echo_of_the_prompt_ends_the_stream(echo: str) -> None:
    assert guarded(f"45 days.\n{echo}\nAnswer: 3") == ("45 days.\n", True)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The answer is: 45 days.", " 45 days."),
        ("Answer: 45 days.", " 45 days."),
        ("回答：45 天。", "45 天。"),
        ("The answer to the question is:\n45 days.", "\n45 days."),
        ("When are invoices due?\n45 days.", "45 days."),
        ("[1] agreement.md (Payment)\n45 days.", "45 days."),
    ],
)
def test_lead_ins_headers_and_the_question_are_left_out(text: str, kept: str) -> None:
    assert guarded(text, headers=("[1] agreement.md (Payment)",)) == (kept, False)


def test_what_begins_like_a_header_goes_on() -> None:
    text = "AirLeaf 200 weighs 5 kg."
    assert guarded(text, headers=("AirLeaf 200",)) == (text, False)
