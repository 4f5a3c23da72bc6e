"""Find the passages that bear on a question: two searches, fused, reranked, chosen, with their evidence.

Knows the library's reading side and the stages it puts in order. It does not know language models or prompts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import AliasChoices, Field

from minicpm_rag import records
from minicpm_rag.errors import NotFoundError
from minicpm_rag.retrieval.closeness import closeness, word_terms
from minicpm_rag.retrieval.evidence import (
    SETTING,
    Calibration,
    Signs,
    calibration_from_json,
    shipped_calibration,
)
from minicpm_rag.retrieval.found import Found, explained
from minicpm_rag.retrieval.fusion import spread_floor, weighted_sum
from minicpm_rag.retrieval.matching import QuestionMatch
from minicpm_rag.retrieval.neighbours import neighbours
from minicpm_rag.retrieval.passage_scores import passage_scores, with_closeness
from minicpm_rag.retrieval.readability import readable_share
from minicpm_rag.retrieval.selection import select
from minicpm_rag.text.scripts import script_of

if TYPE_CHECKING:
    from minicpm_rag.embedding.embedder import ReadQuestion

DEPTH = 100  # hits asked of each search; 50 to 500 made no difference
CANDIDATES = 30  # fused hits whose texts are looked at
RIVALS = 3  # 3 to 10 measured alike, 1 a little worse
DENSE_SHARE = 0.5  # of the score, where the embedder reads the question wholly; 0.4 to 0.6 measured alike
LEAST_DENSE = 0.1  # smaller dense parts changed recall by less than 0.1 points; embedding a question costs 20 ms
ATTEMPTS = 3  # at a search that meets documents just removed
KEYWORD_TRUST = 1.5  # a usual answer holds 2/3 of its question's weight or more; 1 to 2 measured alike
DENSE_TRUST = 2.0  # for a best cosine that stands out from the last; 1.4 to 3 measured alike


class HybridRetriever(BaseRetriever):
    """LangChain retriever over one knowledge base of the library."""

    library: Any
    embedder: Any
    knowledge_base: str = "default"
    passages: int = Field(default=5, ge=1, validation_alias=AliasChoices("passages", "k"))  # LangChain says k
    reranker: Any = None

    def search(self, question: str, limit: int | None = None) -> tuple[list[Document], float]:
        """The best passages and the probability that they bear on the question."""
        found = self.find(question, limit)
        return found.documents, found.evidence

    @property
    def bar(self) -> float:
        """The evidence under which no model should be called."""
        return self.calibration().bar

    def calibration(self) -> Calibration:
        """The knowledge base's own calibration if it was made with this embedder, else the shipped one."""
        stored = self.library.setting(self.knowledge_base, SETTING)
        if stored is not None:
            own = calibration_from_json(stored)
            if (own.embedder, own.revision) == (self.embedder.name, self.embedder.revision):
                return own
        return shipped_calibration(self.embedder.name, self.embedder.revision)

    def find(self, question: str, limit: int | None = None, *, without: Collection[int] = ()) -> Found:
        """Search, and keep what is needed to explain the result.

        The documents `without` are passed over: evaluation asks what would be found if they were not there.
        """
        for _ in range(ATTEMPTS - 1):
            try:
                return self._find(question, limit or self.passages, without)
            except NotFoundError:  # noqa: PERF203 (a document was removed while we looked)
                continue
        return self._find(question, limit or self.passages, without)

    def _find(self, question: str, limit: int, without: Collection[int]) -> Found:
        calibration = self.calibration()
        share = readable_share(question, self._abilities(question, calibration))
        keyword = self.library.keyword_search(self.knowledge_base, question, DEPTH)
        # Squared, because what the embedder half reads misleads more than it helps.
        dense_weight = DENSE_SHARE * share**2
        dense: list[tuple[str, float]] = []
        read: ReadQuestion | None = None
        if question.strip() and (dense_weight >= LEAST_DENSE or not keyword):
            read = self.embedder.read_question(question)
            dense = self.library.dense_search(self.knowledge_base, read.vector, DEPTH)
        if not dense:
            share = dense_weight = 0.0
            read = None
        match = QuestionMatch(question, self._weights)
        fused = weighted_sum(
            keyword,
            dense,
            keyword_weight=(1 - dense_weight) * self._keyword_trust(match, keyword),
            dense_weight=dense_weight * _dense_trust(dense),
            depth=DEPTH,
        )
        scores = dict(fused if without else fused[: max(CANDIDATES, 2 * limit)])
        documents = [
            document
            for document in self.library.passages(self.knowledge_base, list(scores))
            if document.metadata[records.DOCUMENT_ID] not in without
        ]
        ranked = self._ranked(question, match, documents, scores, read, share)
        signs = _signs(match, ranked, share, dict(dense))
        for document, observed in zip(ranked, signs, strict=True):
            document.metadata[records.EVIDENCE] = calibration.probability(observed)
        # Of the first two, because closeness may put first what holds fewer of the words: false refusals fell by
        # up to .9 points, right ones by .4 at most.
        first = max(signs[:2], key=calibration.probability, default=Signs(0.0, 0.0, 0.0, 0.0, 0.0))
        chosen = select(ranked, limit, cache(self.library.page_text))
        return Found(
            documents=[choice.document for choice in chosen],
            evidence=calibration.probability(first),
            signs=first,
            bar=calibration.bar,
            dense_weight=dense_weight,
            candidates=explained(ranked, [choice.chunk_ids for choice in chosen], dict(keyword), dict(dense)),
        )

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        passages: int | None = None,
        k: int | None = None,
    ) -> list[Document]:
        return self.search(query, k if passages is None else passages)[0]

    def _abilities(self, question: str, calibration: Calibration) -> Mapping[str, float]:
        """What was measured; for an embedder nobody measured, what its vocabulary knows of each script."""
        if calibration.abilities:
            return calibration.abilities
        letters: dict[str, str] = {}
        for character in filter(str.isalpha, question):
            script = script_of(character)
            letters[script] = letters.get(script, "") + character
        return {script: self.embedder.readable_share(text) ** 2 for script, text in letters.items()}

    def _ranked(
        self,
        question: str,
        match: QuestionMatch,
        documents: list[Document],
        fused: Mapping[str, float],
        read: ReadQuestion | None,
        readable: float,
    ) -> list[Document]:
        """Give each passage its score, best first; one that holds the question word for word leads."""
        if self.reranker is None:
            beside = neighbours(documents)
            scores = passage_scores(match, documents, fused, beside)
            if read is not None:
                scores = with_closeness(scores, self._closeness(read, documents, beside), readable)
        else:
            scores = self.reranker.scores(question, [_indexed_text(document) for document in documents])
        order = sorted(
            zip(scores, documents, strict=True),
            key=lambda pair: (match.stands_in(pair[1]), pair[0]),
            reverse=True,
        )
        return [
            document.model_copy(update={"metadata": {**document.metadata, records.SCORE: min(1.0, score)}})
            for score, document in order
        ]

    def _closeness(
        self, read: ReadQuestion, documents: Sequence[Document], beside: Sequence[Sequence[int]]
    ) -> list[float | None]:
        """The closeness of each passage, noted in its metadata too."""
        names = [str(document.id) for document in documents]
        stored = self.library.token_signs(names)
        found = closeness(read, self._weights(word_terms(read)), [stored.get(name, b"") for name in names], beside)
        for document, near in zip(documents, found, strict=True):
            if near is not None:
                document.metadata[records.CLOSENESS] = near
        return found

    def _keyword_trust(self, match: QuestionMatch, keyword: list[tuple[str, float]]) -> float:
        """How far the keyword ranking is to be trusted: by how much of the question its best hits hold.

        Else one shared character would weigh as much against the embedder as a sentence found word for word.
        """
        best = self.library.passages(self.knowledge_base, [identity for identity, _ in keyword[:3]])
        return KEYWORD_TRUST * max(map(match.strength, best), default=0.0)

    def _weights(self, wanted: Sequence[str]) -> dict[str, float]:
        statistics = self.library.keyword_statistics(self.knowledge_base, wanted)
        return {term: statistics.weight(term) for term in wanted}


def _dense_trust(dense: Sequence[tuple[str, float]]) -> float:
    """How far the dense ranking is to be trusted: by how clearly its best stand out from its last.

    Spread over 0..1, a ranking whose cosines hardly differ would weigh as much as one that is sure.
    """
    cosines = [cosine for _, cosine in dense]
    return 1 + DENSE_TRUST * (max(cosines, default=0.0) - spread_floor(cosines, DEPTH))


def _signs(match: QuestionMatch, ranked: Sequence[Document], share: float, cosines: Mapping[str, float]) -> list[Signs]:
    """What speaks for each passage.

    What the best passages on other subjects hold of the question is held by chance: more in a large library, or
    in one of many like articles. Taking it off lets one bar do for all (at 3.5 % false refusals 85 % of cmrc's
    questions on absent articles are refused instead of 80 %, drcd's 92 % instead of 90 %).
    """
    strengths = [match.content_strength(one) for one in ranked]
    own = [one for one in ranked if _document(one) == _document(ranked[0])]
    rivals = [
        strength
        for one, strength in zip(ranked, strengths, strict=True)
        # Another version of the same document does not hold it by chance.
        if _other_subject(one, ranked[0]) and not any(match.are_alike(one, other) for other in own)
    ]
    chance = sum(sorted(rivals)[-RIVALS:]) / max(1, min(RIVALS, len(rivals)))
    return [
        Signs(
            lead=strength - chance,
            sentence=match.best_content_sentence(one),
            length=match.length,
            readable=share,
            cosine=cosines.get(str(one.id), 0.0) if match.asks_for_something else 0.0,
        )
        for one, strength in zip(ranked, strengths, strict=True)
    ]


def _other_subject(one: Document, best: Document) -> bool:
    """Whether the passage is of another document, and not one of a series under the same heading."""
    heading = one.metadata.get(records.HEADINGS)
    if heading and heading == best.metadata.get(records.HEADINGS):
        return False
    return _document(one) != _document(best)


def _document(passage: Document) -> int:
    return int(passage.metadata[records.DOCUMENT_ID])


def _indexed_text(document: Document) -> str:
    """The passage with what stands above it: title, headings, table header."""
    above = (document.metadata.get(key, "") for key in (records.TITLE, records.HEADINGS, records.TABLE_HEADER))
    return "\n".join([*filter(None, map(str, above)), document.page_content])
