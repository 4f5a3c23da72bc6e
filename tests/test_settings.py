from __future__ import annotations

from pathlib import Path

import pytest

from minicpm_rag.errors import SettingsError
from minicpm_rag.messages import text
from minicpm_rag.settings import load_settings


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MINICPM_RAG_HOME", str(tmp_path / "知识"))
    monkeypatch.setenv("MINICPM_RAG_PASSAGES", "7")
    settings = load_settings()
    assert settings.home == tmp_path / "知识"
    assert settings.passages == 7


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICPM_RAG_KNOWLEDGE_BASE", "一")
    assert load_settings(knowledge_base="二").knowledge_base == "二"


def test_bad_value_names_variable_and_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICPM_RAG_PASSAGES", "many")
    with pytest.raises(SettingsError, match=r"MINICPM_RAG_PASSAGES='many'"):
        load_settings()


def test_empty_variable_means_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICPM_RAG_MODEL", "")
    assert load_settings().model is None


def test_home_is_shared_by_all_working_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MINICPM_RAG_HOME")
    before = load_settings().home
    monkeypatch.chdir(tmp_path)
    assert load_settings().home == before
    assert before.is_absolute()


def test_an_api_key_is_not_shown() -> None:
    settings = load_settings(llm_api_key="sk-secret")
    assert "sk-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "english", "chinese"),
    [
        ("passages", "many", "MINICPM_RAG_PASSAGES='many' is not a whole number.", "不是整数"),
        ("passages", "99", "the most is 50.", "至多 50"),
        ("chunk_characters", "1", "the least is 50.", "至少要 50"),
        ("temperature", "warm", "MINICPM_RAG_TEMPERATURE='warm' is not a number.", "不是数"),
        ("gpu_gigabytes", "0", "MINICPM_RAG_GPU_GIGABYTES='0' is not more than 0.", "必须大于 0"),
        ("device", "tpu", "MINICPM_RAG_DEVICE='tpu' is none of auto, cuda, cpu.", "auto、cuda、cpu"),
        ("home", "~nobody-of-that-name/rag", "MINICPM_RAG_HOME='~nobody-of-that-name/rag' begins with ~", "用户"),
        ("model", "~nobody-of-that-name/m", "MINICPM_RAG_MODEL='~nobody-of-that-name/m' begins with ~", "用户"),
        ("embedder", "~nobody-of-that-name/e", "MINICPM_RAG_EMBEDDER='~nobody-of-that-name/e' begins with ~", "用户"),
        ("ocr", "perhaps", "MINICPM_RAG_OCR='perhaps' is neither true nor false.", "true 或 false"),
    ],
)
def test_what_is_wrong_is_said_in_both_languages(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, english: str, chinese: str
) -> None:
    monkeypatch.setenv(f"MINICPM_RAG_{name.upper()}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert english in str(caught.value)
    assert chinese in text("zh", caught.value.message)


def test_every_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICPM_RAG_PASSAGES", "0")
    monkeypatch.setenv("MINICPM_RAG_DEVICE", "tpu")
    with pytest.raises(SettingsError, match=r"MINICPM_RAG_DEVICE='tpu'.*MINICPM_RAG_PASSAGES='0'"):
        load_settings()
    with pytest.raises(SettingsError, match="There is no setting MINICPM_RAG_COLOUR"):
        load_settings(colour="red")
    with pytest.raises(SettingsError, match="MINICPM_RAG_KNOWLEDGE_BASE may not be empty"):
        load_settings(knowledge_base="")
    with pytest.raises(SettingsError, match="MINICPM_RAG_HOME='3'"):
        load_settings(home=3)


def test_chunks_repeat_at_most_half_of_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICPM_RAG_CHUNK_CHARACTERS", "400")
    monkeypatch.setenv("MINICPM_RAG_CHUNK_OVERLAP_CHARACTERS", "200")
    assert load_settings().chunk_size.overlap_characters == 200
    monkeypatch.setenv("MINICPM_RAG_CHUNK_OVERLAP_CHARACTERS", "201")
    with pytest.raises(SettingsError, match=r"MINICPM_RAG_CHUNK_OVERLAP_CHARACTERS='201'.* 200"):
        load_settings()


@pytest.mark.parametrize("name", ["LLM_REPETITION_PENALTY", "GPU_GIGABYTES", "TEMPERATURE", "LLM_MIN_P"])
@pytest.mark.parametrize("value", ["inf", "nan", "1e999"])
def test_what_is_no_finite_number_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"MINICPM_RAG_{name}", value)
    with pytest.raises(SettingsError, match=rf"MINICPM_RAG_{name}='.+' is not a number"):
        load_settings()
