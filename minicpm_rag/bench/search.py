"""How fast a large library opens and answers: made texts in two languages, the real ledger, Chroma and retriever.

The embedder is made as well: a text lies near the others of its subject. So all is measured except the embedding.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from minicpm_rag import records
from minicpm_rag.embedding.embedder import Embedder, ReadQuestion, RunText
from minicpm_rag.records import Chunk, NewDocument, Page

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from minicpm_rag.embedding.embedder import Kind, Vocabulary
    from minicpm_rag.library import Library

    Vectors = NDArray[numpy.float32]

KNOWLEDGE_BASE = "made"
DIMENSION = 384
CHUNKS_IN_DOCUMENT = 100
SUBJECTS = 2_000
NOISE = 0.9  # beside a subject's vector; two texts of one subject have a cosine of about .55
WORDS = 20_000
ZIPF = 1.1  # the power with which the words of a language grow rarer
LANGUAGES = ("zh", "en")
WORDS_IN_CHUNK = {"zh": 150, "en": 60}  # about 350 characters
WORDS_IN_SENTENCE = 12
TOKENS_IN_CHUNK = 200
WARM_QUESTIONS = 10


@dataclass(frozen=True)
class SearchSpeed:
    """Seconds, and bytes; `median` and `tail` (95 of 100 are quicker) by language.

    Those called cpu are processor time, of all threads: what to compare on a machine that does other things too.
    """

    chunks: int
    build: float | None  # None where the library was there
    disk: int
    opening: float  # until the first question has its passages
    opening_cpu: float
    median: dict[str, float]
    tail: dict[str, float]
    tail_cpu: dict[str, float]
    memory: int  # resident, after the questions


class MadeTexts:
    """Words of a language as rare as in real texts, and texts of them. The same seed gives the same texts."""

    def __init__(self, language: str, seed: int) -> None:
        self.language = language
        made = random.Random(language)
        self.words = [self._word(made) for _ in range(WORDS)]
        self._weights = list(accumulate(1 / rank**ZIPF for rank in range(1, WORDS + 1)))
        self._random = random.Random(seed)

    def _word(self, made: random.Random) -> str:
        if self.language == "zh":  # two of the 3,755 commonest characters, which GB 2312 has first
            return "".join(
                bytes((made.randint(0xB0, 0xD6), made.randint(0xA1, 0xFE))).decode("gb2312") for _ in range(2)
            )
        return "".join(made.choice("bdfgklmnprst") + made.choice("aeiou") for _ in range(made.randint(2, 4)))

    def some(self, count: int) -> list[str]:
        """Words at random, common ones often."""
        return self._random.choices(self.words, cum_weights=self._weights, k=count)

    def chunk(self, subject: int) -> str:
        """A text of sentences, the first about its subject."""
        words = [self.words[-1 - subject], *self.some(WORDS_IN_CHUNK[self.language])]
        space, stop = (" ", ". ") if self.language == "en" else ("", "。")
        sentences = [words[first : first + WORDS_IN_SENTENCE] for first in range(0, len(words), WORDS_IN_SENTENCE)]
        return stop.join(map(space.join, sentences)) + stop.strip()

    def question(self, subject: int) -> str:
        """A question of a few words, about a subject."""
        words = [self.words[-1 - subject], *self.some(4)]
        return f"What is the {' '.join(words)}?" if self.language == "en" else f"{'的'.join(words)}是什么？"


class MadeEmbedder(Embedder):
    """Gives texts vectors by their subjects, which it is told before."""

    name = "made"

    def __init__(self) -> None:
        import numpy

        super().__init__()
        self._random = numpy.random.default_rng(0)
        self._subjects = self._of_unit_length(self._random.standard_normal((SUBJECTS, DIMENSION)))
        self.subject_of: dict[str, int] = {}  # of a question

    @staticmethod
    def _of_unit_length(vectors: NDArray[numpy.float64]) -> Vectors:
        import numpy

        lengths = numpy.linalg.norm(vectors, axis=1, keepdims=True)
        scaled: Vectors = (vectors / lengths).astype(numpy.float32)
        return scaled

    def vectors(self, subjects: Sequence[int]) -> Vectors:
        """A vector for a text of each of these subjects: (texts, DIMENSION), of unit length."""
        noise = self._random.standard_normal((len(subjects), DIMENSION)) * NOISE / DIMENSION**0.5
        return self._of_unit_length(self._subjects[list(subjects)] + noise)

    @property
    def revision(self) -> str:
        """The same for all: the vectors are drawn from fixed seeds."""
        return "1"

    @property
    def dimension(self) -> int:
        """Numbers in one vector."""
        return DIMENSION

    def readable_share(self, text: str) -> float:
        """All is read."""
        return 1.0

    def count_tokens(self, text: str) -> int:
        """One: every word is one that it knows, and none is taken for misspelt."""
        return 1

    def read_question(self, text: str) -> ReadQuestion:
        """A vector for the question and for each of its words, near its subject's."""
        words = text.split() or [text]
        return ReadQuestion(self.embed_query(text), words, self.vectors([self.subject_of.get(text, 0)] * len(words)))

    def embed_query(self, text: str) -> list[float]:
        """A vector near that of the question's subject."""
        return [float(number) for number in self.vectors([self.subject_of.get(text, 0)])[0]]

    def _load(self) -> Vocabulary:
        raise NotImplementedError

    def _run(self, texts: list[str], kind: Kind, *, tokens: bool) -> Sequence[RunText]:
        raise NotImplementedError


def measure(
    home: Path, chunks: int, questions: int, follow: Callable[[int], object], database: str | None = None
) -> SearchSpeed:
    """Make a library of so many chunks in the folder, unless it has one, then ask; `follow` hears the chunks made.

    With a `database` (postgresql://...), which must be empty, the library is there.

    Half of the chunks and questions are Chinese, half English; none is asked twice.
    """
    import psutil

    embedder = MadeEmbedder()
    build = make(home, embedder, chunks, follow, database)
    asked = _questions(embedder, LANGUAGES[0], 1)
    began = _clocks()
    with _opened(home, embedder, database) as library:
        _asked(library, embedder, asked)
        opening, opening_cpu = _since(began)
        times: dict[str, list[tuple[float, float]]] = {}
        for language in LANGUAGES:
            _asked(library, embedder, _questions(embedder, language, WARM_QUESTIONS))
            times[language] = _asked(library, embedder, _questions(embedder, language, questions))
        walls, cpus = (
            {language: sorted(pair[which] for pair in found) for language, found in times.items()} for which in (0, 1)
        )
        return SearchSpeed(
            chunks,
            build,
            library.ledger.disk_bytes(),
            opening,
            opening_cpu,
            {language: found[len(found) // 2] for language, found in walls.items()},
            {language: found[len(found) * 95 // 100] for language, found in walls.items()},
            {language: found[len(found) * 95 // 100] for language, found in cpus.items()},
            int(psutil.Process().memory_info().rss),
        )


def make(
    home: Path,
    embedder: MadeEmbedder,
    chunks: int,
    follow: Callable[[int], object],
    database: str | None = None,
    *,
    in_document: int = CHUNKS_IN_DOCUMENT,
) -> float | None:
    """Make a library of so many chunks in the folder; returns the seconds, None where it was there."""
    made = home / f"made-{chunks}"
    if made.is_file():
        return None
    began = time.perf_counter()
    with _opened(home, embedder, database) as library:
        _build(library, embedder, chunks, follow, in_document)
    made.touch()
    return time.perf_counter() - began


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> tuple[float, float]:
    """Seconds by the clock, and of processors."""
    return time.perf_counter() - began[0], time.process_time() - began[1]


def _opened(home: Path, embedder: MadeEmbedder, database: str | None) -> Library:
    from minicpm_rag.library import Library

    home.mkdir(parents=True, exist_ok=True)
    library = Library(home, embedder=embedder, database=database)
    library.vectors.claim()  # as the page does, which owns the library
    return library


def _build(
    library: Library, embedder: MadeEmbedder, chunks: int, follow: Callable[[int], object], in_document: int
) -> None:
    from minicpm_rag.indexing import storing

    library.create(KNOWLEDGE_BASE)
    kb_id, _ = library.version(KNOWLEDGE_BASE)
    index = storing.begin_index(library, kb_id, embedder)
    texts = {language: MadeTexts(language, seed) for seed, language in enumerate(LANGUAGES)}
    signs = [_signs(embedder, subject) for subject in range(SUBJECTS)]
    together: list[NewDocument] = []
    for number, first in enumerate(range(0, chunks, in_document)):
        language = LANGUAGES[number % len(LANGUAGES)]
        end = min(first + in_document, chunks)
        subjects = [place % SUBJECTS for place in range(first, end)]
        vectors = embedder.vectors(subjects)
        together.append(_document(f"{language}-{number}.txt", texts[language], subjects, vectors, signs))
        if len(together) * in_document >= CHUNKS_IN_DOCUMENT or end == chunks:
            list(storing.store(library, index, together))
            together.clear()
            follow(end)


def _signs(embedder: MadeEmbedder, subject: int) -> bytes:
    from minicpm_rag.embedding.token_signs import packed

    return packed(embedder.vectors([subject] * TOKENS_IN_CHUNK))


def _document(
    title: str, texts: MadeTexts, subjects: Sequence[int], vectors: Vectors, signs: Sequence[bytes]
) -> NewDocument:
    """One page, its chunks with their vectors."""
    found: list[Chunk] = []
    page, end = "", 0
    for subject, vector in zip(subjects, vectors, strict=True):
        text = texts.chunk(subject)
        start = end + 2 if found else 0
        end = start + len(text)
        place = {
            records.PAGE: 1,
            records.PAGE_KIND: "text",
            records.PAGE_LABEL: "",
            records.START: start,
            records.END: end,
            records.HEADINGS: "",
            records.TABLE_HEADER: "",
        }
        found.append(Chunk(text, place, title, vector, signs[subject]))
    page = "\n\n".join(chunk.text for chunk in found)
    return NewDocument(title, title, title, len(page), (Page(1, page),), 1, found)


def _questions(embedder: MadeEmbedder, language: str, count: int) -> list[str]:
    """New questions, about subjects that the embedder is told."""
    texts = MadeTexts(language, 1000 + len(embedder.subject_of))
    made = []
    for _ in range(count):
        subject = len(embedder.subject_of) * 7 % SUBJECTS
        question = texts.question(subject)
        embedder.subject_of[question] = subject
        made.append(question)
    return made


def _asked(library: Library, embedder: MadeEmbedder, questions: Sequence[str]) -> list[tuple[float, float]]:
    """The seconds that each question takes, by the clock and of processors, without embedding it."""
    from minicpm_rag.retrieval import HybridRetriever

    retriever = HybridRetriever(library=library, embedder=embedder, knowledge_base=KNOWLEDGE_BASE)
    taken = []
    for question in questions:
        began = _clocks()
        retriever.retrieve(question)
        taken.append(_since(began))
    return taken
