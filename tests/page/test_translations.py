from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from error_sentences import VALUE, Sentence, sentences

from minicpm_rag.page.texts import translations

# Sentences that are not written where they are raised, and where they are.
HANDED_ON = {
    ("loaders/frames.py", "reason"): "a message from the child process",
    ("loaders/frames.py", "remedy"): "a message from the child process",
    ("models/fetching.py", "_FAILURES[kind]"): "a key of the catalogue",
    ("models/fetching.py", "values"): "values of it",
    ("models/fetching.py", "_why(kind, message)"): "a message of the catalogue",
    ("loaders/kinds.py", "reason"): "a key of the catalogue",
    ("loaders/pdf/__init__.py", "note or Message('loaders.no_text')"): "messages of the catalogue",
    ("loaders/pdf/__init__.py", "remedy"): "a message of the catalogue",
    ("llm/checkpoint/weights.py", "joined(problem, unfinished) or problem"): "two messages of the catalogue",
}
MADE: list[str] = []
ALL = sentences()


@pytest.mark.parametrize(
    "sentence", [sentence for sentence in ALL if not sentence.opaque], ids=lambda sentence: sentence.words[:60]
)
def test_every_error_and_verdict_is_told_in_chinese(sentence: Sentence) -> None:
    """One that fails here is new: list it in page/chinese_errors.py."""
    told = translations.chinese(sentence.words)
    assert translations.is_known(sentence.words), f"{sentence.file}: {sentence.words!r} became {told!r}"
    assert told != sentence.words


def test_no_error_says_what_this_test_cannot_read() -> None:
    assert {(sentence.file, sentence.words) for sentence in ALL if sentence.opaque} <= HANDED_ON.keys()


@pytest.mark.parametrize("words", MADE)
def test_sentences_that_are_made_elsewhere_are_told_in_chinese(words: str) -> None:
    assert translations.is_known(words)


@pytest.mark.parametrize("english", translations.SENTENCES)
def test_every_translation_fits_its_own_sentence(english: str) -> None:
    template = translations.SENTENCES[english]
    values = {name: f"{number}{VALUE}" for number, name in enumerate(re.findall(r"\{(\w+)\}", english))}
    assert set(re.findall(r"\{(\w+)\}", template)) <= set(values)
    assert translations.chinese(english.format(**values)) == template.format(**values).strip()


def test_every_listed_sentence_is_still_said_somewhere() -> None:
    """A table that only grew would hide that a sentence was changed."""
    said = {template for words in (*MADE, *(found.words for found in ALL)) for template in templates(words)}
    assert [english for english, told in translations.SENTENCES.items() if told not in said] == []


def templates(words: str) -> Iterator[str]:
    """The Chinese sentences that these words become, before their values are put in."""
    rest = words.strip()
    while rest and (found := translations._best(rest)):
        yield found[1]
        rest = rest[found[0].end() :].lstrip()


def test_several_sentences_are_told_one_after_the_other() -> None:
    english = "2 of 7 pages are scans without text. 1 of 7 pages were read by text recognition."
    assert translations.chinese(english) == "7 页中有 2 页是没有文字的扫描图。7 页中有 1 页由文字识别读出。"


def test_an_unknown_sentence_is_shown_as_it_is() -> None:
    for words in ("Something new. And more.", "Something new: it is odd.", ""):
        assert translations.chinese(words) == words
    assert not translations.is_known("The PDF holds too much text. Something new.")


def test_paragraphs_stay_apart() -> None:
    english = "The knowledge base was deleted meanwhile.\n\n年假有几天？"
    assert translations.chinese(english) == "这个知识库已经被删除。\n\n年假有几天？"


def test_the_kind_of_file_is_translated_too() -> None:
    assert translations.chinese("The workbook is protected by a password.") == "工作簿有密码保护。"


def test_what_the_system_says_is_translated_too() -> None:
    english = (
        "/h/ledger.sqlite3 cannot be written: the disk is full. Nothing was lost; "
        "make room on the disk and run it again."
    )
    assert translations.chinese(english).startswith("/h/ledger.sqlite3 无法写入：")


def test_no_space_is_left_before_a_chinese_mark() -> None:
    english = "There already is a knowledge base 'X'. Choose another name."
    assert translations.chinese(english) == "已有知识库“X”，请换个名称。"
