"""Token ids and decoded texts are those of the reference, whichever files the folder has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import SHARED
from golden import CHECKPOINTS, GOLDEN, SINGLE_SAFETENSORS, copy_of, edit_json, expected

from minicpm_rag.errors import CheckpointError
from minicpm_rag.llm.checkpoint.tokenizer import load_tokenizer, write_pipeline

REAL = SHARED / "tokenizer"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason="the real MiniCPM-2B tokenizer is not in ../shared")


@pytest.fixture(scope="module", params=["tokenizer.json", "tokenizer.model"])
def real_tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The real MiniCPM-2B tokenizer from a folder that holds only one kind of file."""
    folder = tmp_path_factory.mktemp("tokenizer")
    for name in (request.param, "tokenizer_config.json"):
        shutil.copyfile(REAL / name, folder / name)
    return load_tokenizer(folder)


@needs_real
def test_all_94_texts_give_the_ids_and_texts_of_the_reference(real_tokenizer: Any) -> None:
    cases = json.loads((REAL / "expected.json").read_text(encoding="utf-8"))
    assert len(cases) == 94
    wrong = [
        case["text"]
        for case in cases
        if real_tokenizer(case["text"]).input_ids != case["input_ids"]
        or real_tokenizer.decode(case["input_ids"], skip_special_tokens=True) != case["decoded"]
    ]
    assert wrong == []


@needs_real
def test_pipeline_made_of_the_sentencepiece_file_is_the_shipped_one(tmp_path: Path) -> None:
    write_pipeline(REAL / "tokenizer.model", tmp_path / "tokenizer.json")
    made = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    shipped = json.loads((REAL / "tokenizer.json").read_text(encoding="utf-8"))
    merges = [tuple(merge.split(" ") if isinstance(merge, str) else merge) for merge in shipped["model"].pop("merges")]
    assert [tuple(merge) for merge in made["model"].pop("merges")] == merges
    assert made == shipped


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_chat_prompts_of_the_golden_folders_give_the_reference_ids(name: str) -> None:
    tokenizer = load_tokenizer(GOLDEN / name)
    for case in expected(name)["chat"]:
        assert tokenizer(case["template"]).input_ids == case["input_ids"]


def test_special_tokens_and_template_come_from_the_folder() -> None:
    tokenizer = load_tokenizer(SINGLE_SAFETENSORS)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (1, 2)
    assert "<用户>" in tokenizer.chat_template


def test_template_file_beside_the_tokenizer_is_used(tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "copy")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    del config["chat_template"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}!", encoding="utf-8")
    text = load_tokenizer(folder).apply_chat_template([{"role": "user", "content": "嗨"}], tokenize=False)
    assert text == "嗨!"


def test_remote_tokenizer_code_is_not_asked_for(tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "copy")
    edit_json(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization_other.Other", None]})
    assert load_tokenizer(folder)("你好").input_ids == load_tokenizer(SINGLE_SAFETENSORS)("你好").input_ids


def test_folder_without_tokenizer_names_both_files(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"neither tokenizer\.json nor tokenizer\.model"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"])
@pytest.mark.parametrize("content", ["", "{", "version https://git-lfs.github.com/spec/v1\n"])
def test_damaged_file_is_named(name: str, content: str, tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "copy")
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=name):
        load_tokenizer(folder)


@pytest.mark.parametrize("content", [b"", b"\x0a\x05\xff\xff", b"version https://git-lfs.github.com/spec/v1\n"])
def test_damaged_sentencepiece_file_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.model"):
        load_tokenizer(tmp_path)


@needs_real
def test_cut_sentencepiece_file_is_named(tmp_path: Path) -> None:
    whole = (REAL / "tokenizer.model").read_bytes()
    (tmp_path / "tokenizer.model").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"tokenizer\.model"):
        load_tokenizer(tmp_path)
