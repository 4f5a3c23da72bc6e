"""Reads passages with a small model trained for it: where the answer stands, whether there is one, what is said.

The model is the body of multilingual-e5-small with three heads, in 8 bits in the file beside this one; words become
numbers by the table of the embedder, so that the table is stored once. Chinese and English, also one asked
of the other. How it was trained and what it is worth: training/README.md and docs/reader.md. It knows no thresholds:
what probability is enough is decided by those who ask.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag import records
from minicpm_rag.embedding import e5
from minicpm_rag.embedding.onnx_embedder import OnnxEmbedder, processors
from minicpm_rag.embedding.onnx_session import open_session, session_errors
from minicpm_rag.embedding.tokenizer import Token, Tokenizer
from minicpm_rag.embedding.word_table import WordTable
from minicpm_rag.errors import EmbeddingError
from minicpm_rag.messages import reason_of
from minicpm_rag.records import Reading

if TYPE_CHECKING:
    import numpy
    from langchain_core.documents import Document
    from numpy.typing import NDArray

    from minicpm_rag.embedding.embedder import Embedder

WEIGHTS = Path(__file__).with_name("reader.onnx")
# Tokens, as in training: training/model.py, training/prepare.py
QUESTION_LIMIT, CLAIM_LIMIT, CONTEXT_LIMIT = 64, 80, 60
WINDOW, OVERLAP = 340, 90  # a longer passage is read in windows
LONGEST_ANSWER = 60
MOST_PLACES, LEAST_LIKELY = 3, 0.05  # of places apart from each other that a reading tells
SAME_PLACE = 0.6  # of their tokens that two places have in common (F1)
BEGIN, END = 0, 2  # XLM-RoBERTa's <s> and </s>


@dataclass(frozen=True)
class _Window:
    """A stretch of a passage as one sequence of the model."""

    passage: int  # its place among the passages
    tokens: list[int]
    first: int  # where the passage's tokens begin
    offsets: list[tuple[int, int]]  # their characters in the passage


@dataclass(frozen=True)
class _Loaded:
    tokenizer: Tokenizer
    table: WordTable
    session: Any
    threads: ThreadPoolExecutor


@dataclass(frozen=True)
class _Places:
    """What one window says: `logs[i, j]` is the logarithm of how likely its tokens i to j are the answer."""

    answers: float
    offsets: list[tuple[int, int]]
    logs: NDArray[Any]


class Study:
    """A passage read against a question."""

    def __init__(self, windows: Sequence[_Places]) -> None:
        self._windows = [window for window in windows if window.offsets]

    @property
    def reading(self) -> Reading:
        """The likeliest answer."""
        import numpy

        best = max(self._windows, key=lambda window: window.answers, default=None)
        if best is None:
            return Reading(0, 0, 0.0, 0.0)
        begin, end = numpy.unravel_index(int(best.logs.argmax()), best.logs.shape)
        score = float(numpy.exp(best.logs[begin, end]))
        return Reading(best.offsets[begin][0], best.offsets[end][1], best.answers, score, _apart(best))

    def log_odds(self, start: int, end: int) -> float:
        """How likely `page_content[start:end]` is the answer, beside the likeliest: a logarithm, 0 where it is that.

        Counted is what has most of its tokens in common with it: "20 days" for "within 20 days".
        """
        import numpy

        found = -numpy.inf
        for window in self._windows:
            places = [n for n, (begin, stop) in enumerate(window.offsets) if stop > start and begin < end]
            if not places:
                continue
            first, last, count = places[0], places[-1], len(window.offsets)
            length = last - first + 1
            begins = numpy.arange(max(0, first - length), last + 1)[:, None]
            ends = numpy.arange(first, min(count, last + length + 1))[None, :]
            common = numpy.minimum(ends, last) - numpy.maximum(begins, first) + 1
            alike = 2 * common >= SAME_PLACE * (ends - begins + 1 + length)
            near = numpy.where(alike & (ends >= begins), window.logs[begins, ends], -numpy.inf)
            found = max(found, float(near.max() - window.logs.max()))
        return float(found)


class Reader:
    """Questions or claims and passages in, readings out. Loads when it is first used; threads may share it.

    `embedder` is multilingual-e5-small (e5.py): its tokenizer and its table of words are used.
    """

    def __init__(self, embedder: OnnxEmbedder, *, weights: Path = WEIGHTS) -> None:
        self._embedder = embedder
        self._weights = weights
        self._loading = threading.Lock()
        self._model: _Loaded | None = None

    def read(self, question: str, passages: Sequence[Document]) -> list[Reading]:
        """One reading for each passage, in their order.

        Raises EmbeddingError where the model cannot be loaded or run.
        """
        return [study.reading for study in self.study(question, passages)]

    def study(self, question: str, passages: Sequence[Document]) -> list[Study]:
        """The readings with how likely every other place is, for each passage. Raises EmbeddingError as `read` does."""
        windows: list[list[_Places]] = [[] for _ in passages]
        for window, scores in self._scores(question, "", passages):
            windows[window.passage].append(_places(window, scores))
        return [Study(found) for found in windows]

    def says(self, claim: str, passages: Sequence[Document], *, question: str = "") -> list[float]:
        """The probability (0..1) that each passage says the claim, in their order.

        Give the question where the claim is an answer that needs it ("45 days."); a whole statement stands by itself.
        Raises EmbeddingError as `read` does.
        """
        found = [0.0] * len(passages)
        for window, scores in self._scores(question, claim, passages):
            found[window.passage] = max(found[window.passage], _probability(scores[0, 3]))
        return found

    def _scores(
        self, question: str, claim: str, passages: Sequence[Document]
    ) -> list[tuple[_Window, NDArray[numpy.float32]]]:
        """Each window with the model's logits, (tokens, 4): first, last; and of the first token: answers, says."""
        model = self._loaded()
        windows = [
            w for place, passage in enumerate(passages) for w in _windows(model, question, claim, place, passage)
        ]

        def run(window: _Window) -> NDArray[numpy.float32]:
            words = model.table.rows(window.tokens)[None]
            scores: NDArray[numpy.float32] = model.session.run(["scores"], {"words": words})[0][0]
            return scores

        try:
            return list(zip(windows, model.threads.map(run, windows), strict=True))
        except session_errors() as exc:
            raise EmbeddingError("embedding.reader_not_run", question=question[:60], why=reason_of(exc)) from exc

    def _loaded(self) -> _Loaded:
        with self._loading:
            if self._model is None:
                self._model = self._load()
            return self._model

    def _load(self) -> _Loaded:
        tokenizer, table = self._embedder.words()
        try:
            session = open_session(self._weights)
        except session_errors() as exc:
            raise EmbeddingError("embedding.reader_not_loaded", weights=self._weights, why=reason_of(exc)) from exc
        return _Loaded(tokenizer, table, session, ThreadPoolExecutor(processors(), thread_name_prefix="reader"))


def reader_for(embedder: Embedder) -> Reader | None:
    """The one reader over an embedder whose words it was trained on, else None.

    A library with another embedder goes without: loading a second model for it takes longer than its search.
    """
    if isinstance(embedder, OnnxEmbedder) and embedder.revision == e5.REVISION:
        return _shared(embedder)
    return None


@lru_cache(maxsize=2)
def _shared(embedder: OnnxEmbedder) -> Reader:
    return Reader(embedder)


def _windows(model: _Loaded, question: str, claim: str, place: int, passage: Document) -> list[_Window]:
    told = (records.TITLE, records.HEADINGS, records.TABLE_HEADER)
    context = " › ".join(filter(None, (str(passage.metadata.get(key) or "") for key in told)))
    head = [BEGIN]
    for text, limit in ((question, QUESTION_LIMIT), (claim, CLAIM_LIMIT), (context, CONTEXT_LIMIT)):
        head += [*(token.id for token in _tokens(model.tokenizer, text)[:limit]), END]
    text = passage.page_content
    tokens = _tokens(model.tokenizer, text)
    ids = [token.id for token in tokens]
    offsets = [_trimmed(text, token.start, token.end) for token in tokens]
    starts = range(0, max(1, len(ids) - OVERLAP), WINDOW - OVERLAP)
    return [_Window(place, [*head, *ids[at : at + WINDOW], END], len(head), offsets[at : at + WINDOW]) for at in starts]


def _tokens(tokenizer: Tokenizer, text: str) -> list[Token]:
    """The tokens of a text without the special ones."""
    return [token for token in tokenizer.tokens(text) if not token.special]


def _trimmed(text: str, start: int, stop: int) -> tuple[int, int]:
    """A token's characters without the white space before it, which is part of the token."""
    return stop - len(text[start:stop].lstrip()), stop


def _places(window: _Window, scores: NDArray[numpy.float32]) -> _Places:
    import numpy

    count = len(window.offsets)
    answers = _probability(scores[0, 2])
    if not count:
        return _Places(answers, [], numpy.zeros((0, 0)))
    logits = scores[window.first : window.first + count, :2]
    logs = logits - numpy.logaddexp.reduce(logits, axis=0)
    length = numpy.arange(count)[None, :] - numpy.arange(count)[:, None]
    both = logs[:, None, 0] + logs[None, :, 1]
    return _Places(answers, window.offsets, numpy.where((length >= 0) & (length < LONGEST_ANSWER), both, -numpy.inf))


def _apart(window: _Places) -> tuple[tuple[int, int, float], ...]:
    """The likeliest places of a window that do not overlap, each with how likely all are that overlap it."""
    import numpy

    likely = numpy.exp(window.logs)
    found: list[tuple[int, int, float]] = []
    while len(found) < MOST_PLACES:
        begin, end = numpy.unravel_index(int(likely.argmax()), likely.shape)
        overlapping = likely[: end + 1, begin:]
        probability = float(overlapping.sum())
        if probability < LEAST_LIKELY:
            break
        found.append((window.offsets[begin][0], window.offsets[end][1], probability))
        overlapping[:] = 0.0
    return tuple(found)


def _probability(logit: float) -> float:
    return 1 / (1 + math.exp(-max(min(float(logit), 60.0), -60.0)))
