from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from golden import CHATML, GOLDEN, SHARDED_BIN

from minicpm_rag.errors import CheckpointError, ModelError
from minicpm_rag.models.hardware import Gpu, Hardware
from minicpm_rag.settings import Settings, load_settings
from minicpm_rag.workspace import open_workspace, prepare_environment

QUESTION = "工龄满十年的员工年假有多少天？"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "家 home", device="cpu", precision="float32", max_new_tokens=16)


def changed(settings: Settings, **values: object) -> Settings:
    return settings.model_copy(update=values)


def test_with_no_model_it_answers_with_quotes(settings: Settings, knowledge_home: Path) -> None:
    shutil.copytree(knowledge_home, settings.home)
    with open_workspace(settings) as workspace:
        assert (workspace.mode, workspace.llm, workspace.model_name) == ("extractive", None, None)
        answer = workspace.chain().invoke({"question": QUESTION})
        assert "十五天" in answer.text and answer.mode == "extractive"
        fewer = workspace.chain(passages=1).invoke({"question": QUESTION})
        assert fewer.text and len(fewer.documents) == 1


def test_a_configured_folder_answers(settings: Settings) -> None:
    with open_workspace(changed(settings, model=SHARDED_BIN)) as workspace:
        assert (workspace.mode, workspace.model_name) == ("model", "minicpm-2b-tiny")
        assert workspace.llm is workspace.llm is not None
        facts = workspace.facts()
        assert (facts["device"], facts["precision"], facts["attention"]) == ("cpu", "float32", "sdpa")
        assert (facts["family"], facts["context"]) == ("minicpm", "512")
        speed = workspace.measure_speed()
        assert speed is not None and speed.first_token_seconds > 0 and speed.tokens_per_second > 0
        assert facts["memory"] == "2.1 MB", "a small model is not told to take 0.0 GB"


def test_a_downloaded_model_is_found_by_itself(settings: Settings) -> None:
    shutil.copytree(GOLDEN / "minicpm-1b-tiny", settings.home / "models" / "MiniCPM-1B-sft-bf16")
    with open_workspace(settings) as workspace:
        assert (workspace.mode, workspace.model_name) == ("model", "MiniCPM-1B-sft-bf16")


@pytest.mark.parametrize(("device", "chosen"), [("auto", "MiniCPM-2B-sft-bf16"), ("cpu", "MiniCPM4-0.5B")])
def test_the_model_is_chosen_for_the_device_that_is_set(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, device: str, chosen: str
) -> None:
    card = Hardware((Gpu("Card", 24 << 30, 20 << 30),), 64 << 30, 16)
    monkeypatch.setattr("minicpm_rag.models.hardware.describe", lambda: card)
    for name in ("MiniCPM-2B-sft-bf16", "MiniCPM4-0.5B"):
        shutil.copytree(GOLDEN / "minicpm-1b-tiny", settings.home / "models" / name)
    with open_workspace(changed(settings, device=device)) as workspace:
        assert workspace.model_name == chosen


def test_a_configured_server_goes_before_downloaded_models(settings: Settings) -> None:
    shutil.copytree(GOLDEN / "minicpm-1b-tiny", settings.home / "models" / "MiniCPM-1B-sft-bf16")
    server = changed(settings, llm_url="http://127.0.0.1:9/v1", llm_model="minicpm")
    with open_workspace(server) as workspace:
        assert (workspace.mode, workspace.model_name) == ("model", "minicpm")
        assert workspace.facts() == {"model": "minicpm", "device": "server"}


def test_a_configured_folder_that_is_none_is_refused_by_name(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"MINICPM_RAG_MODEL=.*nowhere"):
        open_workspace(changed(settings, model=tmp_path / "nowhere"))


def test_a_downloaded_model_may_be_named_by_its_hub_id(settings: Settings) -> None:
    downloaded = settings.home / "models" / "MiniCPM-2B-sft-bf16"
    shutil.copytree(SHARDED_BIN, downloaded)
    with open_workspace(changed(settings, model=Path("OpenBMB/miniCPM-bf16"))) as workspace:
        assert workspace.model_name == downloaded.name
        workspace.use_model("minicpm-2b-sft-bf16")
        assert workspace.model_name == downloaded.name


def test_switching_models_needs_no_restart_and_frees_the_old(settings: Settings) -> None:
    with open_workspace(settings) as workspace:
        workspace.use_model(SHARDED_BIN)
        old = workspace.llm
        workspace.use_model(CHATML)
        assert workspace.model_name == "minicpm4-tiny" and workspace.llm is not old
        with pytest.raises(ModelError, match="closed"):
            old.invoke("你好")  # type: ignore[union-attr]
        workspace.use_server("http://127.0.0.1:9/v1", "other")
        assert workspace.model_name == "other"
        workspace.use_model(None)
        assert (workspace.mode, workspace.llm) == ("extractive", None)


def test_a_switch_that_fails_leaves_things_as_they_were(settings: Settings, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{}", encoding="utf-8")
    with open_workspace(changed(settings, model=SHARDED_BIN)) as workspace:
        for folder in (tmp_path / "nowhere", broken):
            with pytest.raises(CheckpointError):
                workspace.use_model(folder)
            assert workspace.model_name == "minicpm-2b-tiny"
        assert workspace.llm is not None


def test_what_would_leave_the_machine_is_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    prepare_environment()
    assert os.environ["LANGSMITH_TRACING"] == os.environ["LANGCHAIN_TRACING_V2"] == "false"
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["ORT_DISABLE_TELEMETRY"] == "1"
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_numpy_multiplies_on_one_thread_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    prepare_environment()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    prepare_environment()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


def test_numpy_is_not_loaded_before_its_threads_are_set() -> None:
    code = (
        "import minicpm_rag.page.server, minicpm_rag.settings, minicpm_rag.workspace, sys; exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_opening_loads_no_model_and_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from minicpm_rag.settings import load_settings\n"
        "from minicpm_rag.workspace import open_workspace; open_workspace(load_settings())\n"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    environment = {**os.environ, "MINICPM_RAG_HOME": str(tmp_path), "MINICPM_RAG_MODEL": str(SHARDED_BIN)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 0
