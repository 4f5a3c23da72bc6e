"""The report on an installation, and the commands that get models."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import gguf_files
import pytest
from golden import GOLDEN
from hub_server import Hub, serve
from other_user import open_to_others, rights_count

from minicpm_rag import doctor
from minicpm_rag.cli import main
from minicpm_rag.doctor import Finding, examine
from minicpm_rag.library.ledger import Ledger
from minicpm_rag.llm import decoding
from minicpm_rag.llm.checkpoint import read_config
from minicpm_rag.llm.checkpoint.weights import find_weights
from minicpm_rag.loaders import conversion
from minicpm_rag.messages import Message
from minicpm_rag.models import CATALOGUE, choose, hardware, usual_seconds
from minicpm_rag.models.hardware import Gpu, Hardware
from minicpm_rag.models.manifest import MANIFEST
from minicpm_rag.settings import load_settings

CHECKPOINT = Path(__file__).parent / "data" / "tiny-reader"
CARD = Hardware((Gpu("Card", 24 << 30, 20 << 30),), 64 << 30, 16)
PROCESSOR = Hardware((), 64 << 30, 16)


@pytest.fixture
def on_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "describe", lambda: PROCESSOR)


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {str(finding.name): finding for finding in findings}


@pytest.mark.skipif(os.name != "posix", reason="rights of a folder are a matter of POSIX")
def test_a_home_folder_that_cannot_be_written_is_a_problem(on_processor: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_to_others() as folder:
        folder.chmod(0o555)
        monkeypatch.setenv("MINICPM_RAG_HOME", str(folder / "home"))
        settings = load_settings()
        with rights_count():
            (problem,) = [found for found in doctor._home(settings.home) if found.problem]
    assert "may not write" in str(problem.value) and "MINICPM_RAG_HOME" in str(problem.advice)


def model_folder(home: Path, name: str, *, parameters: int = 100) -> Path:
    folder = home / "models" / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "minicpm"}')
    (folder / "model.safetensors").write_bytes(bytes(2 * parameters))
    return folder


def test_a_bare_installation_works_and_says_what_would_suit(on_processor: None) -> None:
    findings = by_name(examine(load_settings()))
    assert str(findings["Answers by"].value) == "sentences quoted from the documents, without a model"
    assert str(findings["Suits this machine"].value) == "MiniCPM5-1B"
    assert "download --recommended" in str(findings["Suits this machine"].advice)
    assert {"Python", "torch", "Processor", "Memory", "GPU", "Home folder", "Embeddings by"} <= set(findings)
    assert not any(finding.problem for finding in findings.values())


def test_a_mistyped_setting_is_told_with_the_one_that_was_meant(
    on_processor: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINICPM_RAG_PASAGES", "7")
    monkeypatch.setenv("MINICPM_RAG_API_TOKEN", "secret")
    (told,) = [one for one in examine(load_settings()) if one.value == Message("doctor.no_such_setting")]
    assert told.problem
    assert told.name == Message("system.words", words="MINICPM_RAG_PASAGES")
    assert told.advice == Message("doctor.meant", variable="MINICPM_RAG_PASSAGES")


def test_a_downloaded_model_is_chosen_with_device_precision_and_speed(
    on_processor: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings()
    model_folder(settings.home, "MiniCPM4-0.5B")
    monkeypatch.setattr(doctor, "measure_bandwidth", lambda device: 20e9)
    findings = by_name(examine(settings))
    assert str(findings["Answers by"].value).startswith("MiniCPM4-0.5B in ")
    assert str(findings["Device"].value) == "cpu, weights int8"
    assert str(findings["Precision"].value) == "float32 (what the processor computes itself)"
    assert str(findings["Expected speed"].value).startswith("at most 46 tokens/s")  # 20 GB/s over 0.434 G bytes


def test_on_a_gpu_the_speed_is_the_share_of_bandwidth_that_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = load_settings()
    monkeypatch.setattr(doctor, "describe", lambda: CARD)
    monkeypatch.setattr(doctor, "measure_bandwidth", lambda device: 1e12 if device == "cuda" else 0)
    model_folder(settings.home, "MiniCPM-2B-sft-bf16")
    findings = by_name(examine(settings))
    assert str(findings["GPU"].value) == "Card, 21 GB of 26 GB free"
    assert str(findings["Precision"].value) == "bfloat16 (what the GPU computes itself)"
    assert str(findings["Expected speed"].value).startswith("about 101 tokens/s")  # 0.55 x 1 TB/s over 5.45 GB


@pytest.mark.parametrize("wanted", ["sdpa", "eager", "flash_attention_2"])
def test_an_attention_setting_that_has_no_effect_is_told(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "describe", lambda: CARD)
    monkeypatch.setattr(doctor, "measure_bandwidth", lambda device: 1e12)
    monkeypatch.setitem(sys.modules, "flash_attn", ModuleType("flash_attn"))
    sys.modules["flash_attn"].__spec__ = ModuleSpec("flash_attn", None)
    settings = load_settings(model=GOLDEN / "minicpm-2b-tiny", attention=wanted)
    used = decoding.FLASH_ATTENTION if wanted == "flash_attention_2" else decoding.ATTENTION
    for own in (False, True):
        monkeypatch.setattr(decoding, "would_serve", lambda config, own=own: own)
        finding = by_name(examine(settings))["Attention"]
        assert str(finding.value) == (used if own else wanted)
        assert ("has no effect" in str(finding.advice)) == (own and wanted == "eager")
        assert not finding.problem


def test_a_half_downloaded_model_is_a_problem_that_names_the_file(on_processor: None) -> None:
    settings = load_settings()
    folder = model_folder(settings.home, "MiniCPM4-0.5B")
    files = {"model.safetensors": {"size": 999, "sha256": None}}
    (folder / MANIFEST).write_text(json.dumps({"id": "OpenBMB/MiniCPM4-0.5B", "revision": "master", "files": files}))
    finding = by_name(examine(settings))["MiniCPM4-0.5B"]
    assert finding.problem
    assert "model.safetensors has 200 of 999 bytes" in str(finding.value)
    assert "download MiniCPM4-0.5B" in str(finding.advice)


def test_a_configured_folder_is_checked(on_processor: None, tmp_path: Path) -> None:
    finding = by_name(examine(load_settings(model=tmp_path / "没有")))["Answers by"]
    assert finding.problem
    assert "is not a folder" in str(finding.advice)
    findings = by_name(examine(load_settings(model=CHECKPOINT)))
    assert str(findings["Answers by"].value) == f"tiny-reader in {CHECKPOINT}"
    assert not any(finding.problem for finding in findings.values())


def test_settings_that_cannot_work_here_are_problems(on_processor: None, tmp_path: Path) -> None:
    findings = by_name(examine(load_settings(device="cuda", embedder="no-such-model", reranker=tmp_path / "none")))
    assert findings["Device"].problem
    assert findings["Embeddings by"].problem
    assert findings["Reranks with"].problem


@pytest.mark.skipif(not gguf_files.is_here(), reason="needs the package gguf")
def test_a_gguf_file_is_told_with_its_format_and_a_broken_one_with_the_reason(
    on_processor: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "measure_bandwidth", lambda device: 20e9)
    file = gguf_files.write_gguf(GOLDEN / "minicpm-1b-tiny", tmp_path / "mine.gguf")
    findings = by_name(examine(load_settings(model=file)))
    assert str(findings["Answers by"].value) == f"mine.gguf in {file}"
    assert str(findings["Device"].value) == "cpu, weights F32, llama.cpp"
    assert "tokens/s" in str(findings["Expected speed"].value)
    file.write_bytes(file.read_bytes()[:1000])
    finding = by_name(examine(load_settings(model=file)))["Answers by"]
    assert finding.problem
    assert "cut short" in str(finding.advice)


def test_doctor_and_the_list_of_models_tell_the_same(
    on_processor: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hardware, "describe", lambda: PROCESSOR)
    choice = choose(PROCESSOR, ())
    findings = by_name(examine(load_settings()))
    assert str(choice.reason) in str(findings["Suits this machine"].advice)
    assert findings["Quicker or better"].value == choice.better
    assert main(["--lang", "en", "models", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["choice"], told["better"]) == (str(choice.reason), str(choice.better))
    assert choice.model is not None
    seconds = {model["name"]: model["question_seconds"] for model in told["models"]}
    assert seconds[choice.model.name] == max(1, round(usual_seconds(choice.model, PROCESSOR)))
    assert seconds["bge-m3"] is None


def test_a_server_is_named_without_being_called(on_processor: None) -> None:
    findings = by_name(examine(load_settings(llm_url="http://127.0.0.1:9/v1")))
    assert str(findings["Answers by"].value) == "the server at http://127.0.0.1:9/v1"


def test_the_library_is_checked_when_asked(on_processor: None) -> None:
    assert "Library" not in by_name(examine(load_settings()))
    finding = by_name(examine(load_settings(), check=True))["Library"]
    assert str(finding.value).startswith("0 documents and 0 chunks compared")
    assert not finding.problem


def test_a_library_that_is_damaged_is_a_problem(on_processor: None) -> None:
    settings = load_settings()
    settings.home.mkdir(parents=True)
    (settings.home / "ledger.sqlite3").write_bytes(b"not a database" * 1000)
    assert by_name(examine(settings, check=True))["Library"].problem


def test_a_destroyed_ledger_is_a_problem_without_being_checked(on_processor: None) -> None:
    settings = load_settings()
    settings.home.mkdir(parents=True)
    ledger = settings.home / "ledger.sqlite3"
    Ledger(settings.home).close()
    assert "Library" not in by_name(examine(settings))
    ledger.write_bytes(bytes(range(256)) * 400)
    finding = by_name(examine(settings))["Library"]
    assert finding.problem
    assert "ledger.sqlite3 is damaged" in str(finding.advice)


def test_a_driver_without_cuda_in_torch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    note = Message("models.torch_without_cuda", version="2.13.0+cpu")
    monkeypatch.setattr(doctor, "describe", lambda: Hardware((), 64 << 30, 16, note=note))
    finding = by_name(examine(load_settings()))["GPU"]
    assert finding.value == note
    assert "CUDA build" in str(finding.advice)


# The commands


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    files = {"config.json": b"{}", "model.safetensors": b"weights"}
    names = ("OpenBMB/MiniCPM4-0.5B", "BAAI/bge-m3", "someone/own")
    with serve(Hub({name: dict(files) for name in names})) as running:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.address)
        yield running


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_doctor_exits_1_when_something_is_wrong_and_0_otherwise(
    on_processor: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = run(capsys, "doctor", "--json")
    report: dict[str, Any] = json.loads(out)
    assert (code, report["ok"]) == (0, True)
    monkeypatch.setenv("MINICPM_RAG_MODEL", "/no/such/folder")
    code, out, err = run(capsys, "doctor")
    assert code == 1
    assert "! Answers by: /no/such/folder is not a folder" in out
    assert "1 item needs attention: Answers by" in err
    code, out, _ = run(capsys, "doctor", "--json")
    assert (code, json.loads(out)["ok"]) == (1, False)


def test_the_report_and_the_models_are_told_in_chinese(on_processor: None, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--lang", "zh", "doctor")
    assert all(words in out for words in ("回答方式", "引用文档中的句子，不用模型", "适合这台电脑", "需要先下载"))
    _, out, _ = run(capsys, "--lang", "zh", "models")
    assert "教程所用的模型，下载量减半" in out
    code, _, err = run(capsys, "--lang", "zh", "download", "no-such-model")
    assert code == 1 and "没有名为“no-such-model”的模型" in err


def test_models_lists_the_catalogue_in_columns_and_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    model_folder(load_settings().home, "MiniCPM4-0.5B")
    model_folder(load_settings().home, "我的模型")
    code, out, _ = run(capsys, "models", "--json")
    listed = {model["name"]: model for model in json.loads(out)["models"]}
    assert code == 0
    assert len(listed) == len(CATALOGUE) + 1
    assert listed["MiniCPM4-0.5B"]["here"] == listed["我的模型"]["here"] == "yes"
    assert listed["MiniCPM-Embedding-Light"]["fits"] == "processor"
    assert listed["MiniCPM-V-4.6"]["fits"] == "no"
    _, out, _ = run(capsys, "models")
    from rich.cells import cell_len

    lines = out.splitlines()
    column = cell_len(lines[0][: lines[0].index("ModelScope id")])
    row = next(line for line in lines if line.lstrip("* ").startswith("MiniCPM5-1B"))
    assert cell_len(row[: row.index("OpenBMB/")]) == column
    own = next(line for line in lines if "我的模型" in line)
    assert cell_len(own[: own.index("chat")]) == cell_len(row[: row.index("chat")])


def test_download_puts_the_files_into_the_home_folder(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "download", "minicpm4-0.5b")
    folder = load_settings().home / "models" / "MiniCPM4-0.5B"
    assert (code, out.strip()) == (0, str(folder))
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert "100 %" in err


def test_download_takes_any_hub_id_and_another_folder(
    hub: Hub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = run(capsys, "download", "someone/own", "--dir", str(tmp_path / "d"))
    assert code == 0
    assert (tmp_path / "d" / "config.json").exists()
    assert f"MINICPM_RAG_MODEL={tmp_path / 'd'}" in err


def test_download_recommended_fetches_the_set_for_this_machine(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minicpm_rag.models.hardware.describe", lambda: Hardware((), 8 << 30, 2))
    code, out, _ = run(capsys, "download", "--recommended")
    assert (code, out.strip()) == (0, str(load_settings().home / "models" / "MiniCPM4-0.5B"))


def test_download_errors_are_one_line(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, "download")[0] == 2
    assert run(capsys, "download", "MiniCPM4-0.5B", "--recommended")[0] == 2
    code, _, err = run(capsys, "download", "no-such-model")
    assert (code, err.count("\n")) == (1, 1)
    code, _, err = run(capsys, "download", "MiniCPM4-0.5B", "--revision", "v9")
    assert (code, err.count("\n")) == (1, 1)
    assert "'v9'" in err


def test_convert_writes_a_checkpoint_that_is_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "convert", str(CHECKPOINT), str(tmp_path / "copy"))
    assert (code, out.strip()) == (0, str(tmp_path / "copy"))
    assert read_config(tmp_path / "copy").num_hidden_layers == 5
    assert len(find_weights(tmp_path / "copy").files) == 1


@pytest.mark.parametrize("found", [None, "/usr/bin/soffice"])
def test_libreoffice_is_named_whether_it_is_there_or_not(monkeypatch: pytest.MonkeyPatch, found: str | None) -> None:
    monkeypatch.setattr(conversion, "program", lambda: found)
    finding = by_name(examine(load_settings()))["LibreOffice"]
    assert (str(finding.value), finding.advice is None) == (found or "not installed", found is not None)
