"""What every embedder offers: vectors of texts and of their tokens, as LangChain `Embeddings`.

Knows tokenizers, prefixes and limits. Does not know how a model is run (torch_embedder, onnx_embedder), which one is
used (choice), nor documents, chunks or where vectors are kept. No embedder ever asks a hub for anything.
"""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from langchain_core.embeddings import Embeddings

from minicpm_rag.embedding.token_signs import packed
from minicpm_rag.embedding.tokenizer import Tokenizer
from minicpm_rag.errors import EmbeddingError
from minicpm_rag.text.scripts import UNSPACED

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Vectors = NDArray[numpy.float32]

Kind = Literal["query", "document"]
READABLE = 0.5  # of a text's characters; the tokens of a text that the model cannot read say nothing

_UNSPACED = re.compile(f"[{UNSPACED}]")
_SPACED_WORD = re.compile(rf"(?:(?![{UNSPACED}])[^\W_])+")


@dataclass(frozen=True)
class ReadPassage:
    """A passage as the embedder reads it."""

    vector: list[float]
    token_signs: bytes  # see token_signs.py; empty where single tokens say nothing


@dataclass(frozen=True)
class ReadQuestion:
    """A question as the embedder reads it: its vector, and one of unit length for each token of its words.

    `words` names the word of each token. Where a script has no spaces between words, it is the token itself.
    """

    vector: list[float]
    words: list[str]
    tokens: Vectors


@dataclass(frozen=True)
class Vocabulary:
    """What an embedder knows of texts before it runs: its tokenizer and its limits."""

    tokenizer: Tokenizer
    prefixes: dict[str, str]  # by kind; what the model was trained to read before a question or a passage
    limit_tokens: int
    dimension: int
    mean_pooled: bool  # whether a text's vector is the mean of its tokens'


@dataclass(frozen=True)
class RunText:
    """What a model makes of a text: its vector of unit length, and (tokens, dimension) where these were asked for."""

    vector: Vectors
    tokens: Vectors | None


class Embedder(Embeddings, ABC):
    """Texts to vectors of unit length, so that a dot product is the cosine. Safe to share between threads.

    `name` and `revision` say which vectors may be compared; the revision changes whenever the vectors do.
    """

    name: str

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._loaded: Vocabulary | None = None

    @property
    @abstractmethod
    def revision(self) -> str:
        """A short name of the exact model; needs no weights in memory."""

    @abstractmethod
    def _load(self) -> Vocabulary:
        """Load the model. Called once, before anything is run. Raises EmbeddingError."""

    @abstractmethod
    def _run(self, texts: list[str], kind: Kind, *, tokens: bool) -> Sequence[RunText]:
        """Run the model on texts with their prefix, none longer than it reads. Raises EmbeddingError."""

    def prepare(self, on_progress: Callable[[float], object] = lambda share: None) -> None:
        """Convert the model where that must be done once; `on_progress` hears the share done, 0..1."""

    @property
    def is_prepared(self) -> bool:
        """Whether the model can be loaded without being converted first."""
        return True

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._loaded is not None

    @property
    def dimension(self) -> int:
        """Numbers in one vector."""
        return self._vocabulary.dimension

    @property
    def limit_tokens(self) -> int:
        """The longest text the model reads, in its own tokens, special ones and prefix included."""
        return self._vocabulary.limit_tokens

    @property
    def compares_tokens(self) -> bool:
        """Whether the vectors of single tokens compare like those of texts.

        They do where a text's vector is the mean of its tokens'. A model that puts the whole text into its first
        or last token was never trained on the others.
        """
        return self._vocabulary.mean_pooled

    def count_tokens(self, text: str) -> int:
        """Tokens of a document's text as the model reads it, special tokens and prefix included."""
        return len(self._ids(text, "document"))

    def readable_share(self, text: str) -> float:
        """Share of the text's characters that the vocabulary knows, 0..1; the rest become "unknown"."""
        tokenizer = self._vocabulary.tokenizer
        tokens = tokenizer.tokens(text)
        lost = sum(token.end - token.start for token in tokens if token.id == tokenizer.unknown_id)
        return 1 - lost / max(1, sum(token.end - token.start for token in tokens))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed passages. Raises EmbeddingError for one beyond `limit_tokens`, because its end would be lost."""
        self._refuse_too_long(texts)
        return [found.vector.tolist() for found in self._run_loaded(texts, "document", tokens=False)]

    def embed_query(self, text: str) -> list[float]:
        """Embed a question. One that is longer than the model reads is embedded in parts and averaged."""
        return _mean([found.vector for found in self._run_loaded(self._split(text), "query", tokens=False)])

    def read_passages(self, texts: list[str]) -> list[ReadPassage]:
        """Embed passages as `embed_documents` does, with the signs of their tokens where these say something."""
        self._refuse_too_long(texts)
        readable = [self.compares_tokens and self.readable_share(text) >= READABLE for text in texts]
        read = []
        for text, keep, found in zip(
            texts, readable, self._run_loaded(texts, "document", tokens=any(readable)), strict=True
        ):
            signs = packed(self._tokens_of_words(text, "document", found)[1]) if keep else b""
            read.append(ReadPassage(found.vector.tolist(), signs))
        return read

    def read_question(self, text: str) -> ReadQuestion:
        """Embed a question as `embed_query` does, with the vectors of its tokens."""
        import numpy

        parts = self._split(text)
        run = self._run_loaded(parts, "query", tokens=True)
        read = [self._tokens_of_words(part, "query", found) for part, found in zip(parts, run, strict=True)]
        words = [word for words, _ in read for word in words]
        tokens = numpy.concatenate([tokens for _, tokens in read])
        return ReadQuestion(_mean([found.vector for found in run]), words, tokens)

    @property
    def _vocabulary(self) -> Vocabulary:
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    self._loaded = self._load()
        return self._loaded

    def _run_loaded(self, texts: list[str], kind: Kind, *, tokens: bool) -> Sequence[RunText]:
        import numpy

        _ = self._vocabulary
        found = self._run(texts, kind, tokens=tokens) if texts else []
        if not all(numpy.isfinite(one.vector).all() for one in found):
            raise EmbeddingError("embedding.no_numbers", name=self.name)
        return found

    def _ids(self, text: str, kind: Kind) -> list[int]:
        return self._vocabulary.tokenizer.ids(self._prefix(kind) + text)

    def _prefix(self, kind: Kind) -> str:
        return self._vocabulary.prefixes.get(kind) or ""

    def _refuse_too_long(self, texts: list[str]) -> None:
        for number, text in enumerate(texts, start=1):
            tokens = self.count_tokens(text)
            if tokens > self.limit_tokens:
                raise EmbeddingError(
                    "embedding.text_too_long",
                    number=number, texts=len(texts), tokens=tokens, name=self.name, most=self.limit_tokens,
                    words=text[:60],
                )  # fmt: skip

    def _split(self, text: str) -> list[str]:
        """The text in parts that the model reads."""
        if len(self._ids(text, "query")) <= self.limit_tokens:
            return [text]
        room = self.limit_tokens - len(self._ids("", "query"))
        offsets = [token[1:3] for token in self._vocabulary.tokenizer.tokens(text) if not token.special]
        # Cut at token borders; a part alone can have a few more tokens, hence the slack.
        step = max(1, room - 8)
        return [
            text[offsets[first][0] : offsets[min(first + step, len(offsets)) - 1][1]]
            for first in range(0, len(offsets), step)
        ]

    def _tokens_of_words(self, text: str, kind: Kind, found: RunText) -> tuple[list[str], Vectors]:
        """The word that each token is of, and a vector of unit length for each; other tokens are left out."""
        import numpy

        assert found.tokens is not None
        words = self._token_words(text, kind)
        if len(words) != len(found.tokens):  # the model has cut the text otherwise: better no tokens than wrong ones
            words = []
        kept = [number for number, word in enumerate(words) if word]
        tokens = found.tokens[kept].astype(numpy.float32)
        lengths = numpy.maximum(numpy.linalg.norm(tokens, axis=1, keepdims=True), 1e-12)
        return [words[number] for number in kept], tokens / lengths

    def _token_words(self, text: str, kind: Kind) -> list[str]:
        """The word that each token is of; "" for special tokens, those of the prefix and bare spaces."""
        before = len(self._prefix(kind))
        tokens = self._vocabulary.tokenizer.tokens(self._prefix(kind) + text)
        words = words_of(text, [(max(0, token.start - before), max(0, token.end - before)) for token in tokens])
        return ["" if token.special else word for token, word in zip(tokens, words, strict=True)]


def words_of(text: str, pieces: Sequence[tuple[int, int]]) -> list[str]:
    """The word of which each piece of the text, from one character to another, is a part.

    Tokenizers disagree on words: some take each Han character for one, some a whole Chinese question. Here a word
    is a run of letters and digits; in a script without spaces it is the piece itself, without its punctuation.
    """
    runs = [run.span() for run in _SPACED_WORD.finditer(text)]
    ends = [end for _, end in runs]
    words = []
    for start, end in pieces:
        piece = text[start:end]
        unspaced = _UNSPACED.findall(piece)
        first = _SPACED_WORD.search(piece)
        if unspaced or first is None:
            words.append("".join(unspaced) or piece.strip())
        else:
            run_start, run_end = runs[bisect_right(ends, start + first.start())]
            words.append(text[run_start:run_end])
    return words


def _mean(vectors: Sequence[Vectors]) -> list[float]:
    import numpy

    if len(vectors) == 1:
        return [float(number) for number in vectors[0]]
    mean = numpy.asarray(vectors).mean(axis=0)
    length = float(numpy.linalg.norm(mean))
    return [float(number) for number in (mean / length if length else mean)]
