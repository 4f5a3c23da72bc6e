"""Score passages against a question with a cross-encoder from a folder.

Slower and sharper than embeddings: it reads question and passage together. Knows no index.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minicpm_rag.errors import EmbeddingError
from minicpm_rag.messages import reason_of

LIMIT_TOKENS = 512  # question and passage together; default chunks need about 350


class Reranker:
    """A sequence-classification model with one output, such as bge-reranker-v2-m3.

    Loads on first use. Safe to share between threads.
    """

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        if not (folder / "config.json").is_file():
            raise EmbeddingError("embedding.not_a_reranker", folder=folder)
        self.folder = folder
        self.device = device
        self._loading = threading.Lock()
        self._loaded: Any = None

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question, 0..1, in the order given."""
        if not texts:
            return []
        model = self._model()
        try:
            found = model.predict([(question, text) for text in texts], show_progress_bar=False)
        except (RuntimeError, ValueError, IndexError) as exc:
            raise EmbeddingError(
                "embedding.reranker_failed", name=self.folder.name, device=self.device, why=reason_of(exc)
            ) from exc
        return [float(score) for score in found]

    def _model(self) -> Any:
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    self._loaded = self._load()
        return self._loaded

    def _load(self) -> Any:
        from safetensors import SafetensorError
        from sentence_transformers import CrossEncoder
        from torch.nn import Sigmoid

        try:
            model = CrossEncoder(
                str(self.folder),
                device=self.device,
                local_files_only=True,
                max_length=LIMIT_TOKENS,
                activation_fn=Sigmoid(),
                model_kwargs={"dtype": "float32"},
            )
        except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as exc:
            raise EmbeddingError("embedding.reranker_not_loaded", folder=self.folder, why=reason_of(exc)) from exc
        if model.num_labels != 1:
            raise EmbeddingError("embedding.not_one_score", folder=self.folder, count=model.num_labels)
        return model
