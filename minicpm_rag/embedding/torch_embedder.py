"""Run a sentence-transformers model from its folder with torch: any architecture that library knows.

Only what is not served by `onnx_embedder` comes here, because torch costs seconds to load.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from minicpm_rag.embedding.embedder import Embedder, Kind, RunText, Vocabulary
from minicpm_rag.embedding.model_folder import folder_revision, require_model_folder
from minicpm_rag.embedding.tokenizer import FastTokenizer
from minicpm_rag.errors import EmbeddingError
from minicpm_rag.messages import reason_of

BATCH = 32  # texts; the fastest of 32, 64 and 128 on two cores
LONGEST_LIMIT_TOKENS = 8192


class TorchEmbedder(Embedder):
    """A sentence-transformers folder, run on a processor or a GPU."""

    def __init__(self, folder: Path, revision: str | None = None, *, device: str = "cpu") -> None:
        """Open a folder; `revision` is found from its files where it is not given. Raises EmbeddingError."""
        super().__init__()
        require_model_folder(folder)
        self.name = folder.name
        self._given_revision = revision
        self.folder = folder
        self.device = device
        self._model: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        """How another process makes the same, which loads the model by itself."""
        return partial(TorchEmbedder, device=self.device), (self.folder, self._given_revision)

    @cached_property
    def revision(self) -> str:
        """Sixteen hex digits that change when the model's files change."""
        return self._given_revision or folder_revision(self.folder)

    def _load(self) -> Vocabulary:
        # libgomp's spinning threads make torch 15 times slower beside another busy process.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        try:
            model = SentenceTransformer(
                str(self.folder), device=self.device, local_files_only=True, model_kwargs={"dtype": "float32"}
            )
        except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as exc:
            raise EmbeddingError("embedding.embedder_not_loaded", folder=self.folder, why=reason_of(exc)) from exc
        model.max_seq_length = _limit_tokens(model)
        self._model = model
        return Vocabulary(
            tokenizer=_own_tokenizer(model),
            prefixes=dict(model.prompts or {}),
            limit_tokens=int(model.max_seq_length),
            dimension=int(model.get_embedding_dimension()),
            mean_pooled=any(getattr(module, "pooling_mode", None) == "mean" for module in model),
        )

    def _run(self, texts: list[str], kind: Kind, *, tokens: bool) -> Sequence[RunText]:
        if not tokens:
            return [RunText(vector, None) for vector in self._encode(texts, kind, normalize_embeddings=True)]
        from torch.nn.functional import normalize

        found = []
        for output in self._encode(texts, kind, output_value=None):
            own = output["token_embeddings"][output["attention_mask"].bool()]
            vector = normalize(output["sentence_embedding"], dim=0)
            found.append(RunText(vector.float().cpu().numpy(), own.float().cpu().numpy()))
        return found

    def _encode(self, texts: list[str], kind: Kind, **output: Any) -> Sequence[Any]:
        import torch

        encode = self._model.encode_query if kind == "query" else self._model.encode_document
        batch = BATCH
        while True:
            try:
                found: Sequence[Any] = encode(texts, batch_size=batch, show_progress_bar=False, **output)
            except torch.OutOfMemoryError as exc:  # noqa: PERF203 (retried at most five times)
                torch.cuda.empty_cache()
                if batch == 1:
                    raise EmbeddingError("embedding.out_of_memory", name=self.name, device=self.device) from exc
                batch //= 2
            except (RuntimeError, ValueError, IndexError) as exc:
                raise EmbeddingError(
                    "embedding.failed", name=self.name, device=self.device, words=texts[0][:60], why=reason_of(exc)
                ) from exc
            else:
                return found


def _own_tokenizer(model: Any) -> FastTokenizer:
    """A copy of the model's tokenizer: changing a shared one's truncation fails in a second thread."""
    from tokenizers import Tokenizer

    own = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
    unknown = model.tokenizer.unk_token_id
    return FastTokenizer(own, None if unknown is None else int(unknown))


def _limit_tokens(model: Any) -> int:
    """Tokens the position table has room for, which may be more than the model's file asks for.

    MiniLM's file says 256 of its 512, too few for 350 Chinese characters and a title; see docs/decisions.md.
    """
    stated = model.max_seq_length
    positions = getattr(getattr(model[0], "auto_model", None), "embeddings", None)
    table = getattr(positions, "position_embeddings", None)
    if table is not None and hasattr(table, "num_embeddings"):
        # RoBERTa's positions start after its padding index.
        start = 0 if table.padding_idx is None else int(table.padding_idx) + 1
        return max(int(table.num_embeddings) - start, stated or 0)
    return int(min(stated or LONGEST_LIMIT_TOKENS, LONGEST_LIMIT_TOKENS))
