"""Checkpoint folders become models with the reference's numbers, or a message that names what is wrong."""

from __future__ import annotations

import json
import logging
import math
import pickle
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import CHATML, CHECKPOINTS, GOLDEN, SHARDED_BIN, SINGLE_SAFETENSORS, copy_of, edit_json, expected
from safetensors.torch import load_file, save_file

from minicpm_rag.errors import CheckpointError, ModelError, OutOfMemoryError
from minicpm_rag.llm import checkpoint
from minicpm_rag.llm.checkpoint import placement

IDS = torch.tensor([[1, 322, 280, 397, 379]])


def load(folder: Path, **options: Any) -> Any:
    return checkpoint.load_model(folder, **{"device": "cpu", "precision": "float32", **options})


def logits(model: Any, ids: torch.Tensor = IDS) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=ids).logits.float()


def all_weights(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in load(folder).state_dict().items() if name != "lm_head.weight"}


def without_weights(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.bin*", "*.safetensors*"))
    return target


# The reference's numbers


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_logits_are_those_of_the_reference(name: str) -> None:
    reference = expected(name)
    found = logits(load(GOLDEN / name), torch.tensor(reference["input_ids"]))
    assert torch.allclose(found[:, -1], torch.tensor(reference["logits_last"]), atol=1e-4, rtol=0)
    assert torch.allclose(found.logsumexp(-1), torch.tensor(reference["logsumexp_all"]), atol=1e-4, rtol=0)
    assert torch.equal(found.argmax(-1), torch.tensor(reference["argmax_all"]))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_either_attention_gives_the_same_logits(attention: str) -> None:
    model = load(SINGLE_SAFETENSORS, attention=attention)
    reference = torch.tensor(expected(SINGLE_SAFETENSORS.name)["logits_last"])
    ids = torch.tensor(expected(SINGLE_SAFETENSORS.name)["input_ids"])
    assert model.config._attn_implementation == attention
    assert torch.allclose(logits(model, ids)[:, -1], reference, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("family", "reason"),
    [("minicpmv", "reads pictures.*MiniCPM5-2B"), ("minicpm_sala", "sparse attention.*MiniCPM4.1-8B")],
)
def test_a_family_that_is_not_run_is_refused_with_the_reason_and_the_nearest_model(
    family: str, reason: str, tmp_path: Path
) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "other")
    edit_json(folder / "config.json", model_type=family)
    with pytest.raises(CheckpointError, match=reason):
        checkpoint.read_config(folder)


def test_longrope_wider_than_trained_uses_long_factors_for_every_prompt(tmp_path: Path) -> None:
    # The published code picks the factors once, for the whole window, and scales by the ratio of the windows.
    folder = copy_of(CHATML, tmp_path / "wide")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    edit_json(folder / "config.json", max_position_embeddings=2048)
    model = load(folder)
    logits(model)  # a prompt far shorter than the trained window
    head = config["hidden_size"] // config["num_attention_heads"]
    base = 10000.0 ** (-torch.arange(0, head, 2).float() / head)
    wanted = base / torch.tensor(config["rope_scaling"]["long_factor"])
    rotary = model.model.rotary_emb
    assert torch.allclose(rotary.inv_freq, wanted, rtol=1e-5)
    assert rotary.attention_scaling == pytest.approx(math.sqrt(1 + math.log(2048 / 512) / math.log(512)))


def test_absent_scalings_are_off_and_the_head_is_tied(tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "plain")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for key in ("scale_emb", "scale_depth", "dim_model_base"):
        del config[key]
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    found = checkpoint.read_config(folder)
    assert found.embedding_multiplier == 1
    assert found.residual_multiplier == pytest.approx(1 / math.sqrt(config["num_hidden_layers"]))
    assert found.logits_scaling == config["hidden_size"]
    assert found.tie_word_embeddings is True


# Families


def test_sparse_attention_is_served_dense_and_said_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = copy_of(CHATML, tmp_path / "sparse")
    edit_json(folder / "config.json", sparse_config={"kernel_size": 32})
    with caplog.at_level(logging.INFO):
        model = load(folder)
    assert "dense" in caplog.text
    assert torch.equal(logits(model), logits(load(CHATML)))


def tiny_of(family: str) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM, MiniCPM3Config, MiniCPM3ForCausalLM

    torch.manual_seed(5)
    common = {
        "vocab_size": 760,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
    }
    if family == "llama":
        return LlamaForCausalLM(LlamaConfig(**common, num_key_value_heads=2))
    low_rank = {"kv_lora_rank": 16, "q_lora_rank": 24, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8}
    return MiniCPM3ForCausalLM(MiniCPM3Config(**common, num_key_value_heads=4, **low_rank))


@pytest.mark.parametrize("family", ["llama", "minicpm3"])
def test_native_families_load_unchanged(family: str, tmp_path: Path) -> None:
    original = tiny_of(family).eval()
    original.save_pretrained(tmp_path / family)
    model = load(tmp_path / family)
    assert type(model) is type(original)
    assert torch.equal(logits(model), logits(original))


@pytest.mark.parametrize("family", ["qwen2", None])
def test_another_family_is_refused_with_the_supported_ones(family: str | None, tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "other")
    edit_json(folder / "config.json", model_type=family)
    with pytest.raises(CheckpointError, match=r"minicpm3.*llama"):
        load(folder)


def test_mixture_of_experts_is_refused(tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "moe")
    edit_json(folder / "config.json", num_experts=8)
    with pytest.raises(CheckpointError, match="mixture-of-experts"):
        load(folder)


# File formats


def one_bin(weights: dict[str, torch.Tensor], folder: Path) -> None:
    torch.save(weights, folder / "pytorch_model.bin")


def one_old_bin(weights: dict[str, torch.Tensor], folder: Path) -> None:
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)


def one_safetensors(weights: dict[str, torch.Tensor], folder: Path) -> None:
    save_file(weights, folder / "model.safetensors")


def sharded_safetensors(weights: dict[str, torch.Tensor], folder: Path) -> None:
    listed = {}
    for number in range(3):
        part = {name: weights[name] for name in sorted(weights)[number::3]}
        save_file(part, folder / f"model-{number + 1}-of-3.safetensors")
        listed.update(dict.fromkeys(part, f"model-{number + 1}-of-3.safetensors"))
    index = {
        "metadata": {"total_size": sum(tensor.nbytes for tensor in weights.values())},
        "weight_map": listed,
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("write", [one_bin, one_old_bin, one_safetensors, sharded_safetensors])
def test_every_file_format_and_number_format_loads(write: Any, dtype: torch.dtype, tmp_path: Path) -> None:
    folder = without_weights(SHARDED_BIN, tmp_path / "copy")
    weights = {name: tensor.to(dtype) for name, tensor in all_weights(SHARDED_BIN).items()}
    write(weights, folder)
    state = load(folder).state_dict()
    assert all(torch.equal(state[name], tensor.float()) for name, tensor in weights.items())


def test_tied_head_and_old_rotary_buffers_in_the_file_are_no_error(tmp_path: Path) -> None:
    folder = without_weights(SHARDED_BIN, tmp_path / "copy")
    weights = all_weights(SHARDED_BIN)
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    torch.save(weights, folder / "pytorch_model.bin")
    assert torch.equal(logits(load(folder)), logits(load(SHARDED_BIN)))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_weights_take_the_wanted_precision_and_frequencies_stay_exact(precision: str) -> None:
    model = load(SHARDED_BIN, precision=precision)
    assert {parameter.dtype for parameter in model.parameters()} == {getattr(torch, precision)}
    assert model.model.rotary_emb.inv_freq.dtype == torch.float32
    assert model.dtype == getattr(torch, precision)


def test_loaded_weights_do_not_depend_on_the_files_any_more(tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "copy")
    model = load(folder, precision="bfloat16")  # the format of the file: nothing had to be converted
    before = logits(model)
    path = folder / "model.safetensors"
    with path.open("r+b") as file:
        file.seek(-100_000, 2)
        file.write(bytes(100_000))
    assert torch.equal(logits(model), before)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory use from /proc")
def test_float32_shards_need_little_more_memory_than_the_loaded_model(tmp_path: Path) -> None:
    shape = {
        "hidden_size": 768,
        "intermediate_size": 2048,
        "num_attention_heads": 12,
        "num_key_value_heads": 12,
    }
    folder = without_weights(SHARDED_BIN, tmp_path / "big")
    edit_json(folder / "config.json", num_hidden_layers=12, **shape)
    parameters = dict(checkpoint._empty_model(checkpoint.read_config(folder)).named_parameters())
    listed = {}
    for number in range(6):
        part = {name: torch.ones(parameters[name].shape) for name in sorted(parameters)[number::6]}
        torch.save(part, folder / f"pytorch_model-{number}.bin")
        listed.update(dict.fromkeys(part, f"pytorch_model-{number}.bin"))
    del part
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": listed}), encoding="utf-8")
    load(SHARDED_BIN)  # whatever is imported and kept for good
    before = anonymous_memory()
    peak, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], anonymous_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    model = load(folder, precision="bfloat16")
    done.set()
    watcher.join()
    size = placement.model_bytes(model, torch.bfloat16)
    shard = max(path.stat().st_size for path in folder.glob("*.bin"))
    assert size > 150e6
    assert peak[0] - before < size + shard


def anonymous_memory() -> int:
    """Bytes of this process that are no mapped files."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


# Wrong and half-downloaded folders


def cut(path: Path, share: float = 0.5) -> None:
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))


def test_missing_folder_and_missing_config_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere is not a folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        load(tmp_path)


def test_folder_without_weights_says_so_and_mentions_unfinished_downloads(tmp_path: Path) -> None:
    folder = without_weights(SHARDED_BIN, tmp_path / "copy")
    (folder / "pytorch_model.bin.incomplete").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"no weights.*unfinished.*pytorch_model\.bin\.incomplete"):
        load(folder)


def test_missing_shard_is_named(tmp_path: Path) -> None:
    folder = copy_of(SHARDED_BIN, tmp_path / "copy")
    (folder / "pytorch_model-00003-of-00004.bin").unlink()
    with pytest.raises(CheckpointError, match=r"lacks 1 of 4 weight files: pytorch_model-00003-of-00004\.bin"):
        load(folder)


@pytest.mark.parametrize("share", [0.5, 0.999, 0.00001])
@pytest.mark.parametrize(
    ("source", "name"),
    [(SHARDED_BIN, "pytorch_model-00002-of-00004.bin"), (SINGLE_SAFETENSORS, "model.safetensors")],
    ids=["bin", "safetensors"],
)
def test_short_file_is_named(source: Path, name: str, share: float, tmp_path: Path) -> None:
    folder = copy_of(source, tmp_path / "copy")
    cut(folder / name, share)
    with pytest.raises(CheckpointError, match=name):
        load(folder)


def test_short_old_bin_is_named(tmp_path: Path) -> None:
    folder = without_weights(SHARDED_BIN, tmp_path / "copy")
    one_old_bin(all_weights(SHARDED_BIN), folder)
    cut(folder / "pytorch_model.bin", 0.7)
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin is damaged or cut short"):
        load(folder)


def test_a_whole_set_is_used_where_another_is_broken(tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "copy")
    one_bin(load_file(folder / "model.safetensors"), folder)
    cut(folder / "model.safetensors")
    assert torch.equal(logits(load(folder)), logits(load(SINGLE_SAFETENSORS)))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "generation_config.json"])
def test_git_lfs_pointer_is_recognised(name: str, tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "copy")
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=f"{name} is only a Git LFS pointer"):
        load(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_damaged_config_is_named(content: str, tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "copy")
    (folder / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": None},
        {"num_attention_heads": 0},
        {"rope_scaling": {"type": "longrope"}},
        {"vocab_size": "many"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_impossible_config_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "copy")
    edit_json(folder / "config.json", **changes)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load(folder)


def test_missing_weight_is_named(tmp_path: Path) -> None:
    folder = without_weights(SHARDED_BIN, tmp_path / "copy")
    weights = all_weights(SHARDED_BIN)
    del weights["model.layers.1.mlp.up_proj.weight"]
    one_safetensors(weights, folder)
    with pytest.raises(CheckpointError, match=r"lacks 1 weight,.*model\.layers\.1\.mlp\.up_proj\.weight"):
        load(folder)


def test_weight_missing_from_the_index_is_named(tmp_path: Path) -> None:
    folder = copy_of(SHARDED_BIN, tmp_path / "copy")
    index = json.loads((folder / "pytorch_model.bin.index.json").read_text(encoding="utf-8"))
    del index["weight_map"]["model.norm.weight"]
    edit_json(folder / "pytorch_model.bin.index.json", **index)
    with pytest.raises(CheckpointError, match=r"lacks 1 weight,.*model\.norm\.weight"):
        load(folder)


def test_shard_without_its_weight_is_named(tmp_path: Path) -> None:
    folder = without_weights(SHARDED_BIN, tmp_path / "copy")
    sharded_safetensors(all_weights(SHARDED_BIN), folder)
    part = folder / "model-2-of-3.safetensors"
    weights = load_file(part)
    lost, tensor = weights.popitem()
    save_file({**weights, "model.norm.weight": torch.ones(96), "padding": torch.zeros_like(tensor)}, part)
    with pytest.raises(CheckpointError, match=r"'padding'"):
        load(folder)
    save_file(weights, part)
    edit_json(folder / "model.safetensors.index.json", metadata={})
    with pytest.raises(CheckpointError) as error:
        load(folder)
    assert lost in str(error.value)
    assert "model-2-of-3.safetensors" in str(error.value)


def test_wrong_shape_is_named(tmp_path: Path) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "copy")
    edit_json(folder / "config.json", intermediate_size=128)
    with pytest.raises(CheckpointError, match=r"has shape .*160.*, but config\.json needs .*128"):
        load(folder)


def test_index_that_points_outside_is_refused(tmp_path: Path) -> None:
    folder = copy_of(SHARDED_BIN, tmp_path / "copy")
    edit_json(folder / "pytorch_model.bin.index.json", weight_map={"model.norm.weight": "../elsewhere.bin"})
    with pytest.raises(CheckpointError, match="not a file name"):
        load(folder)


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("old_format", [False, True])
def test_pickle_that_would_run_code_is_refused_and_not_run(old_format: bool, tmp_path: Path) -> None:
    folder = without_weights(SHARDED_BIN, tmp_path / "copy")
    weights: dict[str, Any] = {**all_weights(SHARDED_BIN), "evil": _Evil(tmp_path / "was-run")}
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=not old_format)
    with pytest.raises(CheckpointError, match="could run code"):
        load(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Evil(tmp_path / "was-run")))
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin"):
        load(folder)
    assert not (tmp_path / "was-run").exists()


# Nothing but local files is touched

_GUARDED = """
    import builtins, sys

    folder = sys.argv[1]

    class NoStdin:
        def __getattr__(self, name):
            raise SystemExit(f"stdin.{name} was used")

    def watch(event, arguments):
        name = str(arguments[0]) if arguments else ""
        if event in ("socket.connect", "socket.getaddrinfo", "builtins.input"):
            raise SystemExit(f"{event} {arguments}")
        if event in ("open", "exec", "compile") and name.startswith(folder) and name.endswith(".py"):
            raise SystemExit(f"{event} {name}")
        if event == "exec" and getattr(arguments[0], "co_filename", "").startswith(folder):
            raise SystemExit(f"{event} {arguments}")

    sys.stdin = NoStdin()
    sys.addaudithook(watch)

    from minicpm_rag import MiniCPM_LLM
    from minicpm_rag.llm import checkpoint

    model = checkpoint.load_model(folder, device="cpu")
    llm = MiniCPM_LLM(folder, device="cpu", temperature=0, max_new_tokens=3)
    assert llm("你好")
    checkpoint.convert(folder, sys.argv[2])
    imported = [name for name in sys.modules if "modeling_minicpm" in name and "minicpm3" not in name]
    assert not imported, imported
    print("quiet")
"""


def test_no_socket_no_stdin_and_no_code_of_the_folder(tmp_path: Path) -> None:
    folder = copy_of(SHARDED_BIN, tmp_path / "checkpoint")
    edit_json(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization_minicpm.Tokenizer", None]})
    for name in ("configuration_minicpm.py", "modeling_minicpm.py", "tokenization_minicpm.py", "__init__.py"):
        (folder / name).write_text("raise SystemExit('remote code was run')", encoding="utf-8")
    # A fresh interpreter: an audit hook cannot be taken out again, and nothing may be imported already.
    # Without HF_HUB_OFFLINE, which would hide an attempt to reach the hub.
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_GUARDED), str(folder), str(tmp_path / "converted")],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=GOLDEN.parents[2],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONIOENCODING": "utf-8",
        },
    )
    assert run.stdout.strip() == "quiet", run.stdout + run.stderr


# Devices, precision, attention


def test_asking_for_a_gpu_or_flash_attention_that_is_not_there_says_what_to_do() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ModelError, match="sees no GPU"):
        load(SHARDED_BIN, device="cuda")
    with pytest.raises(ModelError, match="MINICPM_RAG_ATTENTION=sdpa"):
        load(SHARDED_BIN, attention="flash_attention_2")


@pytest.mark.parametrize("option", [{"device": "tpu"}, {"precision": "int3"}, {"attention": "fast"}], ids=str)
def test_unknown_option_is_refused(option: dict[str, str]) -> None:
    with pytest.raises(ModelError, match=next(iter(option.values()))):
        load(SHARDED_BIN, **option)


def test_cpu_precision_follows_the_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "cpu_has_bfloat16", lambda: True)
    assert placement.choose_precision("auto", "cpu") == torch.bfloat16
    monkeypatch.setattr(placement, "cpu_has_bfloat16", lambda: False)
    assert placement.choose_precision("auto", "cpu") == torch.float32
    assert placement.choose_precision("auto", "cpu", float32_bytes=1 << 60) == torch.bfloat16


def test_weights_are_placed_where_they_fit() -> None:
    model = checkpoint._empty_model(checkpoint.read_config(SHARDED_BIN))
    size = placement.model_bytes(model, torch.bfloat16)
    whole = placement.device_map(model, torch.bfloat16, "cuda", {0: size // 2, 1: size + 1, "cpu": size})
    assert whole == {"": torch.device("cuda", 1)}
    spread = placement.device_map(model, torch.bfloat16, "cuda", {0: size // 2, "cpu": 4 * size})
    assert set(spread.values()) == {0, "cpu"}
    with pytest.raises(OutOfMemoryError, match="free together"):
        placement.device_map(model, torch.bfloat16, "cuda", {0: size // 4, "cpu": size // 4})


# Converting


def test_converted_copy_answers_like_the_original(tmp_path: Path) -> None:
    target = checkpoint.convert(SHARDED_BIN, tmp_path / "converted", shard_bytes=200_000)
    assert len(list(target.glob("*.safetensors"))) > 2
    assert not list(tmp_path.glob("*.partial"))
    original, copy = load(SHARDED_BIN, precision="bfloat16"), load(target, precision="bfloat16")
    assert torch.equal(logits(original), logits(copy))
    assert (
        checkpoint.load_tokenizer(target)("你好").input_ids == checkpoint.load_tokenizer(SHARDED_BIN)("你好").input_ids
    )
    assert copy.generation_config.eos_token_id == original.generation_config.eos_token_id
    assert "auto_map" not in (target / "config.json").read_text(encoding="utf-8")
    before = {path.name: path.stat().st_mtime_ns for path in target.iterdir()}
    checkpoint.convert(SHARDED_BIN, target, shard_bytes=200_000)
    assert {path.name: path.stat().st_mtime_ns for path in target.iterdir()} == before


def test_broken_conversion_is_taken_up_where_it_stopped(tmp_path: Path) -> None:
    target = tmp_path / "converted"
    folder = copy_of(SHARDED_BIN, tmp_path / "source")
    blocker = tmp_path / "converted.partial" / "model-00003.tmp"
    blocker.mkdir(parents=True)
    (blocker.parent / "started.json").write_text("{}", encoding="utf-8")
    checkpoint.convert(folder, target, shard_bytes=200_000)  # leftovers of another run do not disturb
    shards = len(list(target.glob("*.safetensors")))
    shutil.rmtree(target)
    # Now one that really breaks: the second half of the files is damaged after it has begun.
    last = folder / "pytorch_model-00004-of-00004.bin"
    whole = last.read_bytes()
    last.write_bytes(whole[:2000] + bytes(len(whole) - 2022) + whole[-22:])
    with pytest.raises(CheckpointError, match=last.name):
        checkpoint.convert(folder, target, shard_bytes=200_000)
    assert not target.exists()
    done = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "converted.partial").glob("*.safetensors")}
    assert 0 < len(done) < shards
    last.write_bytes(whole)
    checkpoint.convert(folder, target, shard_bytes=200_000)
    assert all((target / name).stat().st_mtime_ns == time for name, time in done.items())
    assert torch.equal(logits(load(target)), logits(load(SHARDED_BIN)))


def test_a_tied_head_is_not_written_twice(tmp_path: Path) -> None:
    folder = without_weights(SHARDED_BIN, tmp_path / "copy")
    weights = all_weights(SHARDED_BIN)
    one_bin({**weights, "lm_head.weight": weights["model.embed_tokens.weight"]}, folder)
    target = checkpoint.convert(folder, tmp_path / "converted")
    listed = json.loads((target / "model.safetensors.index.json").read_text(encoding="utf-8"))["weight_map"]
    assert set(listed) == set(weights)


def test_converting_onto_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        checkpoint.convert(SHARDED_BIN, tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text(encoding="utf-8") == "dear"


def test_failed_writing_says_where_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"Writing .* failed"):
        checkpoint.convert(SHARDED_BIN, tmp_path / "file" / "converted")
