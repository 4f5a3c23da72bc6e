from __future__ import annotations

from pathlib import Path

import pytest

from minicpm_rag.errors import SettingsError
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


def test_key_is_not_shown() -> None:
    settings = load_settings(llm_api_key="sk-secret")
    assert "sk-secret" not in repr(settings)
