"""onnxruntime in one place: how its sessions are opened, and which errors it raises."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def open_session(model: Path | bytes) -> Any:
    """Open a model on one thread of the processor; runs in several threads do not disturb each other.

    Raises one of `session_errors`.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors, not warnings
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def session_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises. Its classes have no common base, and stand in a private module."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented",
             "RuntimeException")  # fmt: skip
    return (*(getattr(state, name) for name in names), RuntimeError, ValueError, MemoryError)
