"""Canaries: what this package uses of torch, transformers and Triton beyond their documented interfaces.

One that fails says what a new version moved, and which module to change: llm/torch_internals,
llm/transformers_internals or llm/decoding/dependent_launch.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from golden import GOLDEN
from transformers import GraniteForCausalLM, LlamaForCausalLM, MiniCPM3ForCausalLM

from minicpm_rag.llm import torch_internals, transformers_internals
from minicpm_rag.llm.checkpoint import load_model


@pytest.fixture(scope="module")
def dynamic_model() -> Any:
    """A model whose rotary embedding depends on the length (dynamic NTK)."""
    return load_model(GOLDEN / "minicpm-2b-128k-tiny", device="cpu", precision="float32")


def test_torch_multiplies_with_weights_of_8_bits() -> None:
    rows, scales = torch.ones(1, 64, dtype=torch.bfloat16), torch.full((32,), 0.5, dtype=torch.bfloat16)
    weights = torch.full((32, 64), 3, dtype=torch.int8)
    assert torch_internals.int8_product(rows, weights, scales).tolist() == [[96.0] * 32]


def test_torch_multiplies_with_weights_of_4_bits() -> None:
    rows, scales = torch.ones(1, 64, dtype=torch.bfloat16), torch.tensor([0.5, 1.0], dtype=torch.bfloat16)
    packed = torch_internals.int4_pack(torch.full((32, 64), 11, dtype=torch.uint8))
    product = torch_internals.int4_product(rows, packed, 64, scales.repeat(1, 32, 1))
    assert product.tolist() == [[64 * ((11 - 8) * 0.5 + 1.0)] * 32]


def test_torch_still_says_whether_the_processor_has_bfloat16() -> None:
    """Where all probes are gone `cpu_has_bfloat16` would quietly be False on every processor."""
    x86 = [name for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported") if hasattr(torch.cpu, name)]
    assert x86 or hasattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported")
    assert isinstance(torch_internals.cpu_has_bfloat16(), bool)


def test_transformers_names_the_attention_and_what_must_stay_together(dynamic_model: Any) -> None:
    assert transformers_internals.attention_in_use(dynamic_model) == "sdpa"
    assert transformers_internals.unsplittable_modules(dynamic_model) == ["GraniteDecoderLayer"]


@pytest.mark.parametrize("kind", [GraniteForCausalLM, LlamaForCausalLM, MiniCPM3ForCausalLM])
def test_transformers_takes_a_cache_under_the_name_that_is_used(kind: Any) -> None:
    parameters = inspect.signature(kind.forward).parameters
    assert "cache" in parameters or "past_key_values" in parameters
    assert "logits_to_keep" in parameters


def test_transformers_keeps_rotary_frequencies_where_they_are_read(dynamic_model: Any) -> None:
    config, device = dynamic_model.config, torch.device("cpu")
    short, scaling = transformers_internals.rotary_frequencies(dynamic_model)
    assert short.shape == (config.head_dim // 2 if hasattr(config, "head_dim") else len(short),)
    assert scaling == 1.0
    trained = config.max_position_embeddings
    assert torch.equal(transformers_internals.rotary_frequencies_at(config, device, trained)[0], short)
    long, _ = transformers_internals.rotary_frequencies_at(config, device, 2 * trained)
    assert not torch.equal(long, short)


def test_transformers_forgets_a_long_sequence_when_it_is_told_to(dynamic_model: Any) -> None:
    short, _ = transformers_internals.rotary_frequencies(dynamic_model)
    with torch.inference_mode():
        dynamic_model(torch.ones(1, dynamic_model.config.max_position_embeddings + 20, dtype=torch.int64))
    assert not torch.equal(dynamic_model.model.rotary_emb.inv_freq, short)
    transformers_internals.reset_rotary(dynamic_model)
    assert torch.equal(dynamic_model.model.rotary_emb.inv_freq, short)


def test_triton_has_programmatic_dependent_launch() -> None:
    pytest.importorskip("triton")
    from triton.language.extra import cuda

    from minicpm_rag.llm.decoding import dependent_launch

    assert hasattr(cuda, "gdc_wait")
    assert hasattr(cuda, "gdc_launch_dependents")
    assert dependent_launch.launch_options(torch.device("cpu")) == {"PDL": False}


def test_triton_has_the_part_of_gluon_that_copies_tiles_in_bulk() -> None:
    pytest.importorskip("triton")
    from minicpm_rag.llm.decoding import split_linear

    matrix = torch.zeros((128, 256), dtype=torch.bfloat16)
    described = split_linear.described(matrix, 64, 128)
    assert described.block_shape == [64, 128]
    assert described.layout.swizzle_byte_width == 128


def test_triton_can_be_made_to_read_its_own_files_early() -> None:
    pytest.importorskip("triton")
    from triton.runtime import cache

    assert callable(cache.triton_key)


def test_torch_can_give_back_what_cublas_keeps() -> None:
    """Without CUDA torch has no such function; `give_back_workspaces` then does nothing."""
    assert hasattr(torch._C, "_cuda_clearCublasWorkspaces") == torch.backends.cuda.is_built()
    torch_internals.give_back_workspaces()
