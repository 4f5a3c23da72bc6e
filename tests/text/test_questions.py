from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from minicpm_rag.text import questions
from minicpm_rag.text.questions import asks_for, chinese_words, content_terms, language_of


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("公司是哪一年成立的？", "zh"),
        ("iPhone 15 Pro Max 多少钱", "zh"),
        ("RX-7800 保修", "zh"),
        ("How long is the warranty?", "en"),
        ("Who wrote 《海的女儿》?", "en"),
        ("What does 苹果 mean?", "en"),
        ("¿Cuánto cuesta?", "en"),
        ("富士山の高さは何メートルですか", "en"),
        ("2024?", "en"),
    ],
)
def test_the_language_is_that_of_the_asking_words(question: str, language: str) -> None:
    assert language_of(question) == language


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("他是什么时候出生的？", "time"),
        ("What year did it open?", "time"),
        ("一共有多少名员工？", "number"),
        ("How many filters come in the box?", "number"),
        ("技术总监是谁？", "person"),
        ("Who signed the agreement?", "person"),
        ("总部在哪里？", "place"),
        ("Which city hosts the office?", "place"),
        ("为什么要更换滤芯？", "reason"),
        ("Why does it beep?", "reason"),
        ("什么是年假？", "definition"),
    ],
)
def test_question_words_tell_what_is_asked_for(question: str, kind: str) -> None:
    assert kind in asks_for(question)


@pytest.mark.parametrize("question", ["介绍一下公司", "Describe the product"])
def test_a_question_without_a_cue_asks_for_nothing_special(question: str) -> None:
    assert not asks_for(question)


def test_content_terms_leave_out_the_words_of_asking() -> None:
    assert len(content_terms("How many days of paid holiday does it give?")) == 3
    assert "年假" in content_terms("年假有多少天？")
    assert not {"多少", "有", "有多"} & set(content_terms("年假有多少天？"))
    assert content_terms("那它呢？") == []


@pytest.fixture
def jieba(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """jieba as in a new process, beside another person's cache in the shared folder for temporary files."""
    import jieba

    shared = tmp_path / "tmp"
    shared.mkdir()
    (shared / "jieba.cache").write_bytes(b"another person's")
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    monkeypatch.setattr(jieba, "dt", jieba.Tokenizer())
    monkeypatch.setattr("jieba.posseg.dt.tokenizer", jieba.dt)
    monkeypatch.setattr(questions, "_tagger", questions._tagger.__wrapped__)


@pytest.mark.usefixtures("jieba")
def test_the_word_list_is_cached_in_a_folder_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "cache" / "ours")
    assert ("北京", "ns") in chinese_words("他住在北京。")
    assert [path.name for path in (tmp_path / "cache" / "ours").iterdir()] == ["jieba.cache"]
    assert (tmp_path / "tmp" / "jieba.cache").read_bytes() == b"another person's"


@pytest.mark.usefixtures("jieba")
def test_without_a_place_for_the_cache_words_are_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path / "file" / "cache")
    assert ("北京", "ns") in chinese_words("他住在北京。")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


KINDS = """
from minicpm_rag.text import questions
assert ("北京", "ns") in questions.chinese_words("他住在北京。")
import jieba.posseg
ours = jieba.posseg.dt.word_tag_tab
jieba.posseg.dt.load_word_tag(jieba.dt.get_dict_file())
assert len(ours) > 300_000 and ours == jieba.posseg.dt.word_tag_tab
"""


def test_the_kinds_of_words_are_those_that_jieba_reads_itself() -> None:
    ended = subprocess.run([sys.executable, "-c", KINDS], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("run", ["年" * 400, "年的" * 200])
def test_a_character_over_and_over_is_one_word(run: str) -> None:
    assert chinese_words(f"他住在北京。{run}")[-1] == (run, "x")
    assert ("北京", "ns") in chinese_words(f"{run}他住在北京。")
    assert "".join(word for word, _ in chinese_words(f"他{run}住")) == f"他{run}住"
