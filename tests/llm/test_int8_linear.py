"""8-bit weights on a processor compute what the rounded weights say, for one row and for many."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from minicpm_rag import MiniCPM_LLM
from minicpm_rag.errors import ModelError
from minicpm_rag.llm import checkpoint
from minicpm_rag.llm.checkpoint import placement
from minicpm_rag.llm.checkpoint.int8_linear import Int8Linear, quantize_linears
from minicpm_rag.llm.checkpoint.quantization import matrix

GOLDEN = Path(__file__).parents[1] / "data" / "golden"


@pytest.mark.parametrize("rows", [1, 2, 3, 40])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize(("outputs", "columns", "bias"), [(96, 256, False), (37, 80, True)])
def test_it_computes_what_the_rounded_weights_say(
    rows: int, dtype: torch.dtype, outputs: int, columns: int, bias: bool
) -> None:
    torch.manual_seed(rows)
    linear = nn.Linear(columns, outputs, bias=bias).to(dtype)
    x = torch.randn(2, rows, columns).to(dtype)[:1]
    rounded = matrix(linear.weight.detach(), "int8").full(torch.float32)
    wanted = nn.functional.linear(x.float(), rounded, None if linear.bias is None else linear.bias.float())
    with torch.inference_mode():
        ours = Int8Linear(linear)(x)
    assert ours.shape == (1, rows, outputs)
    assert ours.dtype == dtype
    assert (ours.float() - wanted).norm() < 0.008 * wanted.norm()  # bfloat16 rounds to 0.4 %


def test_a_quantized_model_is_half_as_large_and_keeps_its_embedding() -> None:
    model = checkpoint.load_model(GOLDEN / "minicpm-2b-tiny", device="cpu", precision="bfloat16")
    embedding = model.get_input_embeddings().weight.clone()
    before = sum(p.nbytes for n, p in model.named_parameters() if "proj" in n)
    quantize_linears(model)
    after = sum(b.nbytes for n, b in model.named_buffers() if "proj" in n)
    assert after < 0.55 * before
    assert torch.equal(model.get_input_embeddings().weight, embedding)
    assert not any(isinstance(module, nn.Linear) for module in model.modules())


@pytest.mark.parametrize("name", ["minicpm-2b-tiny", "minicpm4-tiny"])
def test_a_model_in_int8_gives_the_logits_of_its_rounded_weights(name: str) -> None:
    ids = torch.tensor([json.loads((GOLDEN / name / "expected.json").read_text())["input_ids"][0]])
    rounded = checkpoint.load_model(GOLDEN / name, device="cpu", precision="float32")
    for module in rounded.modules():
        if isinstance(module, nn.Linear):
            module.weight = nn.Parameter(matrix(module.weight.detach(), "int8").full(torch.float32))
    quantized: Any = checkpoint.load_model(GOLDEN / name, device="cpu", precision="float32", weights="int8")
    with torch.inference_mode():
        wanted, ours = (model(ids).logits.float() for model in (rounded, quantized))
    assert (ours - wanted).norm() < 1e-4 * wanted.norm()


def test_auto_is_int8_on_a_processor_unless_a_precision_is_asked_for() -> None:
    assert placement.choose_weights("auto", "cpu", "auto") == "int8"
    assert placement.choose_weights("auto", "cpu", "float32") == "full"
    assert placement.choose_weights("auto", "cuda:0", "auto") == "full"
    assert placement.choose_weights("int8", "cpu", "float32") == "int8"
    with pytest.raises(ModelError, match="int3"):
        placement.choose_weights("int3", "cpu", "auto")


def test_a_language_model_on_a_processor_answers_in_int8_by_default() -> None:
    llm = MiniCPM_LLM(GOLDEN / "minicpm4-tiny", device="cpu", max_new_tokens=4)
    assert any(isinstance(module, Int8Linear) for module in llm.model.modules())
    assert isinstance(llm.invoke("你好"), str)
    assert (llm.running.device, llm.running.weights, llm.running.cache_bytes) == ("cpu", "int8", 0)
    llm.close()
