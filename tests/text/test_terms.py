from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from minicpm_rag.text.simplified import to_simplified
from minicpm_rag.text.terms import RUN, fold, of_pieces, pieces, question_terms, terms, terms_of_each


def test_han_gives_characters_and_pairs() -> None:
    assert terms("知识库") == ["知", "识", "库", "知识", "识库"]


def test_traditional_and_simplified_give_the_same_terms() -> None:
    assert terms("乾隆皇帝喜歡臺灣的圖書館") == terms("乾隆皇帝喜欢台湾的图书馆")


def test_simplifying_keeps_every_offset() -> None:
    text = "圖書館𠀀裡的ABC，１２"
    simplified = to_simplified(text)
    assert len(simplified) == len(text)
    assert simplified.startswith("图书馆")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("universities", "university"),
        ("Café", "cafe"),
        ("ＡＢＣ", "abc"),
        ("Obama's", "Obama"),
        ("running", "runs"),
        ("1,299.5", "1299.5"),
        ("e-mail", "email"),
    ],
)
def test_spellings_of_one_word_share_their_first_term(first: str, second: str) -> None:
    assert terms(first)[0] == terms(second)[0]


@pytest.mark.parametrize("spelling", ["RX-7800", "rx7800", "RX7800", "Rx/7800"])
def test_a_part_number_is_kept_whole_and_split(spelling: str) -> None:
    assert {"rx7800", "rx", "7800"} <= set(terms(spelling))


def test_decimals_and_dates_are_not_run_together() -> None:
    assert "3_14" in terms("3.14")
    assert "314" not in terms("3.14")
    assert "2024_05_01" in terms("2024-05-01")


def test_punctuation_alone_gives_nothing() -> None:
    assert terms("，。！？ -- ... \n\t") == []


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("什么是乾隆？", {"乾", "隆", "乾隆"}),
        ("What is the Normans' country?", {"the", "norman", "countri"}),
        ("報銷期限是多少天", {"报", "销", "期", "限", "天", "报销", "销期", "期限", "是"}),
    ],
)
def test_words_that_only_ask_are_left_out(question: str, kept: set[str]) -> None:
    found = set(question_terms(question))
    assert {fold(term) for term in kept} - {"是"} <= found
    assert not found & {"什", "么", "什么", "what", "多少", "多", "少"}


@pytest.mark.parametrize("small_talk", ["你好", "谢谢！", "Hello", "thanks", "why?", "是谁吗"])
def test_small_talk_asks_for_nothing(small_talk: str) -> None:
    assert set(question_terms(small_talk)) <= {"是"}


def test_stemming_from_many_threads_mixes_no_words_up() -> None:
    words = [
        f"{stem}{ending}" for stem in ("walk", "index", "retriev", "nation") for ending in ("ing", "ed", "s", "al")
    ]
    expected = [terms(word) for word in words]
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: [terms(word + "") for word in words], range(50)):
            assert found == expected


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [""],
        ["北京大学。", "", "The RX-7800 costs 1,000 dollars."],
        ["成立于二〇一三", "年。", "cafe", "\u0301 é"],  # what would join across two texts
        ["one\x1etwo", "three"],  # the character that is set between them
        ["ΟΔΟΣ", "ｆｕｌｌ ｗｉｄｔｈ", "圖書館"],
    ],
)
def test_texts_cut_together_give_the_terms_of_each(texts: list[str]) -> None:
    assert terms_of_each(texts) == [terms(text) for text in texts]


@pytest.mark.parametrize(
    "text", ["", "年假有几天？3.14 元", "RX-7800 的相機，哈哈哈", "universities buy it", "東京タワー ไทย 서울"]
)
def test_pieces_stand_for_the_terms_of_a_text(text: str) -> None:
    assert of_pieces(pieces(text)) == terms(text)


def test_a_run_of_han_is_kept_as_it_stands() -> None:
    assert pieces("年假有几天 RX-7") == [f"{RUN}年假有几天", "rx7", "rx", "7"]
