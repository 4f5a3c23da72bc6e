"""Programmatic dependent launch: on Hopper and newer a kernel may start while the one before it still runs.

It can then ask for its weights, and must wait before it reads what the kernel before wrote. Every kernel of a step
must wait, or one two places back might still be writing. The only module that uses this part of Triton, which is not
documented as stable; tests/llm/test_foreign_surfaces.py says what changed.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call"
# ruff: noqa: N803 - compile-time constants are upper case in Triton

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import triton
import triton.language as tl

if TYPE_CHECKING:
    import torch


def launch_options(device: torch.device) -> dict[str, Any]:
    """Arguments of a launch: the kernel's constant PDL and, where the card and this Triton have it, Triton's switch."""
    supported = _supported(device)
    return {"PDL": True, "launch_pdl": True} if supported else {"PDL": False}


@functools.cache
def _supported(device: torch.device) -> bool:
    import torch
    from triton.language.extra import cuda

    return device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 9 and hasattr(cuda, "gdc_wait")


def know_compiler() -> None:
    """Let Triton read its own files, by which it knows what it compiled before: half a second, once in a process."""
    from triton.runtime import cache

    getattr(cache, "triton_key", lambda: None)()


@triton.jit
def start_next(PDL: tl.constexpr):
    """Let the next kernel start while this one runs."""
    if PDL:
        tl.extra.cuda.gdc_launch_dependents()


@triton.jit
def wait_for_previous(PDL: tl.constexpr):
    """Wait until everything that the kernels before wrote can be read."""
    if PDL:
        tl.extra.cuda.gdc_wait()
