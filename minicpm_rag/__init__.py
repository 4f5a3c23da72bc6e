"""Private document Q&A for MiniCPM: answers that quote the exact passage of the exact page.

The names below are the public ones, documented in docs/api.md with the records of `minicpm_rag.records`; everything
else may move. Each is imported when it is first used: most need LangChain, which takes a second to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minicpm_rag.answering import build_chain
    from minicpm_rag.errors import RAGError
    from minicpm_rag.llm.chat import ChatMiniCPM
    from minicpm_rag.llm.gguf.gguf_llm import GgufLLM
    from minicpm_rag.llm.minicpm import MiniCPM_LLM
    from minicpm_rag.loaders.isolated import load_file
    from minicpm_rag.retrieval import HybridRetriever
    from minicpm_rag.settings import load_settings
    from minicpm_rag.workspace import open_workspace

__all__ = [
    "ChatMiniCPM",
    "GgufLLM",
    "HybridRetriever",
    "MiniCPM_LLM",
    "RAGError",
    "__version__",
    "build_chain",
    "load_file",
    "load_settings",
    "open_workspace",
]
__version__ = "0.1.0"

_MODULES = {
    "ChatMiniCPM": "llm.chat",
    "GgufLLM": "llm.gguf.gguf_llm",
    "HybridRetriever": "retrieval",
    "MiniCPM_LLM": "llm.minicpm",
    "RAGError": "errors",
    "build_chain": "answering",
    "load_file": "loaders.isolated",
    "load_settings": "settings",
    "open_workspace": "workspace",
}


def __getattr__(name: str) -> Any:
    """Import a public name."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"minicpm_rag.{_MODULES[name]}"), name)
