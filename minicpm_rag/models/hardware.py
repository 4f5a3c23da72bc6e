"""What this machine has: GPUs, memory, cores, and how quickly its memory is read.

It does not know models or settings.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from minicpm_rag.messages import Message

RAM_SHARE = 0.7  # of memory may be a model's; the rest is the system's and this program's own index
GIGABYTE = 1_000_000_000


@dataclass(frozen=True)
class Gpu:
    """One CUDA device that torch can use."""

    name: str
    total_bytes: int
    free_bytes: int
    bfloat16: bool = True


@dataclass(frozen=True)
class Hardware:
    """What a choice of model depends on. `note` says why a GPU that is there cannot be used."""

    gpus: tuple[Gpu, ...]
    ram_bytes: int
    cores: int
    processor: str = ""
    processor_bfloat16: bool = False
    note: Message | None = None
    llama_cpp: bool = False  # whether the extra that runs GGUF files is installed

    @property
    def vram_bytes(self) -> int:
        """Memory of all usable GPUs together; a model may be spread over several."""
        return sum(gpu.total_bytes for gpu in self.gpus)

    def without_gpus(self) -> Hardware:
        """The same machine when the settings say `device=cpu`."""
        return replace(self, gpus=())


def describe() -> Hardware:
    """Look at this machine; torch, which takes seconds, is imported only where there is an NVIDIA driver."""
    gpus, note = _gpus() if _nvidia_driver() else ((), None)
    return Hardware(
        gpus=gpus,
        ram_bytes=ram_bytes(),
        cores=cores(),
        processor=_processor(),
        processor_bfloat16=_processor_bfloat16(),
        note=note,
        llama_cpp=importlib.util.find_spec("xllamacpp") is not None,
    )


def measure_bandwidth(device: str) -> float:
    """Bytes a second that the device's memory moves (read and written), measured by a copy of 256 MB."""
    import torch

    source = torch.ones(64 * 1024 * 1024, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    best = float("inf")
    for _ in range(4):  # the first copy pays for page faults
        if device != "cpu":
            torch.cuda.synchronize()
        start = time.perf_counter()
        target.copy_(source)
        if device != "cpu":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * source.numel() * source.element_size() / best


def _nvidia_driver() -> bool:
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()


def _gpus() -> tuple[tuple[Gpu, ...], Message | None]:
    import torch

    if not torch.cuda.is_available():
        if torch.version.cuda is None:
            return (), Message("models.torch_without_cuda", version=torch.__version__)
        return (), Message("models.torch_cannot_open_gpu")
    gpus = []
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        # Cards before Ampere only emulate bfloat16, slowly.
        native = torch.cuda.get_device_capability(index)[0] >= 8
        gpus.append(Gpu(torch.cuda.get_device_name(index), total, free, native))
    return tuple(gpus), None


def ram_bytes() -> int:
    """Memory of the machine, or of the container around this process where that is less."""
    import psutil

    total = int(psutil.virtual_memory().total)
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    return min(total, int(text)) if text.isdigit() else total


def cores() -> int:
    """Processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _processor_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; elsewhere float32 is quicker."""
    information = Path("/proc/cpuinfo")
    if not information.is_file():
        return False
    words = set(information.read_text(errors="replace").split())
    return bool(words & {"avx512_bf16", "amx_bf16", "bf16"})
