"""Where a model's weights go and in which number format: what the devices can do and what they have free.

Knows torch's devices, not checkpoints.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import ModelError, OutOfMemoryError
from minicpm_rag.llm.torch_internals import cpu_has_bfloat16
from minicpm_rag.llm.transformers_internals import unsplittable_modules
from minicpm_rag.text.sizes import file_size

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

# Left free on each GPU for the cache, the logits and the libraries' workspaces.
_RESERVE_BYTES = 3 << 29
PRECISIONS = ("auto", "bfloat16", "float16", "float32")
WEIGHTS = ("auto", "full", "int8", "int4")
ATTENTIONS = ("sdpa", "flash_attention_2", "eager")


def choose_device(wanted: str) -> str:
    """`cuda` or `cpu`; `auto` takes a GPU where there is one."""
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind = wanted.partition(":")[0]
    if kind not in ("cuda", "cpu"):
        raise ModelError("llm.device_unknown", device=wanted)
    if kind == "cuda" and not torch.cuda.is_available():
        raise ModelError("llm.no_gpu", device=wanted, version=torch.__version__)
    return wanted


def choose_weights(wanted: str, device: str, precision: str, *, packed: bool = False) -> str:
    """full, int8 or int4; `auto` is int8 on a processor, unless a precision is asked for, and full on a GPU.

    Decoding waits for memory: a processor gains much from 8 bits, a GPU little with the 2B model. A checkpoint that
    is `packed` in 4 bits keeps these on a processor.
    """
    if wanted not in WEIGHTS:
        raise ModelError("llm.weights_unknown", weights=wanted, known=WEIGHTS)
    on_processor = not device.startswith("cuda")
    if wanted == "auto":
        few = "int4" if packed else "int8"
        return few if on_processor and precision == "auto" else "full"
    return wanted


def choose_precision(wanted: str, device: str, float32_bytes: int = 0) -> torch.dtype:
    """The number format: bfloat16 where the device computes with it, else float16 on GPUs, float32 on CPUs.

    `float32_bytes` is what the weights take in float32: where the host has less memory free, a CPU computes in
    bfloat16 nevertheless, slowly.
    """
    import torch

    if wanted not in PRECISIONS:
        raise ModelError("llm.precision_unknown", precision=wanted, known=PRECISIONS)
    if wanted != "auto":
        dtype: torch.dtype = getattr(torch, wanted)
        return dtype
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if cpu_has_bfloat16():
        return torch.bfloat16
    if float32_bytes > host_memory_free():
        _log.warning("float32 weights do not fit the free host memory; computing in bfloat16, which is slow here")
        return torch.bfloat16
    return torch.float32


def check_attention(attention: str, device: str, dtype: torch.dtype) -> None:
    """Raise ModelError where an attention implementation cannot run here."""
    if attention not in ATTENTIONS:
        raise ModelError("llm.attention_unknown", attention=attention, known=ATTENTIONS)
    if attention != "flash_attention_2":
        return
    import torch
    from transformers.utils import is_flash_attn_2_available

    if not device.startswith("cuda") or dtype not in (torch.float16, torch.bfloat16):
        raise ModelError("llm.flash_attention_unusable", device=device, precision=_name(dtype))
    if not is_flash_attn_2_available():
        raise ModelError("llm.flash_attention_missing")


def host_memory_free() -> int:
    """Bytes of host memory that can be taken without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def device_map(
    model: Any, dtype: torch.dtype, device: str, memory: Mapping[int | str, int] | None = None
) -> dict[str, Any]:
    """Module name -> device for a model on meta.

    One device where everything fits (`""` means the whole model); else spread over the GPUs and then the host
    by accelerate. `memory` overrides the bytes that are free per device.
    """
    import torch

    if not device.startswith("cuda") or (":" in device and memory is None):
        return {"": torch.device(device)}
    available = dict(memory) if memory is not None else _free_memory()
    needed = model_bytes(model, dtype)
    gpus = [key for key in available if isinstance(key, int)]
    best = max(gpus, key=lambda key: available[key])
    if needed <= available[best]:
        return {"": torch.device("cuda", best)}
    if needed > sum(available.values()):
        free = sum(available.values())
        raise OutOfMemoryError("llm.weights_do_not_fit", size=needed, precision=_name(dtype), free=free)
    from accelerate import infer_auto_device_map

    placed = infer_auto_device_map(
        model, max_memory=available, no_split_module_classes=unsplittable_modules(model), dtype=dtype
    )
    if "disk" in placed.values():
        raise OutOfMemoryError("llm.weights_cannot_be_split", size=needed, precision=_name(dtype))
    if "cpu" in placed.values():
        _log.warning("%s of weights do not fit the GPU; a part stays on the host, which is slow", file_size(needed))
    return dict(placed)


def model_bytes(model: Any, dtype: torch.dtype) -> int:
    """Bytes of the weights in `dtype`; tied ones count once."""
    return int(sum(parameter.numel() for parameter in model.parameters()) * dtype.itemsize)


def _free_memory() -> dict[int | str, int]:
    import torch

    free: dict[int | str, int] = {
        index: max(0, torch.cuda.mem_get_info(index)[0] - _RESERVE_BYTES) for index in range(torch.cuda.device_count())
    }
    free["cpu"] = max(0, host_memory_free() - _RESERVE_BYTES)
    return free


def out_of_memory_loading(model: Any, dtype: torch.dtype) -> OutOfMemoryError:
    """The error for weights that filled the device while they were loaded."""
    return OutOfMemoryError("llm.out_of_memory_loading", size=model_bytes(model, dtype), precision=_name(dtype))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
