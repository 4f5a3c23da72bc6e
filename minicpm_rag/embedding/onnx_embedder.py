"""Run a converted BERT (see converted.py) with onnxruntime on the processor: no torch, and several texts at once."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from minicpm_rag.embedding import bert_graph, converted
from minicpm_rag.embedding.embedder import Embedder, Kind, RunText, Vocabulary
from minicpm_rag.embedding.onnx_session import open_session, session_errors
from minicpm_rag.embedding.tokenizer import Tokenizer, load_tokenizer
from minicpm_rag.embedding.word_table import WordTable
from minicpm_rag.errors import EmbeddingError
from minicpm_rag.messages import reason_of

# Each thread runs a text by itself, so they do not wait for each other; beyond eight, memory traffic limits.
MOST_THREADS = 8


class OnnxEmbedder(Embedder):
    """A model that is converted into a folder of `embedders` when it is first needed; `read` gives its own files.

    `revision` may be a function, where finding it reads files.
    """

    def __init__(
        self,
        name: str,
        revision: str | Callable[[], str],
        embedders: Path,
        read: Callable[[], converted.Source],
        *,
        bits: Literal[8, 32],
    ) -> None:
        super().__init__()
        self.name = name
        self._find_revision = revision
        self._embedders = embedders
        self._read = read
        self._bits: Literal[8, 32] = bits
        self._preparing = threading.Lock()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._session: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        """How another process makes the same, which loads the model by itself."""
        made = partial(type(self), bits=self._bits)
        return made, (self.name, self.revision, self._embedders, self._read)

    @cached_property
    def revision(self) -> str:
        """A short name of the exact model."""
        return self._find_revision() if callable(self._find_revision) else self._find_revision

    @property
    def folder(self) -> Path:
        """Where the converted model is, or will be."""
        return self._embedders / f"{self.name}-{self.revision}"

    @property
    def is_prepared(self) -> bool:
        """Whether the model is converted already."""
        return converted.is_whole(self.folder)

    def prepare(self, on_progress: Callable[[float], object] = lambda share: None) -> None:
        """Convert the model, unless that was done; into a temporary folder where the home cannot be written."""
        with self._preparing:
            if self.is_prepared:
                return
            try:
                self._convert(on_progress)
            except EmbeddingError as exc:
                if not isinstance(exc.__cause__, OSError):
                    raise
                self._temporary = tempfile.TemporaryDirectory(prefix="minicpm-rag-", ignore_cleanup_errors=True)
                self._embedders = Path(self._temporary.name)
                self._convert(on_progress)

    def words(self) -> tuple[Tokenizer, WordTable]:
        """The tokenizer and the word embeddings, loaded; for a model that was trained on the same (reader.py)."""
        return self._vocabulary.tokenizer, self._table

    def _convert(self, on_progress: Callable[[float], object]) -> None:
        converted.convert(self._read, self.folder, name=self.name, bits=self._bits, on_progress=on_progress)

    def _load(self) -> Vocabulary:
        import numpy

        self.prepare()
        try:
            about = converted.about(self.folder)
            tokenizer = load_tokenizer(self.folder, about.unknown_id)
            self._table = WordTable(self.folder / converted.TABLE)
            self._positions = numpy.load(self.folder / converted.POSITIONS)
            self._session = open_session(self.folder / converted.BODY)
        except Exception as exc:  # tokenizers raises bare ones
            raise EmbeddingError("embedding.damaged", name=self.name, folder=self.folder, why=reason_of(exc)) from exc
        self._mean = about.pooling == "mean"
        self._threads = ThreadPoolExecutor(processors(), thread_name_prefix="embedder")
        return Vocabulary(
            tokenizer=tokenizer,
            prefixes=about.prefixes,
            limit_tokens=about.limit_tokens,
            dimension=self._table.hidden,
            mean_pooled=self._mean,
        )

    def _run(self, texts: list[str], kind: Kind, *, tokens: bool) -> Sequence[RunText]:
        try:
            if len(texts) == 1:
                return [self._one(texts[0], kind, tokens)]
            return list(self._threads.map(lambda text: self._one(text, kind, tokens), texts))
        except session_errors() as exc:
            raise EmbeddingError(
                "embedding.failed", name=self.name, device="cpu", words=texts[0][:60], why=reason_of(exc)
            ) from exc

    def _one(self, text: str, kind: Kind, tokens: bool) -> RunText:
        import numpy

        ids = self._ids(text, kind)
        rows = self._table.rows(ids) + self._positions[: len(ids)]
        ((states,),) = self._session.run([bert_graph.OUTPUT], {bert_graph.INPUT: rows[None]})
        vector = states.mean(axis=0) if self._mean else states[0]
        vector = vector / max(float(numpy.linalg.norm(vector)), 1e-12)
        return RunText(vector, states if tokens else None)


def processors() -> int:
    """Processors that this process may use, as threads for embedding; OMP_NUM_THREADS, which Ray sets, is a bound."""
    affinity = getattr(os, "sched_getaffinity", None)
    count = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    bound = os.environ.get("OMP_NUM_THREADS", "")
    return min(MOST_THREADS, count, max(1, int(bound)) if bound.isdecimal() else count)
