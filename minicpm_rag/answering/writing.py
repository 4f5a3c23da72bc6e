"""Have a model write the answer from the passages found, cite it while it is written, and add remarks below it.

Takes the answer as it was begun, with its question and passages, and yields the chain's events from the first text
to the finished answer. Where the model says nothing, quotes answer. Knows no retrieval.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from minicpm_rag.answering.citations import CitedAnswer
from minicpm_rag.answering.extractive import Excerpt, excerpts
from minicpm_rag.answering.guard import Guard
from minicpm_rag.answering.prompt import Prompt, build_prompt, echoes, headers, shape_for
from minicpm_rag.answering.quoting import quote, quotes_of
from minicpm_rag.answering.style import AS_ASKED, Style
from minicpm_rag.llm.streams import is_ours, stream_text, token_counter
from minicpm_rag.llm.thoughts import Anew
from minicpm_rag.messages import Language, Message, text
from minicpm_rag.records import (
    DOCUMENT_ID,
    Answer,
    AnswerEvent,
    Citation,
    PageText,
    Reading,
    Similarity,
    Text,
    Thought,
    Turn,
    Waiting,
)
from minicpm_rag.text.scripts import count_han, has_han
from minicpm_rag.text.table_rows import ROWS

if TYPE_CHECKING:
    import threading

    from langchain_core.documents import Document
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.runnables import RunnableConfig

    from minicpm_rag.embedding.reader import Reader

_COUNTED_OTHERWISE = 2  # tokens that counting a finished text may miss of those generated
_LETTERS = 24  # Latin letters, or half as many Han characters, from which a text is more than a name
# What is said of an answer that was cut off, by the reason for which the model's text ended.
_CUT = {
    "length": Message("answering.cut_short"),
    "content_filter": Message("answering.cut_by_filter"),
    "broken": Message("answering.cut_by_connection"),
}
_SAID_NOTHING = Message("answering.said_nothing")


@dataclass(frozen=True)
class Writer:
    """A model, how it is asked, and what its sentences are proven with."""

    llm: BaseLanguageModel[Any]
    context_tokens: int
    new_tokens: int
    temperature: float
    page_text: PageText | None
    reader: Reader | None
    style: Style = AS_ASKED


def write(
    begun: Answer,
    writer: Writer,
    readings: Sequence[Reading | None] = (),
    *,
    history: Sequence[Turn],
    similarity: Similarity | None,
    cancel: threading.Event,
    config: RunnableConfig | None = None,
    has_evidence: bool = True,
    threshold: float = 0.0,
) -> Iterator[AnswerEvent]:
    """Answer with the model, cited while it writes. Closing it or setting `cancel` stops the model.

    `history` is the part of the conversation that goes into the prompt, empty where the question stands alone. Where
    the question `has_evidence`, the quotes that answer it stand below the text if that cites none of them, else those
    of documents that it does not cite.
    """
    new_tokens = min(writer.new_tokens, writer.context_tokens // 2)  # a small window: half for passages, half to answer
    question = begun.standalone_question
    prompt = build_prompt(
        question,
        begun.documents,
        history,
        count_tokens=token_counter(writer.llm),
        limit_tokens=writer.context_tokens - new_tokens,
        shape=shape_for(getattr(writer.llm, "parameters", None)),
        style=writer.style,
    )
    draft = _Draft(question, prompt, writer, new_tokens, similarity=similarity)
    yield from draft.events(cancel, config)
    begun = replace(begun, thoughts=draft.thinking.text)
    if not draft.cited.text and not draft.is_stopped:
        begun = replace(begun, seconds=begun.seconds | draft.seconds, note=draft.cut or _SAID_NOTHING)
        yield from quote(
            begun,
            readings,
            page_text=writer.page_text,
            similarity=similarity,
            style=writer.style,
            threshold=threshold,
        )
        return
    answer = draft.answer(begun)
    if draft.is_stopped:
        yield answer
        return
    chosen = []
    if has_evidence:
        chosen = excerpts(question, prompt.documents, readings, similarity=similarity, threshold=threshold)
    language = writer.style.language_for(question)
    for part, citations in (*_remarks(draft, answer, language), *_quotes_below(answer, chosen, writer, language)):
        before = "\n" if citations else "\n\n"
        yield Text(before + part)
        answer = _with_part(answer, before, part, citations)
    yield answer


class _Draft:
    """A model's text for a prompt: guarded and cited while it comes, and timed."""

    def __init__(
        self, question: str, prompt: Prompt, writer: Writer, new_tokens: int, *, similarity: Similarity | None
    ) -> None:
        self.is_stopped = False
        self.cut: Message | None = None  # what is to be said where it ended before its end
        self._question = question
        self._prompt = prompt
        self._writer = writer
        self._new_tokens = new_tokens
        self._similarity = similarity
        self._begin()
        self._began = time.monotonic()
        self._first_token: float | None = None
        self._all: float = 0.0
        self.thinking = Thinking(self._began)

    def _begin(self) -> None:
        prompt, writer = self._prompt, self._writer
        self.cited = CitedAnswer(
            self._question,
            prompt.documents,
            page_text=writer.page_text,
            similarity=self._similarity,
            reader=writer.reader,
        )
        language = writer.style.language_for(self._question)
        self.guard = Guard(self._question, echoes(), headers(prompt.documents, language))
        self._written = ""

    def events(self, cancel: threading.Event, config: RunnableConfig | None) -> Iterator[AnswerEvent]:
        """Have it written: thoughts, waiting and text as they come."""
        endings: list[str] = []
        pieces = stream_text(
            self._writer.llm,
            self._prompt.messages,
            cancel=cancel,
            config=config,
            on_end=endings.append,
            on_thought=self.thinking.add,
            temperature=self._writer.temperature,
            max_new_tokens=self._new_tokens,
        )
        with closing(pieces):
            for piece in pieces:
                if (thought := self.thinking.take()) is not None:
                    yield thought
                if isinstance(piece, Waiting):
                    yield piece
                    continue
                if isinstance(piece, Anew):  # what was shown so far was a thought
                    self._begin()
                    yield Text("", anew=True)
                if self._first_token is None:
                    self._first_token = time.monotonic() - self._began
                self._written += piece
                if shown := self.cited.add(self.guard.add(piece)):
                    yield Text(shown)
                if self.guard.ended:
                    break
        self.is_stopped = cancel.is_set()
        if not self.is_stopped and not self.guard.ended:
            ended = endings[-1] if endings else "length" if self._is_cut() else ""
            self.cut = _CUT.get(ended)
        is_cut = self.is_stopped or self.guard.loops or self.cut is not None
        if rest := self.cited.add(self.guard.finish()) + self.cited.finish(is_cut=is_cut):
            yield Text(rest)
        self._all = time.monotonic() - self._began
        if (thought := self.thinking.take()) is not None:
            yield thought

    @property
    def seconds(self) -> dict[str, float]:
        """How long it took to the first token, and to think."""
        return ({} if self._first_token is None else {"first_token": self._first_token}) | self.thinking.seconds

    def answer(self, begun: Answer) -> Answer:
        """The answer of what was written."""
        return replace(
            begun,
            text=self.cited.text,
            citations=self.cited.citations,
            unsupported=self.cited.unsupported,
            documents=self._prompt.documents,
            mode="stopped" if self.is_stopped else "model",
            seconds=begun.seconds | self.seconds | {"generate": self._all},
            note=self.cut,
            tokens_per_second=self._speed(),
        )

    def _is_cut(self) -> bool:
        """Whether the limit ended the text: models do not say so themselves, and some count only roughly."""
        llm, written = self._writer.llm, self._written
        if not written.strip() or not is_ours(llm):
            return False
        in_a_sentence = written.rstrip()[-1].isalnum() or written.rstrip()[-1] in ",，、;；:："
        return in_a_sentence and llm.get_num_tokens(written) >= self._new_tokens - _COUNTED_OTHERWISE

    def _speed(self) -> float | None:
        """Tokens a second after the first one, where the model counts its own tokens."""
        llm, seconds = self._writer.llm, self._all - (self._first_token or 0.0)
        if not is_ours(llm) or seconds <= 0 or not self._written:
            return None
        return float((llm.get_num_tokens(self._written) - 1) / seconds)


_Part = tuple[str, list[Citation]]  # text with its citations, whose places are those in it


def _remarks(draft: _Draft, answer: Answer, language: Language) -> Iterator[_Part]:
    """What is to be said of an answer below it."""
    if draft.cut is not None:
        yield text(language, draft.cut), []
    if draft.guard.loops:
        yield text(language, Message("answering.looped")), []
    if _is_in_another_language(answer.text, language):
        yield text(language, Message("answering.other_language")), []
    if any(_is_across_languages(answer.text, one) for one in answer.citations):
        yield text(language, Message("answering.across_languages")), []


def _quotes_below(answer: Answer, chosen: Sequence[Excerpt], writer: Writer, language: Language) -> Iterator[_Part]:
    """The statements that answer, where the answer quotes none of them; else those of documents it does not cite."""
    quotes, citations = quotes_of(chosen, answer.documents, writer.page_text)
    if quotes and not any(_overlap(one, other) for one in answer.citations for other in citations):
        yield text(language, Message("answering.documents_say")), []
        yield quotes, citations
    elif others := _of_other_documents(chosen, answer.citations, answer.documents):
        # Of five projects with five leaders the model may name one at random.
        yield text(language, Message("answering.other_documents_say")), []
        yield quotes_of(others, answer.documents, writer.page_text, with_names=True)


class Thinking:
    """What the model thinks before it answers, as it comes, and for how long."""

    def __init__(self, began: float) -> None:
        self.text = ""
        self.seconds: dict[str, float] = {}
        self._began = began
        self._untold: Thought | None = None

    def add(self, text: str) -> None:
        """Take a piece; an `Anew` takes the place of all before it."""
        anew = isinstance(text, Anew)
        self.text = text if anew else self.text + text
        self.seconds = {"think": time.monotonic() - self._began} if self.text else {}
        before = self._untold
        if before is not None and not anew:
            text, anew = before.text + text, before.anew
        self._untold = Thought(str(text), anew)

    def take(self) -> Thought | None:
        """The thoughts that came since this was last asked."""
        untold, self._untold = self._untold, None
        return untold


def _of_other_documents(
    chosen: Sequence[Excerpt], citations: Sequence[Citation], documents: Sequence[Document]
) -> list[Excerpt]:
    """Those of the excerpts whose document the answer does not cite."""
    cited = {documents[one.number - 1].metadata.get(DOCUMENT_ID, -one.number) for one in citations}
    return [one for one in chosen if documents[one.number - 1].metadata.get(DOCUMENT_ID, -one.number) not in cited]


def _overlap(one: Citation, other: Citation) -> bool:
    """Tell whether both quote the same words."""
    return one.number == other.number and one.quote_start < other.quote_end and other.quote_start < one.quote_end


def _with_part(answer: Answer, before: str, part: str, citations: Sequence[Citation]) -> Answer:
    """The answer with a part below it; the citations' places are those in the part."""
    start = len(answer.text) + len(before)
    moved = [
        replace(one, sentence_start=one.sentence_start + start, sentence_end=one.sentence_end + start)
        for one in citations
    ]
    return replace(answer, text=answer.text + before + part, citations=[*answer.citations, *moved])


def _is_in_another_language(written: str, language: Language) -> bool:
    """Tell whether an answer is clearly in the other of the two languages; names and numbers have none."""
    latin, han = sum(character.isascii() and character.isalpha() for character in written), count_han(written)
    return latin >= _LETTERS and not han if language == "zh" else han >= _LETTERS / 2 and latin < han


def _is_across_languages(written: str, citation: Citation) -> bool:
    """Tell whether a sentence was proven by words of another language; rows of a table are little but names."""
    sentence = written[citation.sentence_start : citation.sentence_end]
    is_row = bool(ROWS.fullmatch(citation.quote))
    return not is_row and has_han(sentence) != has_han(citation.quote) and citation.quote[:1].isalpha()
