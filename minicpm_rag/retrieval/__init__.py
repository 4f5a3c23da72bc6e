"""Find the passages that bear on a question: two searches, fused, scored, chosen, with their evidence.

Knows the library's reading side and puts the stages in order. It does not know language models or prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import AliasChoices, Field

from minicpm_rag import records
from minicpm_rag.errors import TableGoneError
from minicpm_rag.records import Candidate, Features, Page, Reading, Retrieval, Scope, Similarity, Trace
from minicpm_rag.retrieval.evidence import (
    SETTING,
    Calibration,
    answering_abroad,
    answering_first,
    calibration_from_json,
    features,
    is_in_chinese,
    shipped_calibration,
)
from minicpm_rag.retrieval.fusion import dense_trust, readable_share, weighted_sum
from minicpm_rag.retrieval.matching import QuestionMatch, with_above
from minicpm_rag.retrieval.other_words import in_their_words
from minicpm_rag.retrieval.parties import in_its_words
from minicpm_rag.retrieval.purposes import is_for_nothing_known
from minicpm_rag.retrieval.scores import closeness, neighbours, passage_scores, with_closeness, word_terms
from minicpm_rag.retrieval.selection import Choice, select, tell_fates
from minicpm_rag.retrieval.spelling import corrected
from minicpm_rag.retrieval.turned import turned_abroad, without_common
from minicpm_rag.retrieval.vetoes import (
    lacks_office,
    lacks_something,
    mark_lacking,
    names_nothing_known,
    none_tells,
    tells_something_else,
    unreadable,
)
from minicpm_rag.settings import PASSAGES
from minicpm_rag.text.courtesies import without_courtesies
from minicpm_rag.text.questions import check_question, language_of
from minicpm_rag.text.scripts import script_of
from minicpm_rag.text.sections import main_section, sections_of

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from minicpm_rag.embedding.embedder import ReadQuestion

DEPTH = 100  # hits asked of each search
READ = 5  # passages that the reader reads: a tenth of a second or two on two processors
CANDIDATES_ABROAD, READ_ABROAD = 30, 5  # in the other language, where it sees no answer in those
CLOSENESS_ABROAD = 0.4  # against the cosine, which tells more across languages than single words do
UNSEEN = 0.3  # the reader's probability under which it sees no answer
SURE = 0.9  # from which it is sure of one: a summer party may be a trip by another name
CANDIDATES = 30  # fused hits whose texts are looked at
DENSE_SHARE = 0.5  # of the score, where the embedder reads the question wholly
LEAST_DENSE = 0.1  # under this share of the score the question is not embedded
READS_WHOLLY = 0.4  # dense weight, of at most 0.5, from which on the embedder is taken to read the question
Within = Collection[int] | None  # ids of the documents that are searched; None for all
KEYWORD_TRUST = 1.5  # so that a hit with 2/3 of the question's weight, as answers usually have, counts fully


class HybridRetriever(BaseRetriever):
    """LangChain retriever over one knowledge base of the library."""

    library: Any
    embedder: Any
    knowledge_base: str = "default"
    passages: int = Field(default=PASSAGES, ge=1, validation_alias=AliasChoices("passages", "k"))  # LangChain says k
    reranker: Any = None
    scope: Scope | None = None  # the documents that are searched, where a question names none
    reader: Any = None  # reads the first passages; answers are proven with it too. The embedder's, where it has one

    def model_post_init(self, context: Any, /) -> None:
        """Take the embedder's reader; it loads when it first reads."""
        from minicpm_rag.embedding.reader import reader_for

        super().model_post_init(context)
        if self.reader is None:
            self.reader = reader_for(self.embedder)

    def retrieve(
        self,
        question: str,
        limit: int | None = None,
        *,
        without: Collection[int] = (),
        filter: Scope | None = None,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
    ) -> Retrieval:
        """The best passages, the probability that they answer, and a trace that explains them.

        Only documents that `filter` holds are searched, as if there were no others.
        The ids of documents in `without` are left out: evaluation asks what would be found if they were not there.
        Callbacks of `config` see a retriever run, as they do with `invoke`.
        """
        found: list[Retrieval] = []
        self.invoke(question, config, passages=limit, without=without, filter=filter, receive=found.append)
        return found[0]

    @property
    def threshold(self) -> float:
        """The evidence under which no model should be called."""
        return self.calibration().threshold

    def calibration(self) -> Calibration:
        """The knowledge base's own calibration if it was made with this embedder, else the shipped one."""
        stored = self.library.setting(self.knowledge_base, SETTING)
        if stored is not None:
            own = calibration_from_json(stored)
            if own.revision == self.embedder.revision:
                return own
        return shipped_calibration(self.embedder.name, self.embedder.revision)

    def similarity(self, retrieval: Retrieval) -> Similarity | None:
        """A function that compares texts by their vectors; None where the embedder does not read the question."""
        if retrieval.trace is None or retrieval.trace.dense_weight < READS_WHOLLY:
            return None
        return self._cosines

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        passages: int | None = None,
        k: int | None = None,
        without: Collection[int] = (),
        filter: Scope | None = None,  # noqa: A002
        receive: Callable[[Retrieval], object] = lambda _: None,
    ) -> list[Document]:
        check_question(query)
        limit = passages or k or self.passages
        within = filter or self.scope
        try:
            retrieval = self._retrieve_still(query, limit, without, within)
        except TableGoneError:  # the index was replaced after it was found and before it was read: the new one is asked
            retrieval = self._retrieve_still(query, limit, without, within)
        receive(retrieval)
        return retrieval.documents

    def _retrieve_still(self, question: str, limit: int, without: Collection[int], scope: Scope | None) -> Retrieval:
        with self.library.ledger.holding_still():  # what is found is still there when its text is read
            return self._retrieve(question, limit, without, self._within(scope))

    def _within(self, scope: Scope | None) -> Within:
        return None if scope is None else self.library.within(self.knowledge_base, scope)

    def _retrieve(self, question: str, limit: int, without: Collection[int], within: Within) -> Retrieval:
        calibration = self.calibration()
        weights = partial(self._weights, within=within)
        frequencies = partial(self._frequencies, within=within)
        question = in_its_words(corrected(without_courtesies(question), frequencies, self._is_word), frequencies)
        match = QuestionMatch(question, weights)
        searches = self._search(question, calibration, within)
        candidates = self._candidates(searches, match, max(CANDIDATES, 2 * limit), without)
        candidates = self._ranked(candidates, question, match, searches, weights)
        worded = in_their_words(question, [candidate.document.page_content for candidate in candidates[:READ]])
        if worded != question:
            question, match = worded, QuestionMatch(worded, weights)
        # An embedder without a reader may know few Chinese characters, but then its passages are found by words.
        unread = unreadable(question, self.embedder.readable_share) if self.reader is not None else frozenset()
        mark_lacking(question, unread, candidates)
        if names_nothing_known(question, frequencies):
            for candidate in candidates:  # a text in Chinese writes names in its own way
                candidate.is_lacking = candidate.is_lacking or not is_in_chinese(candidate.document.page_content)
        if unread:
            candidates.sort(key=lambda candidate: candidate.is_lacking)
        if self.reader is not None:
            readings = self.reader.read(question, [candidate.document for candidate in candidates[:READ]])
            has_own_purpose = is_for_nothing_known(question, frequencies)
            is_chinese = language_of(question) == "zh"
            for candidate, reading in zip(candidates, readings, strict=False):
                candidate.reading = reading
                if has_own_purpose and reading.answers < SURE:
                    is_foreign = is_in_chinese(candidate.document.page_content) != is_chinese
                    candidate.is_lacking = candidate.is_lacking or not is_foreign
                if reading.answers < UNSEEN and lacks_office(question, with_above(candidate.document)):
                    candidate.is_lacking = True
                if tells_something_else(question, candidate.document, reading):
                    candidate.is_lacking = True
            candidates = answering_first(candidates)
            if candidates and none_tells(match, candidates):
                candidates[0].is_lacking = True
        _weigh(candidates, match, searches, calibration)
        if self.reader is not None and candidates and not _is_enough(candidates[0], calibration):
            abroad = self._those_abroad(candidates, question, match, searches, weights, without, within)
            if abroad:
                _weigh(abroad, match, searches, calibration)
                candidates = abroad if _is_enough(abroad[0], calibration) else candidates
        for candidate in candidates:
            _copy_scores(candidate)
        # Of the first two, because closeness may put a passage first that holds fewer of the question's words; the
        # reader sees as much by itself.
        best = max(
            candidates[: 2 if self.reader is None else 1], key=lambda candidate: candidate.evidence, default=None
        )
        pages = cache(self.library.page)
        chosen = select(
            [candidate.document for candidate in candidates], limit, lambda document, page: pages(document, page).text
        )
        tell_fates(candidates, chosen)
        return Retrieval(
            documents=[_with_sections(choice.document, pages) for choice in chosen],
            evidence=best.evidence if best else 0.0,
            threshold=calibration.threshold_for(best.features if best else Features()),
            readings=_readings(chosen, candidates) if self.reader is not None else [],
            question=question,
            trace=Trace(searches.dense_weight, best.features if best else Features(), candidates),
        )

    def _search(self, question: str, calibration: Calibration, within: Within) -> _Searches:
        """Search by keywords and, where the embedder reads enough of the question, by its vector."""
        keyword = self.library.keyword_search(self.knowledge_base, question, DEPTH, within=within)
        readable = readable_share(question, self._abilities(question, calibration))
        # Squared, because the vector of a text that is only half readable misleads more than it helps.
        dense_weight = DENSE_SHARE * readable**2
        if question.strip() and (dense_weight >= LEAST_DENSE or not keyword):
            read = self.embedder.read_question(question)
            vector = read.vector
            if self.reader is not None:  # measured for the embedder that has one
                vector = without_common(vector, language_of(question))
            dense = self.library.dense_search(self.knowledge_base, vector, DEPTH, embedder=self.embedder, within=within)
            if dense:
                return _Searches(keyword, dense, dense_weight, readable, read)
        return _Searches(keyword)

    def _candidates(
        self, searches: _Searches, match: QuestionMatch, most: int, without: Collection[int]
    ) -> list[Candidate]:
        """The fused hits with their passages, best first."""
        fused = weighted_sum(
            searches.keyword,
            searches.dense,
            keyword_weight=(1 - searches.dense_weight) * self._keyword_trust(match, searches.keyword),
            dense_weight=searches.dense_weight * dense_trust(searches.dense, DEPTH),
            depth=DEPTH,
        )
        scores = dict(fused if without else fused[:most])
        keyword = _ranks(searches.keyword)
        dense = {name: rank for name, (_, rank) in _ranks(searches.dense).items()}
        found = [
            Candidate(document, scores[name], by_words, keyword_rank, dense_rank=dense.get(name))
            for document in self.library.passages(self.knowledge_base, list(scores))
            if document.metadata[records.DOCUMENT_ID] not in without
            for name in [str(document.id)]
            for by_words, keyword_rank in [keyword.get(name, (None, None))]
        ][:most]
        self._compare(found, searches)
        return found

    def _compare(self, candidates: Sequence[Candidate], searches: _Searches) -> None:
        """Set how near each candidate is to the question as it was asked: the evidence knows that cosine.

        Those that only the words found are compared too: in a large library the nearest fill up before them, and what
        was not compared would count as what is not near at all.
        """
        if searches.read is None:
            return
        named = {str(one.document.id): one for one in candidates}
        for name, cosine in self.library.similarities(searches.read.vector, list(named)).items():
            named[name].dense_score = cosine

    def _ranked(
        self,
        candidates: list[Candidate],
        question: str,
        match: QuestionMatch,
        searches: _Searches,
        weights: Callable[[Sequence[str]], Mapping[str, float]],
    ) -> list[Candidate]:
        """Score the candidates and order them, best first; one that holds the question word for word leads."""
        documents = [candidate.document for candidate in candidates]
        if self.reranker is not None:
            scores = self.reranker.scores(question, [with_above(document) for document in documents])
        else:
            beside = neighbours(documents)
            scores = passage_scores(match, documents, [candidate.fused for candidate in candidates], beside)
            if searches.read is not None:
                near = self._closeness(searches.read, documents, beside, weights)
                for candidate, one in zip(candidates, near, strict=True):
                    candidate.closeness = one
                scores = with_closeness(scores, near, searches.readable)
        order = sorted(
            zip(scores, candidates, strict=True),
            key=lambda pair: (match.stands_in(pair[1].document), pair[0]),
            reverse=True,
        )
        for score, candidate in order:
            candidate.score = min(1.0, score)
        return [candidate for _, candidate in order]

    def _those_abroad(
        self,
        candidates: Sequence[Candidate],
        question: str,
        match: QuestionMatch,
        searches: _Searches,
        weights: Callable[[Sequence[str]], Mapping[str, float]],
        without: Collection[int],
        within: Within,
    ) -> list[Candidate]:
        """The candidates led by the nearest in the other language; none where the reader sees no answer in those.

        Texts in the question's own language are nearer to it whatever they say, so that in a library of both languages
        those in the other one hardly come among the candidates.
        """
        is_chinese = language_of(question) == "zh"
        if not any(is_in_chinese(one.document.page_content) == is_chinese for one in candidates[:READ]):
            return []  # all that was read is in the other language
        abroad = self._nearest_abroad(question, match, searches, weights, without, within)
        if not abroad:
            return []
        nearest = [one.document for one in abroad[:READ_ABROAD]]
        for one, reading in zip(abroad, self.reader.read(question, nearest), strict=False):
            one.reading = reading
            one.is_lacking = lacks_something(question, frozenset(), with_above(one.document)) or tells_something_else(
                question, one.document, reading
            )
        leading = answering_abroad(abroad, candidates)
        ids = {one.document.id for one in leading}
        return [*leading, *(one for one in candidates if one.document.id not in ids)] if leading else []

    def _nearest_abroad(
        self,
        question: str,
        match: QuestionMatch,
        searches: _Searches,
        weights: Callable[[Sequence[str]], Mapping[str, float]],
        without: Collection[int],
        within: Within,
    ) -> list[Candidate]:
        """The passages nearest in meaning that are not in the question's language, best first."""
        if searches.read is None:
            return []
        language = language_of(question)
        vector = turned_abroad(searches.read.vector, language)
        hits = self.library.dense_search(self.knowledge_base, vector, DEPTH, embedder=self.embedder, within=within)
        turned = _ranks(hits)
        # A passage takes four times as long as its text, and a library of one language has none to find.
        texts = self.library.texts(self.knowledge_base, list(turned))
        abroad = [name for name in turned if name in texts and is_in_chinese(texts[name]) != (language == "zh")]
        if not abroad:
            return []
        found = [
            Candidate(document, cosine, dense_rank=rank)
            for document in self.library.passages(self.knowledge_base, abroad)
            if document.metadata[records.DOCUMENT_ID] not in without
            for cosine, rank in [turned[str(document.id)]]
        ][:CANDIDATES_ABROAD]
        self._compare(found, searches)
        found = self._ranked(found, question, match, searches, weights)
        if self.reranker is None:
            for one in found:
                one.score = (one.fused + CLOSENESS_ABROAD * (one.closeness or 0.0)) / (1 + CLOSENESS_ABROAD)
            found.sort(key=lambda one: one.score, reverse=True)
        return found

    def _closeness(
        self,
        read: ReadQuestion,
        documents: Sequence[Document],
        beside: Sequence[Sequence[int]],
        weights: Callable[[Sequence[str]], Mapping[str, float]],
    ) -> list[float | None]:
        names = [str(document.id) for document in documents]
        stored = self.library.token_signs(names)
        return closeness(read, weights(word_terms(read)), [stored.get(name, b"") for name in names], beside)

    def _keyword_trust(self, match: QuestionMatch, keyword: Sequence[tuple[str, float]]) -> float:
        """How far the keyword ranking is to be trusted: by how much of the question its best hits hold.

        Else one shared character would weigh as much against the embedder as a sentence found word for word.
        """
        best = self.library.passages(self.knowledge_base, [name for name, _ in keyword[:3]])
        return KEYWORD_TRUST * max(map(match.strength, best), default=0.0)

    def _abilities(self, question: str, calibration: Calibration) -> Mapping[str, float]:
        """How well the embedder reads each script; where nobody measured it, what its vocabulary knows of each."""
        if calibration.abilities:
            return calibration.abilities
        letters: dict[str, str] = {}
        for character in filter(str.isalpha, question):
            script = script_of(character)
            letters[script] = letters.get(script, "") + character
        return {script: self.embedder.readable_share(text) ** 2 for script, text in letters.items()}

    def _weights(self, wanted: Sequence[str], *, within: Within = None) -> dict[str, float]:
        statistics = self.library.keyword_statistics(self.knowledge_base, wanted, within=within)
        return {term: statistics.weight(term) for term in wanted}

    def _frequencies(self, wanted: Sequence[str], *, within: Within = None) -> dict[str, int]:
        return dict(self.library.keyword_statistics(self.knowledge_base, wanted, within=within).frequencies)

    def _is_word(self, word: str) -> bool:
        """Whether the embedder's vocabulary has the word as a whole."""
        return bool(self.embedder.count_tokens(word) - self.embedder.count_tokens("") <= 1)

    def _cosines(self, text: str, others: Sequence[str]) -> list[float]:
        """The cosine of each text to the first argument; 0 for one that is too long for the embedder."""
        wanted = self.embedder.embed_query(text)
        short = [other for other in others if self.embedder.count_tokens(other) <= self.embedder.limit_tokens]
        vectors = dict(zip(short, self.embedder.embed_documents(short), strict=True))
        return [
            sum(a * b for a, b in zip(wanted, vectors[other], strict=True)) if other in vectors else 0.0
            for other in others
        ]


@dataclass(frozen=True)
class _Searches:
    """What both searches found: (chunk id, score), best first. `read` is None where nothing was embedded or found."""

    keyword: Sequence[tuple[str, float]]
    dense: Sequence[tuple[str, float]] = ()
    dense_weight: float = 0.0
    readable: float = 0.0  # the share of the question that the embedder reads
    read: ReadQuestion | None = None


def _ranks(ranking: Sequence[tuple[str, float]]) -> dict[str, tuple[float, int]]:
    return {name: (score, rank) for rank, (name, score) in enumerate(ranking, start=1)}


def _readings(chosen: Sequence[Choice], candidates: Sequence[Candidate]) -> list[Reading | None]:
    """For each chosen passage the reading of the chunk in it that answers best, at its place in the passage."""
    read = {str(one.document.id): one for one in candidates if one.reading is not None}
    found: list[Reading | None] = []
    for choice in chosen:
        begin = choice.document.metadata[records.START]
        moved = [
            _moved(one.reading, at)
            for one in (read[name] for name in choice.chunk_ids if name in read)
            if one.reading is not None
            for at in [one.document.metadata[records.START] - begin]
        ]
        found.append(max(moved, key=lambda reading: reading.answers, default=None))
    return found


def _moved(reading: Reading, at: int) -> Reading:
    places = tuple((start + at, end + at, probability) for start, end, probability in reading.places)
    return replace(reading, start=reading.start + at, end=reading.end + at, places=places)


def _with_sections(document: Document, pages: Callable[[int, int], Page]) -> Document:
    """The passage with the sections it holds: a quote of it is labelled with its own, the whole with its main one."""
    metadata = document.metadata
    page = pages(metadata[records.DOCUMENT_ID], metadata[records.PAGE])
    sections = sections_of(page, metadata[records.START], metadata[records.END])
    metadata = {**metadata, records.SECTIONS: sections}
    if (label := main_section(sections, len(document.page_content))) is not None:
        metadata[records.HEADINGS] = label
    return document.model_copy(update={"metadata": metadata})


def _weigh(
    candidates: Sequence[Candidate], match: QuestionMatch, searches: _Searches, calibration: Calibration
) -> None:
    for candidate, observed in zip(candidates, features(candidates, match, searches.readable), strict=True):
        candidate.features = observed
        candidate.evidence = calibration.probability(observed)


def _is_enough(best: Candidate, calibration: Calibration) -> bool:
    return best.evidence >= calibration.threshold_for(best.features)


def _copy_scores(candidate: Candidate) -> None:
    """Copy scores into the passage's metadata, for users of the plain LangChain documents."""
    noted = {records.SCORE: candidate.score, records.EVIDENCE: candidate.evidence}
    if candidate.closeness is not None:
        noted[records.CLOSENESS] = candidate.closeness
    document = candidate.document
    candidate.document = document.model_copy(update={"metadata": document.metadata | noted})
