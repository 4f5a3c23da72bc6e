"""The kernel of a whole step, run on a processor by `cuda_emulation.h`: it computes what plain torch does.

On a GPU tests/llm/test_decoding_cuda.py runs it too, for models whose queries share key heads.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from golden import CHECKPOINTS, GOLDEN

from minicpm_rag.llm.checkpoint import load_model
from minicpm_rag.llm.decoding import GraphEngine, plain
from minicpm_rag.llm.decoding.cache import BLOCK
from minicpm_rag.llm.decoding.plain import Residual
from minicpm_rag.llm.decoding.portion import Part
from minicpm_rag.llm.decoding.whole import step
from minicpm_rag.llm.generation import Sampling

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")

HEADERS = Path(__file__).parent / "whole_step"
PROGRAMS, WARPS, STAGES = 2, 4, 5


class EmulatedKernel:
    """Stands in for `cuda_source.Kernel`."""

    programs = PROGRAMS

    def __init__(self, known: dict[str, int], folder: Path) -> None:
        options = [f"-D{name}={value}" for name, value in (known | {"STAGES": STAGES}).items()]
        text, library = folder / "kernel.cpp", folder / "kernel.so"
        text.write_text(f'#include "cuda_emulation.h"\n{step.source()}\n#include "cuda_emulation_run.h"\n')
        command = ["g++", "-O1", "-std=c++20", "-shared", "-fPIC", "-w", "-DEMULATED", *options]
        subprocess.run([*command, f"-I{HEADERS}", str(text), "-o", str(library)], check=True)
        self._run = ctypes.CDLL(str(library)).emulate
        self._memory = ctypes.c_longlong(step.shared_bytes(known, STAGES))

    def launch(self, structure: bytes, *tensors: Any) -> None:
        self._run(
            structure, *(ctypes.c_void_p(None if one is None else one.data_ptr()) for one in tensors), self._memory
        )


def compare(
    engine: GraphEngine, length: int, folder: Path, samplings: Sequence[Sampling] = (), candidates: int = 512
) -> tuple[Any, Any]:
    """Logits after `length` random tokens, of the kernel and of plain torch; the caches must agree.

    So must the tokens that are chosen by each of the samplings, and what is noted of them.
    """
    decoder = engine._decoder
    state, pool, weights = decoder.state, decoder.pool, decoder.weights
    torch.manual_seed(length)
    ids = torch.randint(0, weights.head.rows, (length,)).tolist()
    blocks = list(range(1, -(-(length + 8) // BLOCK) + 1))[::-1]
    slot = 2
    with torch.inference_mode():
        if length > 1:
            decoder.prefill(torch.tensor(ids[:-1]), [Part(0, length - 1, length, blocks)])
        state.fill(slot, ids, blocks, Sampling(), seed=1)
        rows = torch.tensor([slot])
        known = step.constants(decoder, PROGRAMS, WARPS) | {"MOST_CANDIDATES": candidates}
        kernel: Any = EmulatedKernel(known, folder)
        whole = step.WholeStep(decoder, kernel)
        logits = whole.logits(rows)
        for seed, sampling in enumerate(samplings):
            state.fill(slot, ids, blocks, sampling, seed=seed)
            chosen = whole.choose(rows)
            noted = [array[slot].clone() for array in (state.ids[:, : length + 1], state.seen, state.length)]
            state.fill(slot, ids, blocks, sampling, seed=seed)
            assert torch.equal(chosen, plain.choose(logits[None].clone(), state, rows, plain.begin(state, rows, 1)))
            for ours, theirs in zip(noted, (state.ids[:, : length + 1], state.seen, state.length), strict=True):
                assert torch.equal(ours, theirs[slot])
        state.fill(slot, ids, blocks, Sampling(), seed=1)
        place = (blocks[(length - 1) // BLOCK], slice(None), (length - 1) % BLOCK)
        ours = [(cache.keys[place].float().clone(), cache.values[place].float().clone()) for cache in pool.layers]

        def attend(qkv: Any, layer: int) -> Any:
            return plain.attention(qkv, weights, pool.layers[layer], decoder.rope, state, rows, len(blocks))

        residual: Residual = decoder._layers(plain.begin(state, rows, 1).flatten(), plain, attend)
        wanted = decoder.logits(residual)
    for (keys, values), cache in zip(ours, pool.layers, strict=True):
        for own, other in ((keys, cache.keys[place].float()), (values, cache.values[place].float())):
            assert (own - other).norm() < 0.02 * other.norm()
    engine.close()
    return logits, wanted


@pytest.mark.parametrize(
    ("name", "length"),
    [
        pytest.param(name, length, marks=[] if (name, length) == ("minicpm-1b-tiny", 75) else pytest.mark.slow)
        for name in CHECKPOINTS
        for length in (1, 2, 75, 300)
    ],
)
def test_in_float32_it_computes_plain_torch_s_logits(name: str, length: int, tmp_path: Path) -> None:
    engine = GraphEngine(load_model(GOLDEN / name, device="cpu", precision="float32"))
    length = min(length, engine.context_tokens - 8)
    ours, wanted = compare(engine, length, tmp_path)
    torch.testing.assert_close(ours, wanted, atol=2e-5, rtol=2e-5)


def small_model(key_heads: int, dimension: int) -> Any:
    """A bfloat16 model whose matrices can have 4 bits."""
    from transformers import GraniteConfig, GraniteForCausalLM

    torch.manual_seed(5)
    config = GraniteConfig(
        vocab_size=333, hidden_size=256, intermediate_size=384, num_hidden_layers=2,
        num_attention_heads=256 // dimension, num_key_value_heads=key_heads, max_position_embeddings=512,
        embedding_multiplier=3.0, residual_multiplier=0.5, logits_scaling=2.0, attention_multiplier=dimension**-0.5,
        tie_word_embeddings=False,
    )  # fmt: skip
    model = GraniteForCausalLM(config).to(torch.bfloat16).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.06 + (1 if parameter.dim() == 1 else 0))
    return model


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"weights": "int8"}, {"weights": "int4"}, {"cache": "int8"}], ids=str)
@pytest.mark.parametrize(("key_heads", "dimension"), [(4, 64), (1, 32)])
def test_in_fewer_bits_it_is_as_near_as_rounding_allows(
    options: dict[str, Any], key_heads: int, dimension: int, tmp_path: Path
) -> None:
    engine = GraphEngine(small_model(key_heads, dimension), **options)
    ours, wanted = compare(engine, 150, tmp_path)
    assert (ours - wanted).norm() < 0.02 * wanted.norm()


@pytest.mark.slow
@pytest.mark.parametrize("candidates", [512, 8], ids=["few", "too many candidates"])
def test_it_chooses_what_plain_torch_chooses(candidates: int, tmp_path: Path) -> None:
    engine = GraphEngine(load_model(GOLDEN / "minicpm-2b-tiny", device="cpu", precision="float32"))
    kinds = [
        Sampling(temperature=0, repetition_penalty=1.0),
        Sampling(temperature=0, repetition_penalty=1.5),
        Sampling(temperature=0.8, top_p=0.9, top_k=40, repetition_penalty=1.1),
        Sampling(temperature=1.5, top_p=1, top_k=0, repetition_penalty=1.0),
        Sampling(temperature=1.5, top_p=1, top_k=3, repetition_penalty=1.2),
        Sampling(temperature=2.0, top_p=0.4, top_k=0, repetition_penalty=1.0),
    ]
    compare(engine, 30, tmp_path, kinds * 3, candidates)
