"""What is known about the model that answers, in words. It asks the model object only for what it has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.page.documents import size

if TYPE_CHECKING:
    from minicpm_rag.workspace import Workspace


def of(workspace: Workspace, tokens_per_second: float | None) -> dict[str, str]:
    """Name, device, precision, attention, memory and speed; what does not apply is empty."""
    llm: Any = workspace.llm
    model: Any = getattr(llm, "model", None)
    facts = {"model": workspace.model_name or "", "device": getattr(llm, "base_url", "")}
    if hasattr(model, "get_memory_footprint"):
        facts |= {
            "model": workspace.model_name or Path(str(getattr(llm, "model_path", ""))).name,
            "device": str(model.device),
            "precision": str(model.dtype).removeprefix("torch."),
            "attention": str(getattr(model.config, "_attn_implementation", "")),
            "memory": size(model.get_memory_footprint()),
        }
    facts["speed"] = f"{tokens_per_second:.1f}" if tokens_per_second else ""
    return facts
