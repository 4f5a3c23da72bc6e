"""The engine for a processor: one sequence at a time, with few operations a token.

On a small model a processor waits for Python and torch to start an operation more than for the operation itself:
transformers' modules start some 50 in a layer, this engine 17. So projections that read the same rows are one matrix,
keys and values lie in arrays made once, and the token is chosen among the few best. Draft tokens are looked up in the
prompt and verified together, see `drafting`. What the last prompt had in common with the next is not read again.
Token ids in, token ids out; `generation.queued` is the queue in front of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from threading import Event
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import ModelError, PromptTooLongError
from minicpm_rag.llm.checkpoint import context_tokens
from minicpm_rag.llm.decoding.drafting import Lookup
from minicpm_rag.llm.decoding.rope import RotaryTables
from minicpm_rag.llm.decoding.weights import head_dimension, understands
from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.generation.choosing import chooser
from minicpm_rag.llm.transformers_internals import reset_rotary

if TYPE_CHECKING:
    import torch

    Product = Callable[[torch.Tensor], torch.Tensor]

_PREFILL_TOKENS = 1024  # of a prompt at once: more are faster, but must fit the memory
_DRAFTS = 3  # draft tokens: torch's 8-bit kernel takes a fifth longer for four rows than for one, and twice for eight
_ROOM_STEP = 256  # tokens by which the arrays of keys and values grow


@dataclass
class _Layer:
    """One decoder layer: its norms' gains, its products, and its keys and values [key heads, room, head dimension]."""

    attention_gain: torch.Tensor
    qkv: Product
    out: Product
    mlp_gain: torch.Tensor
    gate_up: Product
    down: Product
    keys: torch.Tensor
    values: torch.Tensor


def serves(model: Any) -> bool:
    """Whether `ProcessorEngine` understands this model and all of its weights are on the host."""
    tensors = [*model.parameters(), *model.buffers()]
    return understands(model.config) and all(tensor.device.type == "cpu" for tensor in tensors)


class ProcessorEngine:
    """Serves one request at a time with a Granite or Llama model on a processor; see `generation.Engine`."""

    slots = 1
    attention = "sdpa"

    def __init__(self, model: Any, *, drafting: bool = True) -> None:
        """Join the model's weights where they are multiplied together. `drafting` verifies draft tokens."""

        config = model.config
        self._model = model
        self._drafting = drafting
        self._context = context_tokens(config)
        self._heads, self._key_heads = config.num_attention_heads, config.num_key_value_heads
        self._size = head_dimension(config)
        self._epsilon = config.rms_norm_eps
        self._scale = float(getattr(config, "attention_multiplier", self._size**-0.5))
        self._residual = float(getattr(config, "residual_multiplier", 1.0))
        self._embedding = float(getattr(config, "embedding_multiplier", 1.0))
        self._logits = 1.0 / float(getattr(config, "logits_scaling", 1.0))
        self._dtype: torch.dtype = model.model.norm.weight.dtype
        self._layers = [self._layer(layer) for layer in model.model.layers]
        self._room = 0
        self._rope: RotaryTables | None = None
        self._known: list[int] = []  # the ids whose keys and values are held

    def stream(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
        """Yield new token ids, see `Engine.stream`. Raises PromptTooLongError; ModelError where numbers overflow."""
        import torch

        ids = list(prompt_ids)
        if len(ids) >= self._context:
            raise PromptTooLongError(len(ids), self._context - 1)
        room = min(len(ids) + sampling.max_new_tokens, self._context)
        choose = chooser(sampling, torch.device("cpu"), among_best=True)
        seen = torch.zeros(1, room, dtype=torch.int64)
        seen[0, : len(ids)] = torch.tensor(ids)
        lookup = Lookup(ids)
        with torch.inference_mode():
            logits = self._read(ids, room, cancel)
        length, drafts = len(ids), list[int]()
        while logits is not None and not cancel.is_set():
            before = length
            for row, guess in enumerate([*drafts, None]):
                with torch.inference_mode():
                    allowed = logits[row : row + 1]
                    if sampling.constraint is not None:
                        allowed = sampling.constraint.restrict(allowed)
                    token = choose(seen[:, :length], allowed)
                if sampling.constraint is not None:
                    sampling.constraint.add(token)
                if token in sampling.end_tokens:
                    return
                seen[0, length] = token
                length += 1
                lookup.add(token)
                if token == guess:
                    self._known.append(token)
                yield token
                if length == room or cancel.is_set():
                    return
                if token != guess:
                    break
            if drafts:
                lookup.hear(length - before)
            drafts = lookup.draft(min(_DRAFTS, room - length - 1)) if self._drafting else []
            with torch.inference_mode():
                logits = self._step(token, drafts, length - 1)

    def shrink(self) -> None:
        """Give the keys and values back, see `Engine.shrink`."""
        self._hold(0)

    def close(self) -> None:
        """Free the keys and values, and the model."""
        self._hold(0)
        del self._model, self._layers

    def _layer(self, layer: Any) -> _Layer:
        import torch

        attention, mlp = layer.self_attn, layer.mlp
        empty = torch.empty(self._key_heads, 0, self._size, dtype=self._dtype)
        return _Layer(
            attention_gain=layer.input_layernorm.weight.detach(),
            qkv=_fused((attention.q_proj, attention.k_proj, attention.v_proj)),
            out=attention.o_proj,
            mlp_gain=layer.post_attention_layernorm.weight.detach(),
            gate_up=_fused((mlp.gate_proj, mlp.up_proj)),
            down=mlp.down_proj,
            keys=empty,
            values=empty.clone(),
        )

    def _hold(self, room: int) -> None:
        """Have arrays for so many tokens; what is known stays where it fits."""
        import torch

        kept = min(len(self._known), room)
        for layer in self._layers:
            for name in ("keys", "values"):
                old = getattr(layer, name)
                new = torch.empty(self._key_heads, room, self._size, dtype=self._dtype)
                new[:, :kept] = old[:, :kept]
                setattr(layer, name, new)
        self._known = self._known[:kept]
        self._room = room
        if self._rope is None or len(self._rope.cos) < room:
            self._rope = RotaryTables(self._model, max(room, 1), torch.device("cpu"))

    def _read(self, ids: list[int], room: int, cancel: Event) -> torch.Tensor | None:
        """Logits after the prompt; None where it was cancelled."""

        if room > self._room:
            self._hold(-(-room // _ROOM_STEP) * _ROOM_STEP)
        rope = self._rope
        assert rope is not None
        if rope.depends_on_length:
            reset_rotary(self._model)
            rope.prepare(room)
        # Keys of a prompt beyond the trained window are rotated by its whole length, so they fit no other prompt.
        plain = not rope.depends_on_length or max(len(ids), len(self._known)) <= rope.plain_length
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(ids, self._known, strict=False)))
        start = min(same, len(ids) - 1) if plain else 0
        # Behind a prefix attention takes a mask and twice the time of a whole prompt's.
        start = start if start > len(ids) // 4 else 0
        self._known = self._known[:start]
        rows: torch.Tensor | None = None
        while start < len(ids):
            part = ids[start : start + _PREFILL_TOKENS]
            cos, sin = rope.prefill(start, start + len(part), len(ids))
            rows = self._forward(part, start, cos.to(self._dtype), sin.to(self._dtype), cancel)
            if rows is None:
                return None
            self._known.extend(part)
            start += len(part)
        assert rows is not None
        return self._head(rows[-1:])

    def _step(self, token: int, drafts: list[int], position: int) -> torch.Tensor:
        """Logits after one more token, and after each of the draft tokens that may follow it."""
        assert self._rope is not None
        fed = [token, *drafts]
        cos, sin = (table[position : position + len(fed)].to(self._dtype) for table in (self._rope.cos, self._rope.sin))
        rows = self._forward(fed, position, cos, sin, None)
        assert rows is not None
        self._known.append(token)
        return self._head(rows)

    def _head(self, rows: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional

        normed = functional.rms_norm(rows, rows.shape[-1:], self._model.model.norm.weight, self._epsilon)
        logits: torch.Tensor = self._model.lm_head(normed).float() * self._logits
        if logits.isnan().any():
            raise ModelError("llm.not_a_number")
        return logits

    def _forward(
        self, ids: list[int], start: int, cos: torch.Tensor, sin: torch.Tensor, cancel: Event | None
    ) -> torch.Tensor | None:
        """The residual stream [tokens, hidden] after all layers; None where it was cancelled between two of them."""
        import torch
        from torch.nn import functional

        rows: torch.Tensor = self._model.model.embed_tokens(torch.tensor(ids)) * self._embedding
        shape = rows.shape[-1:]
        cos, sin = cos[:, None], sin[:, None]
        mask = None
        if start and len(ids) > 1:
            mask = torch.ones(len(ids), start + len(ids), dtype=torch.bool).tril(start)
        for layer in self._layers:
            if cancel is not None and cancel.is_set():
                return None
            qkv = layer.qkv(functional.rms_norm(rows, shape, layer.attention_gain, self._epsilon))
            mixed = self._attention(layer, qkv, start, cos, sin, mask)
            rows = torch.add(rows, layer.out(mixed), alpha=self._residual)
            wide = layer.gate_up(functional.rms_norm(rows, shape, layer.mlp_gain, self._epsilon))
            gate, up = wide.chunk(2, dim=-1)
            rows = torch.add(rows, layer.down(functional.silu(gate) * up), alpha=self._residual)
        return rows

    def _attention(
        self,
        layer: _Layer,
        qkv: torch.Tensor,
        start: int,
        cos: torch.Tensor,
        sin: torch.Tensor,
        mask: torch.Tensor | None,
    ) -> torch.Tensor:
        """Attention of the new tokens to themselves and to all before them, whose keys and values are held."""
        from torch.nn import functional

        tokens, heads, keys, half = len(qkv), self._heads, self._key_heads, self._size // 2
        parts = qkv.view(tokens, heads + 2 * keys, self._size)
        both = parts[:, : heads + keys]
        rotated = both * cos
        rotated[..., :half].addcmul_(both[..., half:], sin[..., :half], value=-1)
        rotated[..., half:].addcmul_(both[..., :half], sin[..., half:])
        end = start + tokens
        layer.keys[:, start:end] = rotated[:, heads:].transpose(0, 1)
        layer.values[:, start:end] = parts[:, heads + keys :].transpose(0, 1)
        known, values = layer.keys[None, :, :end], layer.values[None, :, :end]
        if tokens == 1:
            # The heads that share keys stand where several tokens would: no keys are copied, and no mask is needed.
            query = rotated[0, :heads].view(1, keys, heads // keys, self._size)
            mixed = functional.scaled_dot_product_attention(query, known, values, scale=self._scale)
            return mixed.reshape(1, -1)
        query = rotated[:, :heads].transpose(0, 1)[None]
        mixed = functional.scaled_dot_product_attention(
            query, known, values, attn_mask=mask, is_causal=not start, scale=self._scale, enable_gqa=heads != keys
        )
        return mixed[0].transpose(0, 1).reshape(tokens, -1)


def _fused(linears: Sequence[Any]) -> Product:
    """One product for linear layers that read the same rows; their weights become views of its own."""
    import torch
    from torch import nn

    from minicpm_rag.llm.checkpoint.int8_linear import Int8Linear

    if all(isinstance(linear, Int8Linear) for linear in linears):
        return Int8Linear.joined(linears)
    if not all(type(linear) is nn.Linear for linear in linears):
        return lambda rows: torch.cat([linear(rows) for linear in linears], dim=-1)
    weight = torch.cat([linear.weight.detach() for linear in linears])
    parts = torch.split(weight, [linear.weight.shape[0] for linear in linears])
    for linear, part in zip(linears, parts, strict=True):
        linear.weight.data = part
    return lambda rows: nn.functional.linear(rows, weight)
