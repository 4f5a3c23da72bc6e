"""What the machine is said to have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from minicpm_rag.models import hardware


def test_this_machine_has_memory_cores_and_a_name() -> None:
    machine = hardware.describe()
    assert 0 < machine.ram_bytes <= psutil.virtual_memory().total
    assert machine.cores >= 1
    assert machine.processor
    assert machine.vram_bytes == sum(gpu.total_bytes for gpu in machine.gpus)


def test_a_machine_may_be_looked_at_as_if_it_had_no_gpu() -> None:
    machine = hardware.Hardware((hardware.Gpu("card", 8, 4),), 16, 2)
    assert machine.vram_bytes == 8
    assert machine.without_gpus() == hardware.Hardware((), 16, 2)


def test_torch_is_not_imported_where_there_is_no_driver() -> None:
    program = (
        "import sys; from minicpm_rag.models import hardware; hardware._nvidia_driver = lambda: False; "
        "hardware.describe(); print('torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_driver_without_a_torch_that_can_use_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(hardware, "_nvidia_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    machine = hardware.describe()
    assert machine.gpus == ()
    assert "NVIDIA driver" in str(machine.note)


def test_the_measured_bandwidth_is_one_a_memory_can_have() -> None:
    assert 1e8 < hardware.measure_bandwidth("cpu") < 1e13
