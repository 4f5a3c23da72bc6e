"""Score passages against a question with a cross-encoder from a folder, or with OpenBMB's own rerank model.

Slower and sharper than embeddings: it reads question and passage together. Knows no index.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from minicpm_rag.errors import CheckpointError, EmbeddingError
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


class MiniCPMReranker(Reranker):
    """MiniCPM-Reranker(-Light), run without its folder's code.

    The model reads `<s>Query: question</s>passage`; its score is that of the first token, as logit.
    """

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question, 0..1, in the order given."""
        import torch

        if not texts:
            return []
        body, head, tokenizer = self._model()
        start = [tokenizer.bos_token_id, *_ids(tokenizer, f"Query: {question}")[: LIMIT_TOKENS // 2]]
        found = []
        for text in texts:
            ids = [*start, tokenizer.eos_token_id, *_ids(tokenizer, text)][:LIMIT_TOKENS]
            try:
                row = torch.tensor([ids], device=body.model.device)
                first = body.states(row, torch.ones_like(row))[0, 0]
            except (RuntimeError, IndexError) as exc:
                raise EmbeddingError(
                    "embedding.reranker_failed", name=self.folder.name, device=self.device, why=reason_of(exc)
                ) from exc
            found.append(float(torch.sigmoid((head @ first).float())))
        return found

    def _load(self) -> Any:
        from minicpm_rag.llm.checkpoint import load_tokenizer
        from minicpm_rag.llm.checkpoint.body import load_body

        try:
            body = load_body(self.folder, self.device)
            tokenizer = load_tokenizer(self.folder)
        except CheckpointError as exc:
            raise EmbeddingError("embedding.reranker_not_loaded", folder=self.folder, why=exc.message) from exc
        head = body.heads.get("score.weight")
        count = 0 if head is None else len(head)
        if head is None or count != 1:
            raise EmbeddingError("embedding.not_one_score", folder=self.folder, count=count)
        return body, head[0], tokenizer


def open_reranker(folder: Path, *, device: str = "cpu") -> Reranker:
    """The reranker of a folder. Raises EmbeddingError where it holds none."""
    from minicpm_rag.llm.checkpoint.body import is_bidirectional

    folder = folder.expanduser()
    try:
        kind = MiniCPMReranker if is_bidirectional(folder) else Reranker
    except CheckpointError as exc:
        raise EmbeddingError("embedding.reranker_not_loaded", folder=folder, why=exc.message) from exc
    return kind(folder, device=device)


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False).input_ids
    return ids
