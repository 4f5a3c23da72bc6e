"""A model's weights, laid out for decoding: q, k and v fused into one matrix, gate and up into one.

Fewer, larger products keep a GPU busy. Reads transformers' Granite and Llama modules; knows nothing of caches or
sampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import ModelError
from minicpm_rag.llm.checkpoint.quantization import Matrix, Weights, matrix

if TYPE_CHECKING:
    import torch


@dataclass
class LayerWeights:
    """One decoder layer."""

    attention_norm: torch.Tensor
    qkv: Matrix
    out: Matrix
    mlp_norm: torch.Tensor
    gate_up: Matrix
    down: Matrix


@dataclass
class DecoderWeights:
    """The whole model with its multipliers; `embedding` and `head` are one object where they are tied."""

    embedding: Matrix
    layers: list[LayerWeights]
    norm: torch.Tensor
    head: Matrix
    heads: int
    key_heads: int
    head_dimension: int
    epsilon: float
    embedding_multiplier: float
    residual_multiplier: float
    attention_multiplier: float
    logits_multiplier: float
    dtype: torch.dtype
    device: torch.device

    @property
    def bytes(self) -> int:
        """Memory that the matrices take."""
        matrices = [m for layer in self.layers for m in (layer.qkv, layer.out, layer.gate_up, layer.down)]
        head = [] if self.head is self.embedding else [self.head]
        return sum(m.bytes for m in [*matrices, self.embedding, *head])


def understands(config: Any) -> bool:
    """Whether `gather` reads a model of this configuration: Granite or Llama as MiniCPM uses them, without biases."""
    return (
        config.model_type in ("granite", "llama")
        and getattr(config, "quantization_config", None) is None
        and not getattr(config, "attention_bias", False)
        and not getattr(config, "mlp_bias", False)
        and config.hidden_act == "silu"
        and head_dimension(config) % 2 == 0
        and head_dimension(config) <= 256
    )


def gather(model: Any, device: torch.device, weights: Weights = "full") -> DecoderWeights:
    """Copy a model's weights to `device`, fused and, where asked, quantized.

    In full precision the model's own parameters become views of the fused matrices, so that nothing is in memory
    twice and the model still works. Quantized, the model keeps its own weights where they are. Raises ModelError where
    a weight is no number.
    """
    import torch

    config = model.config
    with torch.no_grad():
        layers = [_layer(layer, device, weights) for layer in model.model.layers]
        # No later layer evens out the rounding of the head: where other matrices have 4 bits, it and the embedding
        # keep 8, which costs little time and memory.
        outer: Weights = "int8" if weights == "int4" else weights
        embedding = matrix(_on(model.model.embed_tokens.weight, device), outer)
        tied = model.lm_head.weight is model.model.embed_tokens.weight
        head = embedding if tied else matrix(_on(model.lm_head.weight, device), outer)
    return DecoderWeights(
        embedding=embedding,
        layers=layers,
        norm=_on(model.model.norm.weight, device),
        head=head,
        heads=config.num_attention_heads,
        key_heads=config.num_key_value_heads,
        head_dimension=head_dimension(config),
        epsilon=config.rms_norm_eps,
        embedding_multiplier=float(getattr(config, "embedding_multiplier", 1.0)),
        residual_multiplier=float(getattr(config, "residual_multiplier", 1.0)),
        attention_multiplier=float(getattr(config, "attention_multiplier", head_dimension(config) ** -0.5)),
        logits_multiplier=1.0 / float(getattr(config, "logits_scaling", 1.0)),
        dtype=model.lm_head.weight.dtype,
        device=device,
    )


def _layer(layer: Any, device: torch.device, weights: Weights) -> LayerWeights:
    attention, mlp = layer.self_attn, layer.mlp
    # Nearly all that 4 bits lose they lose in this matrix (docs/decisions.md).
    last: Weights = "int8" if weights == "int4" else weights
    return LayerWeights(
        attention_norm=_on(layer.input_layernorm.weight, device),
        qkv=_fused((attention.q_proj, attention.k_proj, attention.v_proj), device, weights),
        out=matrix(_on(attention.o_proj.weight, device), weights),
        mlp_norm=_on(layer.post_attention_layernorm.weight, device),
        gate_up=_fused((mlp.gate_proj, mlp.up_proj), device, weights),
        down=matrix(_on(mlp.down_proj.weight, device), last),
    )


def _fused(linears: tuple[Any, ...], device: torch.device, weights: Weights) -> Matrix:
    import torch

    fused = torch.cat([_on(linear.weight, device) for linear in linears])
    if weights == "full" and linears[0].weight.device == device:
        parts = torch.split(fused, [linear.weight.shape[0] for linear in linears])
        for linear, part in zip(linears, parts, strict=True):
            linear.weight.data = part
    return matrix(fused, weights)


def _on(weight: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A weight on the device. A captured step cannot stop where it computes no numbers, so it is found here."""
    import torch

    moved = weight.detach().to(device)
    if not torch.stack(torch.aminmax(moved)).isfinite().all():
        raise ModelError("llm.not_a_number")
    return moved


def head_dimension(config: Any) -> int:
    """Numbers of one head's query."""
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
