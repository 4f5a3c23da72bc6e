"""The catalogue, what is on the machine, and the choice between them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from minicpm_rag.errors import DownloadError, ModelError
from minicpm_rag.models import CATALOGUE, Model, choose, download, find_local, find_model, fits, folder_of, recommended
from minicpm_rag.models.hardware import GIGABYTE, Gpu, Hardware
from minicpm_rag.models.manifest import MANIFEST
from minicpm_rag.models.quickness import usual_seconds

GIBIBYTE = 2**30


def machine(vram: float, ram: float = 64, cores: int = 16, *, bfloat16: bool = True, native: bool = False) -> Hardware:
    """A machine with that many GiB of video memory (0: no GPU) and of memory."""
    size = int(vram * GIBIBYTE)
    gpus = (Gpu("card", size, size, bfloat16),) if size else ()
    return Hardware(gpus, int(ram * GIBIBYTE), cores, processor_bfloat16=native)


def named(*names: str) -> list[Model]:
    return [find_model(name) for name in names]


@pytest.mark.parametrize(
    ("vram", "ram", "cores", "present", "expected", "device", "is_present"),
    [
        # Nothing here yet: what should be fetched.
        (80, 128, 32, (), "MiniCPM5-2B", "cuda", False),
        (24, 64, 16, (), "MiniCPM5-2B", "cuda", False),
        (12, 32, 8, (), "MiniCPM5-2B", "cuda", False),
        (8, 32, 8, (), "MiniCPM5-2B", "cuda", False),
        (4, 16, 8, (), "MiniCPM5-1B", "cuda", False),
        (2, 16, 4, (), "MiniCPM4-0.5B", "cuda", False),
        (1, 16, 4, (), "MiniCPM4-0.5B", "cpu", False),
        (0, 64, 16, (), "MiniCPM5-1B", "cpu", False),
        (0, 16, 4, (), "MiniCPM4-0.5B", "cpu", False),
        (0, 4, 16, (), "MiniCPM4-0.5B", "cpu", False),
        (0, 2, 2, (), None, "cpu", False),
        # Something is here: it is used, the tutorial's model first on a GPU.
        (80, 128, 32, ("MiniCPM4-8B",), "MiniCPM4-8B", "cuda", True),
        (80, 128, 32, ("MiniCPM4-8B", "MiniCPM-2B-sft-fp32"), "MiniCPM-2B-sft-fp32", "cuda", True),
        (24, 64, 16, ("MiniCPM-2B-dpo-bf16", "MiniCPM4-0.5B"), "MiniCPM-2B-dpo-bf16", "cuda", True),
        (24, 64, 16, ("MiniCPM-2B-sft-bf16", "MiniCPM5-2B"), "MiniCPM5-2B", "cuda", True),
        (8, 64, 16, ("MiniCPM4-8B", "MiniCPM5-1B"), "MiniCPM5-1B", "cuda", True),
        (4, 64, 16, ("MiniCPM-2B-sft-bf16", "MiniCPM4-0.5B"), "MiniCPM4-0.5B", "cuda", True),
        (4, 64, 16, ("MiniCPM-2B-sft-bf16",), "MiniCPM-2B-sft-bf16", "cpu", True),
        (0, 64, 16, ("MiniCPM-2B-sft-bf16", "MiniCPM4-0.5B"), "MiniCPM4-0.5B", "cpu", True),
        (0, 64, 16, ("MiniCPM3-4B", "MiniCPM-2B-sft-bf16"), "MiniCPM-2B-sft-bf16", "cpu", True),
        (0, 16, 4, ("MiniCPM5-1B",), "MiniCPM5-1B", "cpu", True),
        (0, 8, 4, ("MiniCPM4-8B",), "MiniCPM4-0.5B", "cpu", False),
        # Models for other work are no answerers.
        (24, 64, 16, ("bge-m3", "MiniCPM-Reranker-Light"), "MiniCPM5-2B", "cuda", False),
        # Nor are those that are not run, however large the card.
        (80, 64, 16, ("MiniCPM-V-4.6", "MiniCPM-SALA"), "MiniCPM5-2B", "cuda", False),
    ],
)
def test_the_best_model_for_the_machine_is_chosen(
    vram: int,
    ram: int,
    cores: int,
    present: tuple[str, ...],
    expected: str | None,
    device: str,
    is_present: bool,
) -> None:
    choice = choose(machine(vram, ram, cores), named(*present))
    assert (choice.model.name if choice.model else None, choice.device, choice.is_present) == (
        expected,
        device,
        is_present,
    )


def test_on_a_processor_the_model_answers_in_the_way_that_takes_the_least_time() -> None:
    """With llama.cpp here, a model's folder and its GGUF file are both ways to run it."""
    for cores, ram, name in ((4, 16, "MiniCPM4-0.5B"), (16, 64, "MiniCPM5-1B")):
        with_extra = replace(machine(0, ram, cores), llama_cpp=True)
        ways = named(name, f"{name}-GGUF")
        quickest = min(ways, key=lambda model: usual_seconds(model, with_extra))
        assert choose(with_extra, ()).model == recommended(with_extra)[0] == quickest
        assert choose(with_extra, ways).model == quickest
        assert choose(machine(0, ram, cores), ()).model == find_model(name), "without the extra, no GGUF file"
        assert choose(machine(0, ram, cores), ways).model == find_model(name)


@pytest.mark.parametrize("name", ["MiniCPM4-0.5B", "MiniCPM5-1B"])
def test_llama_cpp_is_the_quicker_way_where_the_processor_has_no_bfloat16_and_ours_where_it_has(name: str) -> None:
    folder, file = named(name, f"{name}-GGUF")
    assert usual_seconds(file, machine(0, 16, 4)) < 0.8 * usual_seconds(folder, machine(0, 16, 4))
    native = machine(0, 16, 4, native=True)
    assert usual_seconds(folder, native) < usual_seconds(file, native) * 1.1


def test_a_choice_says_how_quick_it_is_and_what_would_be_better() -> None:
    slow = choose(machine(0, 64, 4), named("MiniCPM-2B-sft-bf16"))
    seconds = usual_seconds(find_model("MiniCPM-2B-sft-bf16"), machine(0, 64, 4))
    assert f"about {seconds:.0f} s" in str(slow.reason)
    assert "MiniCPM4-0.5B, which is weaker, takes about" in str(slow.better)
    assert choose(machine(80), ()).better is None
    assert "then MiniCPM5-1B-GGUF" in str(choose(machine(0, 64, 16), ()).better)


def test_more_cores_and_smaller_models_take_less_time() -> None:
    small, large = find_model("MiniCPM4-0.5B"), find_model("MiniCPM5-2B")
    assert 0 < usual_seconds(small, machine(0, 16, 8)) < usual_seconds(small, machine(0, 16, 2))
    assert usual_seconds(small, machine(0, 16, 4)) < usual_seconds(large, machine(0, 16, 4))
    four, eight = (replace(find_model("MiniCPM5-1B-GGUF"), gguf_bytes=size) for size in (688_000_000, 1_150_000_000))
    assert usual_seconds(four, machine(0, 16, 4)) < usual_seconds(eight, machine(0, 16, 4))


def test_the_reason_says_in_words_why() -> None:
    small_card = str(choose(machine(4), named("MiniCPM-2B-sft-bf16")).reason)
    assert "the GPU is too small" in small_card
    assert "it is here" in small_card
    assert "no usable GPU" in str(choose(machine(0), ()).reason)
    too_large = str(choose(machine(0, 8, 4), named("MiniCPM4-8B")).reason)
    assert "does not fit (MiniCPM4-8B)" in too_large
    assert "quoted from the documents" in str(choose(machine(0, 2, 2), ()).reason)


@pytest.mark.parametrize(
    ("hardware", "precision"),
    [
        (machine(24), "bfloat16"),
        (machine(24, bfloat16=False), "float16"),
        (machine(0), "float32"),
        (machine(0, native=True), "bfloat16"),
    ],
    ids=["gpu", "old gpu", "processor", "processor with bfloat16"],
)
def test_precision_is_what_the_device_computes_itself(hardware: Hardware, precision: str) -> None:
    assert choose(hardware, ()).precision == precision


def test_several_cards_hold_a_model_together() -> None:
    gibibytes = 10 * GIBIBYTE
    two = Hardware((Gpu("a", gibibytes, gibibytes), Gpu("b", gibibytes, gibibytes)), 64 * GIGABYTE, 16)
    assert fits(find_model("MiniCPM4-8B"), two, "cuda")
    assert not fits(find_model("MiniCPM4-8B"), machine(10), "cuda")
    assert not fits(find_model("MiniCPM4-8B"), two.without_gpus(), "cuda")


def test_the_recommended_set_suits_the_machine() -> None:
    def names(hardware: Hardware) -> list[str]:
        return [model.name for model in recommended(hardware)]

    for size in (80, 24, 12):
        assert names(machine(size)) == ["MiniCPM5-2B", "bge-m3", "bge-reranker-v2-m3"]
    assert names(machine(8, 16, 4)) == ["MiniCPM5-2B", "bge-m3"]
    assert names(machine(4, 16, 4)) == ["MiniCPM5-1B"]
    assert names(machine(0, 64, 16)) == ["MiniCPM5-1B", "bge-m3"]
    assert names(machine(0, 8, 2)) == ["MiniCPM4-0.5B"]
    assert names(machine(0, 1, 1)) == []


def test_sizes_follow_from_the_published_architecture() -> None:
    two_billion = find_model("MiniCPM-2B-sft-bf16")
    assert two_billion.parameters == 2_724_880_896
    assert two_billion.cache_values_per_token * 2 == 368_640
    assert find_model("MiniCPM5-1B").parameters == 1_080_632_832  # the number on its model card
    assert find_model("MiniCPM5-2B").parameters == 2_516_756_480  # likewise
    assert find_model("MiniCPM5-2B").cache_values_per_token == 21_504
    assert find_model("MiniCPM-2B-128k").download_bytes == pytest.approx(6.02e9, rel=0.01)  # the size of its files
    assert find_model("MiniCPM-2B-sft-fp32").download_bytes > 1.9 * two_billion.download_bytes
    assert two_billion.memory_bytes("float32") > two_billion.memory_bytes("bfloat16", 512) > 5.45e9


def test_names_in_the_catalogue_are_unique_and_are_found_in_any_case() -> None:
    assert len({model.name for model in CATALOGUE}) == len({model.modelscope_id for model in CATALOGUE}) == 26
    for model in CATALOGUE:
        assert find_model(model.name.lower()) is model
        assert find_model(model.modelscope_id.upper()) is model
    assert find_model("minicpm-2b").name == "MiniCPM-2B-sft-bf16"


def test_any_hub_id_may_be_downloaded_and_an_unknown_name_lists_the_known_ones() -> None:
    assert find_model("someone/their-model").modelscope_id == "someone/their-model"
    for wrong in ("no-such", "", "a/b/c", "/"):
        with pytest.raises(ModelError, match=r"MiniCPM4-0\.5B"):
            find_model(wrong)


@pytest.mark.parametrize(
    ("name", "reason", "instead"),
    [
        ("OpenBMB/MiniCPM-SALA", "linear and sparse attention", "MiniCPM4.1-8B"),
        ("OpenBMB/MiniCPM4.1-8B-Eagle3", "a draft head", "MiniCPM4.1-8B"),
        ("OpenBMB/MiniCPM4-8B-Eagle-FRSpec", "a draft head", "MiniCPM4-8B"),
        ("OpenBMB/MiniCPM5-2B-DSpark", "a draft head", "MiniCPM5-2B"),
        ("openbmb/MiniCPM-V-2_6", "reads pictures", "MiniCPM5-2B"),
        ("openbmb/MiniCPM-Llama3-V-2_5", "reads pictures", "MiniCPM5-2B"),
        ("openbmb/MiniCPM-V-4", "reads pictures", "MiniCPM5-2B"),
        ("openbmb/MiniCPM-o-2_6", "speech", "MiniCPM5-2B"),
        ("MiniCPM-o-4.5", "speech", "MiniCPM5-2B"),
    ],
)
def test_models_for_other_work_are_refused_with_the_reason_and_the_nearest(
    name: str, reason: str, instead: str, tmp_path: Path
) -> None:
    with pytest.raises(DownloadError, match=f"{reason}.*{instead}"):
        download(find_model(name), tmp_path / "model")
    assert not (tmp_path / "model").exists()
    assert find_model(instead).usable


@pytest.mark.parametrize("name", ["openbmb/MiniCPM5-2B-Vietnamese", "x/minicpm-offline", "x/MiniCPM4-0.5B-lora"])
def test_other_names_of_the_family_are_not_refused(name: str) -> None:
    assert find_model(name).usable


@pytest.mark.parametrize("config", [{"model_type": "minicpmv4_6"}, {"architectures": ["MiniCPMO"]}])
def test_a_folder_of_a_model_for_other_work_is_listed_as_not_usable(tmp_path: Path, config: dict[str, object]) -> None:
    folder = tmp_path / "models" / "looks"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (local,) = find_local(tmp_path)
    assert not local.model.usable
    assert choose(machine(80), [local.model]).model is find_model("MiniCPM5-2B")


def test_local_models_are_known_by_folder_name_by_manifest_or_by_their_files(tmp_path: Path) -> None:
    assert find_local(tmp_path) == []
    models = tmp_path / "models"
    by_name = folder_of(tmp_path, find_model("MiniCPM4-0.5B"))
    by_name.mkdir(parents=True)
    (by_name / "config.json").write_text("{}")
    downloaded = models / "elsewhere"
    downloaded.mkdir()
    files = {"model.safetensors": {"size": 10, "sha256": None}}
    (downloaded / MANIFEST).write_text(json.dumps({"id": "OpenBMB/MiniCPM5-1B", "revision": "master", "files": files}))
    own = models / "我的模型"
    own.mkdir()
    config = {
        "model_type": "minicpm", "torch_dtype": "float32", "hidden_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "max_position_embeddings": 2048,
    }  # fmt: skip
    (own / "config.json").write_text(json.dumps(config))
    (own / "pytorch_model.bin").write_bytes(bytes(400))
    (models / "not-a-model").mkdir()
    found = {local.folder.name: local for local in find_local(tmp_path)}
    assert sorted(found) == ["MiniCPM4-0.5B", "elsewhere", "我的模型"]
    assert found["MiniCPM4-0.5B"].model is find_model("MiniCPM4-0.5B")
    assert found["elsewhere"].model is find_model("MiniCPM5-1B")
    assert [str(problem) for problem in found["elsewhere"].problems] == ["model.safetensors is missing."]
    mine = found["我的模型"].model
    assert (mine.kind, mine.parameters, mine.context_tokens, mine.cache_values_per_token) == (
        "chat",
        100,
        2048,
        256,
    )


def test_an_embedding_model_of_the_family_is_no_answerer(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "minicpm", "is_causal": False}))
    assert find_local(tmp_path)[0].model.kind == "embedding"


def test_a_folder_packed_in_four_bits_is_as_large_as_its_weights_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "packed"
    folder.mkdir(parents=True)
    config = {"model_type": "llama", "quantization_config": {"quant_method": "awq", "bits": 4}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(bytes(1000))
    assert find_local(tmp_path)[0].model.parameters == 2000


def test_a_lora_adapter_is_as_large_as_its_base_and_names_the_one_that_is_missing(tmp_path: Path) -> None:
    base, mine, lost = (tmp_path / "models" / name for name in ("MiniCPM4-0.5B", "mine", "lost"))
    for folder, named in ((mine, "openbmb/MiniCPM4-0.5B"), (lost, "openbmb/MiniCPM5-2B")):
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": named}))
    base.mkdir()
    (base / "config.json").write_text("{}")
    found = {local.folder.name: local.model for local in find_local(tmp_path)}
    assert found["mine"].parameters == find_model("MiniCPM4-0.5B").parameters
    assert found["mine"].usable and not found["lost"].usable
    assert "openbmb/MiniCPM5-2B" in str(found["lost"].note)
    assert choose(machine(24), [found["lost"]]).is_present is False


def test_a_folder_with_a_broken_configuration_does_not_break_the_list(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "broken"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{not json")
    (folder / MANIFEST).write_text("{cut sh")
    assert [local.model.name for local in find_local(tmp_path)] == ["broken"]
