"""Private document Q&A for MiniCPM: answers that quote the exact passage of the exact page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minicpm_rag.llm.minicpm import MiniCPM_LLM

__all__ = ["MiniCPM_LLM", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import `MiniCPM_LLM` on first use: it needs LangChain, which costs a second."""
    if name == "MiniCPM_LLM":
        from minicpm_rag.llm.minicpm import MiniCPM_LLM

        return MiniCPM_LLM
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
