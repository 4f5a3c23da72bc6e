"""One question searched: keywords and vectors, fused, scored, read, weighed and chosen, in this order.

Knows the library's reading side; each stage is a module of its own. It does not know language models or prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from minicpm_rag import records
from minicpm_rag.records import Candidate, Features, Page, Reading, Retrieval, Trace
from minicpm_rag.retrieval.abbreviations import with_abbreviations
from minicpm_rag.retrieval.evidence import (
    KNOWN_AT_HOME,
    Calibration,
    answering_abroad,
    answering_first,
    features,
    is_in_chinese,
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
from minicpm_rag.text.courtesies import without_courtesies
from minicpm_rag.text.questions import language_of
from minicpm_rag.text.scripts import script_of
from minicpm_rag.text.sections import main_section, sections_of

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.embedding.embedder import Embedder, ReadQuestion
    from minicpm_rag.embedding.reader import Reader
    from minicpm_rag.embedding.reranker import Reranker

DEPTH = 100  # hits asked of each search
READ = 5  # passages that the reader reads: .1 to .2 s on two processors
CANDIDATES_ABROAD, READ_ABROAD = 30, 5  # in the other language, where the reader sees no answer in its own
CLOSENESS_ABROAD = 0.4  # its weight relative to the cosine, which tells more across languages than single words do
UNSEEN = 0.3  # the reader's probability under which it sees no answer
SURE = 0.9  # from which it is sure of one: a summer party may be a trip by another name
CANDIDATES = 30  # fused hits whose texts are looked at
DENSE_SHARE = 0.5  # of the score, where the embedder reads the question wholly
LEAST_DENSE = 0.1  # under this share of the score the question is not embedded
KEYWORD_TRUST = 1.5  # so that a hit with 2/3 of the question's weight, as answers usually have, counts fully


@dataclass(frozen=True)
class Hits:
    """What both searches found: (chunk id, score), best first. `read` is None where nothing was embedded or found."""

    keyword: Sequence[tuple[str, float]]
    dense: Sequence[tuple[str, float]] = ()
    dense_weight: float = 0.0
    readable: float = 0.0  # the share of the question that the embedder reads
    read: ReadQuestion | None = None


class Search:
    """One question in one knowledge base; `best` gives its passages.

    Only the documents `within` are searched, as if there were no others; all where that is None. Those `without` are
    searched too, and left out of the result.
    """

    def __init__(
        self,
        question: str,
        *,
        library: Any,
        knowledge_base: str,
        embedder: Embedder,
        reader: Reader | None,
        reranker: Reranker | None,
        calibration: Calibration,
        within: Collection[int] | None,
        without: Collection[int],
    ) -> None:
        self._library = library
        self._knowledge_base = knowledge_base
        self._embedder = embedder
        self._reader = reader
        self._reranker = reranker
        self._calibration = calibration
        self._within = within
        self._without = without
        plain = corrected(without_courtesies(question), self._frequencies, self._is_word)
        self._ask(in_its_words(plain, self._frequencies))
        self._hits = self._both_searches()

    def _ask(self, question: str) -> None:
        self._question = question
        self._match = QuestionMatch(question, self._weights)

    def best(self, limit: int) -> Retrieval:
        """The best passages, the probability that they answer, and a trace that explains them."""
        candidates = self._ranked(self._candidates(max(CANDIDATES, 2 * limit)))
        named = with_abbreviations(self._question, [candidate.document.page_content for candidate in candidates])
        if named != self._question:
            self._ask(named)
            self._hits = self._both_searches()
            candidates = self._ranked(self._candidates(max(CANDIDATES, 2 * limit)))
        worded = in_their_words(self._question, [candidate.document.page_content for candidate in candidates[:READ]])
        if worded != self._question:
            self._ask(worded)
        candidates = self._vetoed(candidates)
        if self._reader is not None:
            candidates = self._read(candidates, self._reader)
        self._weigh(candidates)
        if self._reader is not None and candidates and not self._is_enough(candidates[0]):
            abroad = self._those_abroad(candidates, self._reader)
            if abroad:
                self._weigh(abroad)
                candidates = abroad if self._is_enough(abroad[0]) else candidates
        for candidate in candidates:
            _copy_scores(candidate)
        return self._chosen(candidates, limit)

    def _chosen(self, candidates: Sequence[Candidate], limit: int) -> Retrieval:
        # Of the first two, because closeness may put a passage first that holds fewer of the question's words; the
        # reader sees as much by itself.
        first = candidates[: 2 if self._reader is None else 1]
        best = max(first, key=lambda candidate: candidate.evidence, default=None)
        observed = best.features if best else Features()
        pages = cache(self._library.page)
        chosen = select(
            [candidate.document for candidate in candidates], limit, lambda document, page: pages(document, page).text
        )
        tell_fates(candidates, chosen)
        return Retrieval(
            documents=[_with_sections(choice.document, pages) for choice in chosen],
            evidence=best.evidence if best else 0.0,
            threshold=self._calibration.threshold_for(observed),
            readings=_readings(chosen, candidates) if self._reader is not None else [],
            question=self._question,
            trace=Trace(self._hits.dense_weight, observed, list(candidates)),
        )

    # Searching
    def _both_searches(self) -> Hits:
        """Search by keywords and, where the embedder reads enough of the question, by its vector."""
        question, library, name = self._question, self._library, self._knowledge_base
        keyword = library.keyword_search(name, question, DEPTH, within=self._within)
        readable = readable_share(question, self._abilities())
        # Squared, because the vector of a text that is only half readable misleads more than it helps.
        dense_weight = DENSE_SHARE * readable**2
        if question.strip() and (dense_weight >= LEAST_DENSE or not keyword):
            read = self._embedder.read_question(question)
            vector = read.vector
            if self._reader is not None:  # measured for the embedder that has one
                vector = without_common(vector, language_of(question))
            dense = self._nearest(vector)
            if dense:
                return Hits(keyword, dense, dense_weight, readable, read)
        return Hits(keyword)

    def _nearest(self, vector: Sequence[float]) -> list[tuple[str, float]]:
        found: list[tuple[str, float]] = self._library.dense_search(
            self._knowledge_base, vector, DEPTH, embedder=self._embedder, within=self._within
        )
        return found

    def _candidates(self, most: int) -> list[Candidate]:
        """The fused hits with their passages, best first."""
        hits = self._hits
        fused = weighted_sum(
            hits.keyword,
            hits.dense,
            keyword_weight=(1 - hits.dense_weight) * self._keyword_trust(),
            dense_weight=hits.dense_weight * dense_trust(hits.dense, DEPTH),
            depth=DEPTH,
        )
        scores = dict(fused if self._without else fused[:most])
        keyword = _ranks(hits.keyword)
        dense = {name: rank for name, (_, rank) in _ranks(hits.dense).items()}
        found = [
            Candidate(document, scores[name], by_words, keyword_rank, dense_rank=dense.get(name))
            for document in self._library.passages(self._knowledge_base, list(scores))
            if document.metadata[records.DOCUMENT_ID] not in self._without
            for name in [str(document.id)]
            for by_words, keyword_rank in [keyword.get(name, (None, None))]
        ][:most]
        self._compare(found)
        return found

    def _compare(self, candidates: Sequence[Candidate]) -> None:
        """Set how near each candidate is to the question as it was asked: the evidence knows that cosine.

        Candidates that only keyword search found are compared too: in a large library they are not among the nearest,
        and without a cosine they would count as not near at all.
        """
        if self._hits.read is None:
            return
        named = {str(one.document.id): one for one in candidates}
        for name, cosine in self._library.similarities(self._hits.read.vector, list(named)).items():
            named[name].dense_score = cosine

    def _keyword_trust(self) -> float:
        """How far the keyword ranking is to be trusted: by how much of the question its best hits hold.

        Else one shared character would weigh as much against the embedder as a sentence found word for word.
        """
        best = self._library.passages(self._knowledge_base, [name for name, _ in self._hits.keyword[:3]])
        return KEYWORD_TRUST * max(map(self._match.strength, best), default=0.0)

    def _ranked(self, candidates: list[Candidate]) -> list[Candidate]:
        """Score the candidates and order them, best first; one that holds the question word for word leads."""
        match, documents = self._match, [candidate.document for candidate in candidates]
        if self._reranker is not None:
            scores = self._reranker.scores(self._question, [with_above(document) for document in documents])
        else:
            beside = neighbours(documents)
            scores = passage_scores(match, documents, [candidate.fused for candidate in candidates], beside)
            if self._hits.read is not None:
                near = self._closeness(self._hits.read, documents, beside)
                for candidate, one in zip(candidates, near, strict=True):
                    candidate.closeness = one
                scores = with_closeness(scores, near, self._hits.readable)
        order = sorted(
            zip(scores, candidates, strict=True),
            key=lambda pair: (match.stands_in(pair[1].document), pair[0]),
            reverse=True,
        )
        for score, candidate in order:
            candidate.score = min(1.0, score)
        return [candidate for _, candidate in order]

    def _closeness(
        self, read: ReadQuestion, documents: Sequence[Document], beside: Sequence[Sequence[int]]
    ) -> list[float | None]:
        names = [str(document.id) for document in documents]
        stored = self._library.token_signs(names)
        return closeness(read, self._weights(word_terms(read)), [stored.get(name, b"") for name in names], beside)

    # What does not answer, and what does
    def _vetoed(self, candidates: list[Candidate]) -> list[Candidate]:
        """Note which candidates lack something of the question; where that is a character not read, they go last."""
        question = self._question
        # An embedder without a reader may know few Chinese characters, but then its passages are found by words.
        unread = unreadable(question, self._embedder.readable_share) if self._reader is not None else frozenset()
        mark_lacking(question, unread, candidates)
        if names_nothing_known(question, self._frequencies):
            for candidate in candidates:  # a text in Chinese writes names in its own way
                candidate.is_lacking = candidate.is_lacking or not is_in_chinese(candidate.document.page_content)
        return sorted(candidates, key=lambda candidate: candidate.is_lacking) if unread else candidates

    def _read(self, candidates: Sequence[Candidate], reader: Reader) -> list[Candidate]:
        """Have the first candidates read; the one that alone answers goes first."""
        question = self._question
        readings = reader.read(question, [candidate.document for candidate in candidates[:READ]])
        is_of_another_purpose = cache(
            lambda document: is_for_nothing_known(question, partial(self._frequencies_in, [document]))
        )
        is_chinese = language_of(question) == "zh"
        for candidate, reading in zip(candidates, readings, strict=False):
            candidate.reading = reading
            is_foreign = is_in_chinese(candidate.document.page_content) != is_chinese
            if reading.answers < SURE and not is_foreign:
                document = candidate.document.metadata[records.DOCUMENT_ID]
                candidate.is_lacking = candidate.is_lacking or is_of_another_purpose(document)
            if reading.answers < UNSEEN and lacks_office(question, with_above(candidate.document)):
                candidate.is_lacking = True
            if tells_something_else(question, candidate.document, reading):
                candidate.is_lacking = True
        found = answering_first(candidates)
        if found and none_tells(self._match, found):
            found[0].is_lacking = True
        return found

    def _weigh(self, candidates: Sequence[Candidate]) -> None:
        """Set the evidence of each candidate."""
        for candidate, observed in zip(candidates, features(candidates, self._match, self._hits.readable), strict=True):
            candidate.features = observed
            candidate.evidence = self._calibration.probability(observed)

    def _is_enough(self, best: Candidate) -> bool:
        return best.evidence >= self._calibration.threshold_for(best.features)

    # In the other language
    def _those_abroad(self, candidates: Sequence[Candidate], reader: Reader) -> list[Candidate]:
        """The candidates led by the nearest in the other language; none where the reader sees no answer in those.

        Texts in the question's own language are nearer to it whatever they say, so that in a library of both languages
        those in the other one hardly come among the candidates.
        """
        question = self._question
        is_chinese = language_of(question) == "zh"
        if not any(is_in_chinese(one.document.page_content) == is_chinese for one in candidates[:READ]):
            return []  # all that was read is in the other language
        abroad = self._nearest_abroad()
        if not abroad:
            return []
        nearest = [one.document for one in abroad[:READ_ABROAD]]
        for one, reading in zip(abroad, reader.read(question, nearest), strict=False):
            one.reading = reading
            one.is_lacking = lacks_something(question, frozenset(), with_above(one.document)) or tells_something_else(
                question, one.document, reading
            )
        own = [one for one in candidates if is_in_chinese(one.document.page_content) == is_chinese]
        held = max((self._match.content_strength(one.document) for one in own), default=0.0)
        leading = answering_abroad(abroad, candidates, is_known_at_home=held >= KNOWN_AT_HOME)
        ids = {one.document.id for one in leading}
        return [*leading, *(one for one in candidates if one.document.id not in ids)] if leading else []

    def _nearest_abroad(self) -> list[Candidate]:
        """The passages nearest in meaning that are not in the question's language, best first."""
        if self._hits.read is None:
            return []
        language = language_of(self._question)
        turned = _ranks(self._nearest(turned_abroad(self._hits.read.vector, language)))
        # A passage takes four times as long as its text, and a library of one language has none to find.
        texts = self._library.texts(self._knowledge_base, list(turned))
        abroad = [name for name in turned if name in texts and is_in_chinese(texts[name]) != (language == "zh")]
        if not abroad:
            return []
        found = [
            Candidate(document, cosine, dense_rank=rank)
            for document in self._library.passages(self._knowledge_base, abroad)
            if document.metadata[records.DOCUMENT_ID] not in self._without
            for cosine, rank in [turned[str(document.id)]]
        ][:CANDIDATES_ABROAD]
        self._compare(found)
        found = self._ranked(found)
        if self._reranker is None:
            for one in found:
                one.score = (one.fused + CLOSENESS_ABROAD * (one.closeness or 0.0)) / (1 + CLOSENESS_ABROAD)
            found.sort(key=lambda one: one.score, reverse=True)
        return found

    # What the knowledge base and the embedder know of words
    def _weights(self, wanted: Sequence[str]) -> dict[str, float]:
        statistics = self._library.keyword_statistics(self._knowledge_base, wanted, within=self._within)
        return {term: statistics.weight(term) for term in wanted}

    def _frequencies(self, wanted: Sequence[str]) -> dict[str, int]:
        return self._frequencies_in(self._within, wanted)

    def _frequencies_in(self, within: Collection[int] | None, wanted: Sequence[str]) -> dict[str, int]:
        return dict(self._library.keyword_statistics(self._knowledge_base, wanted, within=within).frequencies)

    def _abilities(self) -> Mapping[str, float]:
        """How well the embedder reads each script; where nobody measured it, what its vocabulary knows of each."""
        if self._calibration.abilities:
            return self._calibration.abilities
        letters: dict[str, str] = {}
        for character in filter(str.isalpha, self._question):
            script = script_of(character)
            letters[script] = letters.get(script, "") + character
        return {script: self._embedder.readable_share(text) ** 2 for script, text in letters.items()}

    def _is_word(self, word: str) -> bool:
        """Whether the embedder's vocabulary has the word as a whole."""
        return bool(self._embedder.count_tokens(word) - self._embedder.count_tokens("") <= 1)


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


def _copy_scores(candidate: Candidate) -> None:
    """Copy scores into the passage's metadata, for users of the plain LangChain documents."""
    noted = {records.SCORE: candidate.score, records.EVIDENCE: candidate.evidence}
    if candidate.closeness is not None:
        noted[records.CLOSENESS] = candidate.closeness
    document = candidate.document
    candidate.document = document.model_copy(update={"metadata": document.metadata | noted})
