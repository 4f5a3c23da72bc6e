"""MiniCPM-Embedding(-Light) from its folder, without the folder's code.

A question is read after "Query: " (its card's format without an instruction), a passage as it is. The text's vector
is the mean of the last states, each weighted by its position from 1 on, as the published code scales them; then of
unit length. The sparse vectors that the model can also make are not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from minicpm_rag.embedding.embedder import Embedder, Kind, RunText, Vocabulary
from minicpm_rag.embedding.model_folder import folder_revision, read_json
from minicpm_rag.embedding.tokenizer import FastTokenizer
from minicpm_rag.errors import CheckpointError, EmbeddingError
from minicpm_rag.messages import reason_of

QUERY_PREFIX = "Query: "
MOST_TOKENS = 8192  # what the published models were trained to read
_BATCH = 16  # texts on a GPU; on a processor padding costs more than a batch wins


class MiniCPMEmbedder(Embedder):
    """A folder for which `is_bidirectional` holds, run by torch on a processor or a GPU."""

    def __init__(self, folder: Path, *, device: str = "cpu") -> None:
        super().__init__()
        self.name = folder.name
        self.folder = folder
        self.device = device
        self._body: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        """How another process makes the same, which loads the model by itself."""
        return partial(MiniCPMEmbedder, device=self.device), (self.folder,)

    @cached_property
    def revision(self) -> str:
        """Hex digits that change when the model's files change."""
        return f"{folder_revision(self.folder)}-mean"

    def _load(self) -> Vocabulary:
        from minicpm_rag.llm.checkpoint import context_tokens, load_tokenizer
        from minicpm_rag.llm.checkpoint.body import load_body

        try:
            self._body = load_body(self.folder, self.device)
            tokenizer = load_tokenizer(self.folder)
        except CheckpointError as exc:
            raise EmbeddingError("embedding.embedder_not_loaded", folder=self.folder, why=exc.message) from exc
        self._mean_by_place = read_json(self.folder / "config.json").get("adapt_mean_pooling") is not False
        prompts = read_json(self.folder / "config_sentence_transformers.json").get("prompts")
        stated = read_json(self.folder / "sentence_bert_config.json").get("max_seq_length")
        config = self._body.model.config
        return Vocabulary(
            tokenizer=FastTokenizer(_with_end(tokenizer, self.folder), tokenizer.unk_token_id),
            prefixes=dict(prompts or {"query": QUERY_PREFIX}),
            limit_tokens=min(MOST_TOKENS, int(stated or context_tokens(config))),
            dimension=int(config.hidden_size),
            # Their mean is weighted, and nothing says that single states compare.
            mean_pooled=False,
        )

    def _run(self, texts: list[str], kind: Kind, *, tokens: bool) -> Sequence[RunText]:
        import torch

        ids = [self._ids(text, kind) for text in texts]
        batch = 1 if self.device == "cpu" else _BATCH
        order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
        found: dict[int, RunText] = {}
        while order:
            chosen = order[:batch]
            try:
                found.update(zip(chosen, self._batch([ids[number] for number in chosen], tokens), strict=True))
            except torch.OutOfMemoryError as exc:
                torch.cuda.empty_cache()
                if batch == 1:
                    raise EmbeddingError("embedding.out_of_memory", name=self.name, device=self.device) from exc
                batch //= 2
                continue
            except (RuntimeError, ValueError, IndexError) as exc:
                raise EmbeddingError(
                    "embedding.failed", name=self.name, device=self.device, words=texts[0][:60], why=reason_of(exc)
                ) from exc
            order = order[batch:]
        return [found[number] for number in range(len(texts))]

    def _batch(self, ids: list[list[int]], tokens: bool) -> list[RunText]:
        import torch

        longest = max(len(each) for each in ids)
        padded = torch.tensor([each + [0] * (longest - len(each)) for each in ids])
        mask = torch.tensor([[1] * len(each) + [0] * (longest - len(each)) for each in ids])
        device = self._body.model.device
        states = self._body.states(padded.to(device), mask.to(device)).float().cpu()
        weights = mask * (torch.arange(longest) + 1) if self._mean_by_place else mask
        vectors = torch.nn.functional.normalize((states * weights[:, :, None]).sum(dim=1), dim=-1)
        return [
            RunText(vector.numpy(), text[: len(each)].numpy() if tokens else None)
            for vector, text, each in zip(vectors, states, ids, strict=True)
        ]


def _with_end(tokenizer: Any, folder: Path) -> Any:
    """A copy of the tokenizer that also ends a text with its end token, where the folder's settings say so.

    transformers' Llama tokenizers read `add_eos_token`; the pipeline in the file does not know it.
    """
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    own = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    if read_json(folder / "tokenizer_config.json").get("add_eos_token") is True:
        start, end = tokenizer.bos_token, tokenizer.eos_token
        own.post_processor = TemplateProcessing(
            single=f"{start} $A {end}",
            special_tokens=[(start, tokenizer.bos_token_id), (end, tokenizer.eos_token_id)],
        )
    return own
