"""Folders as people have them: each gives its model, or the sentence that says what it is and what to do."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import CHATML, SHARDED_BIN, SINGLE_SAFETENSORS, copy_of, edit_json, expected
from safetensors.torch import load_file, save_file

from minicpm_rag.errors import CheckpointError, ModelError
from minicpm_rag.llm import checkpoint
from minicpm_rag.llm.checkpoint.folder import locate
from minicpm_rag.llm.minicpm import MiniCPM_LLM

IDS = torch.tensor([[1, 322, 280, 397, 379]])
RANK = 4
PROJECTION = "model.layers.1.self_attn.q_proj"


def logits(folder: Path) -> torch.Tensor:
    model = checkpoint.load_model(folder, device="cpu", precision="float32")
    with torch.inference_mode():
        return model(input_ids=IDS).logits.float()  # type: ignore[no-any-return]


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}


def adapter(folder: Path, changes: dict[str, torch.Tensor], **config: Any) -> Path:
    """An adapter's folder as peft saves it."""
    folder.mkdir(exist_ok=True)
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": 8, "base_model_name_or_path": "", **config}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    tensors = {f"base_model.model.{name}": tensor.contiguous() for name, tensor in changes.items()}
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def pair(rows: int, columns: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(RANK, columns, generator=generator), torch.randn(rows, RANK, generator=generator)


def low_rank(base: Path, name: str = PROJECTION) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """A change of one projection, and what it adds to the weight before scaling."""
    a, b = pair(*weights_of(base)[f"{name}.weight"].shape)
    return {f"{name}.lora_A.weight": a, f"{name}.lora_B.weight": b}, b @ a


def with_weight(base: Path, target: Path, name: str, weight: torch.Tensor) -> Path:
    """A copy of the base in which that weight was changed by hand, in float32."""
    folder = copy_of(base, target)
    save_file({**weights_of(folder), name: weight.contiguous()}, folder / "model.safetensors")
    return folder


# What transformers 5 writes


@pytest.mark.parametrize(
    ("four", "five"),
    [
        (
            {"rope_theta": 1e6, "rope_scaling": {"rope_type": "linear", "factor": 4.0}},
            {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e6}},
        ),
        ({"rope_theta": 5e5}, {"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}),
        (
            {"rope_theta": 5e5, "rope_scaling": {"type": "dynamic", "factor": 2.0}},
            {"rope_scaling": {"type": "dynamic", "factor": 2.0, "rope_theta": 5e5}},
        ),
    ],
)
def test_rope_as_transformers_5_saves_it_is_that_of_transformers_4(
    tmp_path: Path, four: dict[str, Any], five: dict[str, Any]
) -> None:
    folders = [copy_of(SINGLE_SAFETENSORS, tmp_path / name) for name in ("four", "five")]
    for folder, rope in zip(folders, (four, five), strict=True):
        edit_json(folder / "config.json", **rope)
    assert torch.equal(*(logits(folder) for folder in folders))


def test_longrope_as_transformers_5_saves_it_is_that_of_transformers_4(tmp_path: Path) -> None:
    config = json.loads((CHATML / "config.json").read_text(encoding="utf-8"))
    rope = {**config["rope_scaling"], "rope_theta": config["rope_theta"]}
    folder = copy_of(CHATML, tmp_path / "five")
    edit_json(folder / "config.json", rope_parameters=rope, rope_scaling=None, rope_theta=None)
    reference = expected(CHATML.name)
    model = checkpoint.load_model(folder, device="cpu", precision="float32")
    with torch.inference_mode():
        found = model(input_ids=torch.tensor(reference["input_ids"])).logits[:, -1]
    assert torch.allclose(found, torch.tensor(reference["logits_last"]), atol=1e-4, rtol=0)


# Adapters


def test_an_adapter_beside_its_base_is_merged_into_it(tmp_path: Path) -> None:
    base = copy_of(SINGLE_SAFETENSORS, tmp_path / "MiniCPM-1B")
    changes, added = low_rank(base)
    mine = adapter(tmp_path / "mine", changes, base_model_name_or_path="openbmb/MiniCPM-1B")
    name = f"{PROJECTION}.weight"
    by_hand = with_weight(base, tmp_path / "by-hand", name, weights_of(base)[name] + added * 8 / RANK)
    assert torch.allclose(logits(mine), logits(by_hand), atol=1e-5)
    assert not torch.allclose(logits(mine), logits(base), atol=1e-2)


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({"use_rslora": True}, 8 / math.sqrt(RANK)),
        ({"alpha_pattern": {"q_proj": 2}}, 2 / RANK),
        ({"alpha_pattern": {"layers.0.self_attn.q_proj": 2}}, 8 / RANK),
    ],
)
def test_an_adapters_scale_is_pefts(tmp_path: Path, config: dict[str, Any], scale: float) -> None:
    base = copy_of(SINGLE_SAFETENSORS, tmp_path / "base")
    changes, added = low_rank(base)
    mine = adapter(tmp_path / "mine", changes, base_model_name_or_path=str(base), **config)
    name = f"{PROJECTION}.weight"
    by_hand = with_weight(base, tmp_path / "by-hand", name, weights_of(base)[name] + added * scale)
    assert torch.allclose(logits(mine), logits(by_hand), atol=1e-5)


def test_dora_gives_each_row_its_length(tmp_path: Path) -> None:
    base = copy_of(SINGLE_SAFETENSORS, tmp_path / "base")
    changes, added = low_rank(base)
    name = f"{PROJECTION}.weight"
    lengths = torch.rand(len(added)) + 0.5
    changes[f"{PROJECTION}.lora_magnitude_vector"] = lengths
    mine = adapter(tmp_path / "mine", changes, base_model_name_or_path=str(base), use_dora=True)
    summed = weights_of(base)[name] + added * 8 / RANK
    by_hand = with_weight(base, tmp_path / "by-hand", name, summed / summed.norm(dim=1)[:, None] * lengths[:, None])
    assert torch.allclose(logits(mine), logits(by_hand), atol=1e-5)


def test_an_adapter_on_its_base_is_merged_into_it(tmp_path: Path) -> None:
    base = copy_of(SINGLE_SAFETENSORS, tmp_path / "base")
    changes, added = low_rank(base)
    name = f"{PROJECTION}.weight"
    by_hand = with_weight(base, tmp_path / "by-hand", name, weights_of(base)[name] + added * 8 / RANK)
    adapter(base, changes)
    assert torch.allclose(logits(base), logits(by_hand), atol=1e-5)


def test_an_adapter_with_added_tokens_brings_its_vocabulary_and_its_tokenizer(tmp_path: Path) -> None:
    base = copy_of(SINGLE_SAFETENSORS, tmp_path / "base")
    old = weights_of(base)["model.embed_tokens.weight"]
    new = torch.cat((old, torch.ones(2, old.shape[1])))
    mine = adapter(
        tmp_path / "mine",
        {"model.embed_tokens.modules_to_save.weight": new},
        base_model_name_or_path=str(base),
        modules_to_save=["embed_tokens"],
    )
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(base / name, mine / name)
    tokenizer = json.loads((mine / "tokenizer.json").read_text(encoding="utf-8"))
    added = {**tokenizer["added_tokens"][0], "id": len(old), "content": "<工单>", "special": False}
    tokenizer["added_tokens"].append(added)
    (mine / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    assert logits(mine).shape[-1] == len(new)
    assert torch.allclose(logits(mine)[..., : len(old)], logits(base), atol=1e-5)
    assert checkpoint.load_tokenizer(mine)("<工单>", add_special_tokens=False).input_ids[-1] == len(old)


def test_an_adapter_answers_like_any_folder(tmp_path: Path) -> None:
    base = copy_of(SINGLE_SAFETENSORS, tmp_path / "base")
    mine = adapter(tmp_path / "mine", low_rank(base)[0], base_model_name_or_path="base")
    assert MiniCPM_LLM(mine, device="cpu", temperature=0, max_new_tokens=4)("hi")


def test_an_adapter_without_its_base_says_which_base_and_where_to_put_it(tmp_path: Path) -> None:
    mine = adapter(tmp_path / "mine", {}, base_model_name_or_path="openbmb/MiniCPM4-0.5B")
    with pytest.raises(CheckpointError, match=r"download openbmb/MiniCPM4-0\.5B --dir .*MiniCPM4-0\.5B`"):
        MiniCPM_LLM(mine, device="cpu")


def test_an_adapter_of_another_model_or_kind_is_refused(tmp_path: Path) -> None:
    base = copy_of(SINGLE_SAFETENSORS, tmp_path / "base")
    place = {"base_model_name_or_path": str(base)}
    a, b = pair(10, 10)
    wrong_shape = {f"{PROJECTION}.lora_A.weight": a, f"{PROJECTION}.lora_B.weight": b}
    elsewhere = {name.replace("layers.1", "layers.77"): tensor for name, tensor in low_rank(base)[0].items()}
    for number, changes in enumerate((wrong_shape, elsewhere)):
        mine = adapter(tmp_path / f"mine-{number}", changes, **place)
        with pytest.raises(CheckpointError, match="belongs to another model"):
            logits(mine)
    with pytest.raises(CheckpointError, match="IA3"):
        logits(adapter(tmp_path / "ia3", {}, peft_type="IA3", **place))
    half = adapter(tmp_path / "half", {f"{PROJECTION}.lora_A.weight": a}, **place)
    with pytest.raises(CheckpointError, match=PROJECTION):
        logits(half)
    (half / "adapter_model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="adapter without weights"):
        logits(half)


# Folders that are none


def test_a_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    copy_of(SINGLE_SAFETENSORS, tmp_path / "mine")
    assert locate("~/mine") == tmp_path / "mine"
    assert MiniCPM_LLM("~/mine", device="cpu").model_path == str(tmp_path / "mine")


def test_each_wrong_folder_gets_its_own_sentence(tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.mkdir()
    (packed / "MiniCPM5-1B-Q4_K_M.gguf").write_bytes(b"GGUF")
    outer = tmp_path / "outer"
    copy_of(SINGLE_SAFETENSORS, outer / "snapshot") if not outer.mkdir() else None
    empty = tmp_path / "empty"
    empty.mkdir()
    sentences = {
        tmp_path / "nowhere": "is not a folder",
        "~/no-such-folder": r"no-such-folder is not a folder",
        "openbmb/MiniCPM-2B-sft-bf16": "download openbmb/MiniCPM-2B-sft-bf16`",
        "openbmb/MiniCPM-V-2_6": "reads pictures",
        packed: "GGUF file.*GgufLLM",
        packed / "MiniCPM5-1B-Q4_K_M.gguf": "GGUF file",
        SHARDED_BIN / "config.json": "is a file. Name the folder",
        outer: "inside it: snapshot",
        empty: "has no config.json",
    }
    for named, sentence in sentences.items():
        with pytest.raises(CheckpointError, match=sentence):
            MiniCPM_LLM(named, device="cpu")


# Models that cannot answer


@pytest.mark.parametrize("temperature", [0, 0.5])
def test_a_model_that_computes_no_numbers_says_so(tmp_path: Path, temperature: float) -> None:
    base = copy_of(SINGLE_SAFETENSORS, tmp_path / "base")
    norm = torch.full_like(weights_of(base)["model.norm.weight"], float("nan"))
    broken = with_weight(base, tmp_path / "broken", "model.norm.weight", norm)
    with pytest.raises(ModelError, match="MINICPM_RAG_PRECISION=float32"):
        MiniCPM_LLM(broken, device="cpu", temperature=temperature)("hi")


def test_a_token_beyond_the_models_table_is_named(tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "base")
    rows = len(weights_of(folder)["model.embed_tokens.weight"])
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    added = {**tokenizer["added_tokens"][0], "id": rows, "content": "<工单>", "special": False}
    tokenizer["added_tokens"].append(added)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    llm = MiniCPM_LLM(folder, device="cpu", max_new_tokens=4)
    with pytest.raises(ModelError, match="'<工单>'"):
        llm("看<工单>")
    assert llm("看") is not None
