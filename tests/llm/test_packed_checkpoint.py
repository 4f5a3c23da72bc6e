"""GPTQ, AWQ and compressed-tensors in 4 bits: read exactly by their published layouts, and answered with in 4 bits.

The files are written here number by number, as the formats' documentation says, not by the code under test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from golden import SINGLE_SAFETENSORS, copy_of, edit_json
from safetensors.torch import load_file, save_file

from minicpm_rag.errors import CheckpointError
from minicpm_rag.llm import checkpoint
from minicpm_rag.llm.checkpoint.int4_linear import Int4Linear, fits_kernel, pack
from minicpm_rag.llm.checkpoint.packed import Packed
from minicpm_rag.llm.checkpoint.quantization import matrix
from minicpm_rag.llm.decoding.processor import ProcessorEngine
from minicpm_rag.llm.minicpm import MiniCPM_LLM

IDS = torch.tensor([[1, 322, 280, 397, 379]])
GROUP = 32
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]  # of eight columns, which comes at the n-th place from the low bits


def logits(folder: Path, **options: Any) -> torch.Tensor:
    model = checkpoint.load_model(folder, **{"device": "cpu", "precision": "float32", **options})
    with torch.inference_mode():
        return model(input_ids=IDS).logits.float()  # type: ignore[no-any-return]


def int32(numbers: list[int]) -> int:
    """Eight whole numbers in one int32, the first lowest."""
    word = sum(number << (4 * place) for place, number in enumerate(numbers))
    return word - (1 << 32) if word >= 1 << 31 else word


def words(rows: torch.Tensor, order: list[int] | None = None) -> torch.Tensor:
    """int32 [a, b] of whole numbers [a, 8 b]."""
    order = order or list(range(8))
    return torch.tensor(
        [
            [int32([int(row[start + column]) for column in order]) for start in range(0, len(row), 8)]
            for row in rows.tolist()
        ],
        dtype=torch.int32,
    )


class Numbers:
    """Random whole numbers, scales and zeros for one weight, and the weight that they mean."""

    def __init__(self, rows: int, columns: int, *, symmetric: bool, act_order: bool, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        groups = columns // GROUP
        self.whole = torch.randint(0, 16, (rows, columns), generator=generator)
        self.scale = (torch.rand(groups, rows, generator=generator) * 0.02 + 0.005).half()
        self.zero = torch.full((groups, rows), 8)
        if not symmetric:
            self.zero = torch.randint(0, 16, (groups, rows), generator=generator)
        self.group = torch.arange(columns) // GROUP
        if act_order:
            self.group = self.group[torch.randperm(columns, generator=generator)]
        self.weight = torch.empty(rows, columns)
        for column, group in enumerate(self.group.tolist()):
            self.weight[:, column] = (self.whole[:, column] - self.zero[group]) * self.scale[group].float()

    def parts(self, method: str) -> dict[str, torch.Tensor]:
        if method == "awq":
            return {
                "qweight": words(self.whole.T, AWQ_ORDER), "qzeros": words(self.zero, AWQ_ORDER), "scales": self.scale
            }  # fmt: skip
        if method == "compressed-tensors":
            return {
                "weight_packed": words(self.whole), "weight_scale": self.scale.T.contiguous(),
                "weight_zero_point": words(self.zero).T.contiguous(),
                "weight_shape": torch.tensor(self.whole.shape), "weight_g_idx": self.group.int(),
            }  # fmt: skip
        stored = self.zero if method == "gptq_v2" else (self.zero - 1) & 15
        return {
            "qweight": words(self.whole).T.contiguous(),  # eight columns of a row in one word
            "qzeros": words(stored), "scales": self.scale, "g_idx": self.group.int(),
        }  # fmt: skip


CONFIGS: dict[str, dict[str, Any]] = {
    "gptq": {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": True, "sym": False},
    "gptq_v2": {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "checkpoint_format": "gptq_v2"},
    "awq": {"quant_method": "awq", "bits": 4, "group_size": GROUP, "version": "gemm", "zero_point": True},
    "compressed-tensors": {
        "quant_method": "compressed-tensors", "format": "pack-quantized",
        "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": GROUP, "symmetric": False}}},
    },
}  # fmt: skip


def folders(tmp_path: Path, method: str, *, symmetric: bool = False, act_order: bool = False) -> tuple[Path, Path]:
    """The same model twice: packed, and with the weights that the packed ones mean."""
    packed, full = (copy_of(SINGLE_SAFETENSORS, tmp_path / name) for name in ("packed", "full"))
    weights = load_file(full / "model.safetensors")
    stored: dict[str, torch.Tensor] = {}
    for seed, (name, weight) in enumerate(sorted(weights.items())):
        if "_proj" not in name:
            stored[name] = weight
            continue
        numbers = Numbers(*weight.shape, symmetric=symmetric, act_order=act_order, seed=seed)
        weights[name] = numbers.weight
        module = name.removesuffix(".weight")
        stored.update({f"{module}.{part}": value.contiguous() for part, value in numbers.parts(method).items()})
    save_file(stored, packed / "model.safetensors")
    save_file(weights, full / "model.safetensors")
    edit_json(packed / "config.json", quantization_config=CONFIGS[method])
    return packed, full


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize(
    ("method", "act_order"),
    [("gptq", False), ("gptq", True), ("gptq_v2", False), ("awq", False),
     ("compressed-tensors", False), ("compressed-tensors", True)],
)  # fmt: skip
def test_the_weights_are_those_that_the_format_means(
    tmp_path: Path, method: str, act_order: bool, symmetric: bool
) -> None:
    packed, full = folders(tmp_path, method, symmetric=symmetric, act_order=act_order)
    read = checkpoint.load_model(packed, device="cpu", precision="float32").state_dict()
    meant = checkpoint.load_model(full, device="cpu", precision="float32").state_dict()
    assert read.keys() == meant.keys()
    for name, weight in meant.items():
        assert torch.equal(read[name], weight), name


@pytest.mark.parametrize(("method", "act_order"), [("gptq", True), ("awq", False)])
def test_a_processor_keeps_the_four_bits(tmp_path: Path, method: str, act_order: bool) -> None:
    packed, full = folders(tmp_path, method, act_order=act_order)
    model = checkpoint.load_model(packed, device="cpu", weights="auto")
    kept = [module for module in model.modules() if isinstance(module, Int4Linear)]
    assert len(kept) == 7 * len(model.model.layers)
    meant = logits(full)
    for ids in (IDS, IDS.repeat(1, 8)):  # few rows and many
        with torch.inference_mode():
            found = model(input_ids=ids).logits.float()[:, : IDS.shape[1]]
        assert ((found - meant).norm() / meant.norm()).item() < 0.05
    llm = MiniCPM_LLM(packed, device="cpu", temperature=0, max_new_tokens=4)
    assert isinstance(llm._generator.engine._engine, ProcessorEngine)
    assert llm.running.weights == "int4"
    assert llm("hi") == llm("hi")


def test_our_own_four_bits_on_a_processor_are_what_packing_gives(tmp_path: Path) -> None:
    rounded = copy_of(SINGLE_SAFETENSORS, tmp_path / "rounded")
    weights = load_file(rounded / "model.safetensors")
    fitting = [name for name, weight in weights.items() if "_proj" in name and weight.shape[1] % 32 == 0]
    save_file({**weights, **{name: pack(weights[name]).float() for name in fitting}}, rounded / "model.safetensors")
    model = checkpoint.load_model(SINGLE_SAFETENSORS, device="cpu", weights="int4")
    assert 0 < sum(isinstance(module, Int4Linear) for module in model.modules()) <= len(fitting)
    with torch.inference_mode():
        found = model(input_ids=IDS).logits.float()
    meant = logits(rounded)
    assert ((found - meant).norm() / meant.norm()).item() < 0.05


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes"),
        ({"quant_method": "gptq", "bits": 3}, "gptq 3"),
        ({"quant_method": "awq", "bits": 4, "version": "gemv"}, "awq 4 gemv"),
        ({"quant_method": "compressed-tensors", "format": "float-quantized"}, "float-quantized"),
    ],
)
def test_other_packings_are_named_and_refused(tmp_path: Path, told: dict[str, Any], kind: str) -> None:
    folder = copy_of(SINGLE_SAFETENSORS, tmp_path / "other")
    edit_json(folder / "config.json", quantization_config=told)
    with pytest.raises(CheckpointError, match=kind):
        checkpoint.read_config(folder)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    packed, _ = folders(tmp_path, "awq")
    weights = load_file(packed / "model.safetensors")
    del weights["model.layers.0.mlp.up_proj.scales"]
    save_file(weights, packed / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"model\.layers\.0\.mlp\.up_proj\.scales"):
        logits(packed)


# Rounding


def test_a_packed_weight_is_closer_than_by_rounding_to_the_nearest() -> None:
    weight = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
    grouped = weight.view(64, -1, 32)
    least, largest = grouped.amin(2, keepdim=True), grouped.amax(2, keepdim=True)
    step = (largest - least) / 15
    nearest = (((grouped - least) / step).round() * step + least).view_as(weight)
    found = pack(weight).float()
    assert (found - weight).norm() < 0.97 * (nearest - weight).norm()
    assert (matrix(weight, "int4").full(torch.float32) - weight).norm() > (found - weight).norm()


def test_a_constant_or_empty_group_is_kept() -> None:
    weight = torch.zeros(16, 128)
    weight[3, 64:] = 0.25
    assert torch.allclose(pack(weight).float(), weight, atol=1e-6)
    assert torch.allclose(matrix(weight, "int4").full(torch.float32), weight, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 5, 16, 17, 40])
def test_the_layer_multiplies_with_what_the_numbers_mean(rows: int) -> None:
    generator = torch.Generator().manual_seed(1)
    packed = Packed(
        torch.randint(0, 16, (48, 256), generator=generator).to(torch.uint8),
        torch.rand(4, 48, generator=generator),
        torch.randint(0, 16, (4, 48), generator=generator).float(),
        (torch.randperm(256, generator=generator) % 4).long(),
    )
    assert fits_kernel(packed)
    x = torch.randn(rows, 256, generator=generator)
    wanted = x @ packed.float().T
    assert ((Int4Linear(packed)(x) - wanted).norm() / wanted.norm()).item() < 0.01
