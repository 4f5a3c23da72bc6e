"""Write the answer from the passages found: by a model, or of quotes where there is none.

Both take the answer as it was begun, with its question and passages, and yield the chain's events from the first
text to the finished answer. Knows no retrieval.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from minicpm_rag.answering.citations import CitedAnswer, quote_statements
from minicpm_rag.answering.difference import difference
from minicpm_rag.answering.extractive import Excerpt, excerpts
from minicpm_rag.answering.guard import Guard
from minicpm_rag.answering.prompt import build_prompt, echoes, headers, shape_for
from minicpm_rag.answering.style import AS_ASKED, Length, Style
from minicpm_rag.answering.which_more import which_more
from minicpm_rag.llm.streams import is_ours, stream_text, token_counter
from minicpm_rag.llm.thoughts import Anew
from minicpm_rag.messages import Language, Message, text
from minicpm_rag.records import (
    DOCUMENT_ID,
    TABLE_HEADER,
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
from minicpm_rag.text.scripts import count_han, has_han, is_chinese
from minicpm_rag.text.table_rows import ROWS

if TYPE_CHECKING:
    import threading

    from langchain_core.documents import Document
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.runnables import RunnableConfig

    from minicpm_rag.embedding.reader import Reader

_COUNTED_OTHERWISE = 2  # tokens by which a text counts less than it had when it was generated
_LETTERS = 24  # Latin letters or half as many Han characters, which are more than a name
_MOST_QUOTED: dict[Length, int] = {"short": 1, "normal": 3, "detailed": 6}
_ANSWERS = 0.5  # the reader's probability from which a passage is taken to answer
# What a reader should know of an answer that ended before its end, by why the model's text ended.
_CUT = {
    "length": Message("answering.cut_short"),
    "content_filter": Message("answering.cut_by_filter"),
    "broken": Message("answering.cut_by_connection"),
}


def chosen_for(
    begun: Answer,
    readings: Sequence[Reading | None] = (),
    *,
    similarity: Similarity | None,
    style: Style = AS_ASKED,
    threshold: float = 0.0,
) -> list[Excerpt]:
    """The statements that answer best: those in the chosen language, where some of it answer.

    `threshold` is that of the evidence.
    """
    return excerpts(
        begun.standalone_question,
        begun.documents,
        readings,
        most=_MOST_QUOTED[style.length],
        similarity=similarity,
        left_out=_in_another_language(begun.documents, readings, style),
        threshold=threshold,
    )


def quote(
    begun: Answer,
    readings: Sequence[Reading | None] = (),
    *,
    page_text: PageText | None,
    similarity: Similarity | None,
    style: Style = AS_ASKED,
    threshold: float = 0.0,
) -> Iterator[AnswerEvent]:
    """Answer with the statements that `chosen_for` finds."""
    began = time.monotonic()
    chosen = chosen_for(begun, readings, similarity=similarity, style=style, threshold=threshold)
    answer = quoted(begun, chosen, page_text=page_text, style=style)
    for line in answer.text.splitlines(keepends=True):
        yield Text(line)
    yield replace(answer, seconds=begun.seconds | {"generate": time.monotonic() - began})


def quoted(begun: Answer, chosen: Sequence[Excerpt], *, page_text: PageText | None, style: Style = AS_ASKED) -> Answer:
    """The answer that is made of these statements, and of what can be computed of them."""
    question = begun.standalone_question
    said: Message | None = None
    if (subtracted := difference(question, chosen, begun.documents)) is not None:
        result, high, low = subtracted.written
        said, chosen = Message("answering.difference", result=result, high=high, low=low), subtracted.said_in
    elif (compared := which_more(question, chosen, begun.documents)) is not None:
        (name, other), (amount, others) = compared.names, compared.written
        said = Message("answering.which_more", name=name, amount=amount, other=other, others=others)
        chosen = compared.said_in
    begun, chosen = _numbered_as_read(begun, chosen)
    quotes, citations = _written(chosen, begun.documents, page_text)
    if said is not None and citations:
        quotes, citations = _below(text(style.language_for(question), said), quotes, citations)
    return replace(begun, text=quotes, citations=citations, mode="extractive")


def _below(said: str, quotes: str, citations: Sequence[Citation]) -> tuple[str, list[Citation]]:
    """The quotes below what was computed of them, which has their marks."""
    first = {one.number: replace(one, sentence_start=0, sentence_end=len(said)) for one in citations}
    line = said + "".join(f"[{number}]" for number in sorted(first)) + "\n\n"
    moved = [
        replace(one, sentence_start=one.sentence_start + len(line), sentence_end=one.sentence_end + len(line))
        for one in citations
    ]
    return line + quotes, [*(first[number] for number in sorted(first)), *moved]


def write(
    begun: Answer,
    llm: BaseLanguageModel[Any],
    readings: Sequence[Reading | None] = (),
    *,
    history: Sequence[Turn],
    page_text: PageText | None,
    similarity: Similarity | None,
    reader: Reader | None,
    context_tokens: int,
    new_tokens: int,
    temperature: float,
    cancel: threading.Event,
    config: RunnableConfig | None = None,
    has_evidence: bool = True,
    style: Style = AS_ASKED,
    threshold: float = 0.0,
) -> Iterator[AnswerEvent]:
    """Answer with the model, cited while it writes. Closing it or setting `cancel` stops the model.

    `history` is what the prompt tells of the conversation: nothing, where the question stands alone. Below an answer
    stand the quotes that answer, where it `has_evidence` for any and no sentence is proven by one of them, and else
    those of other documents that answer as well.
    """
    new_tokens = min(new_tokens, context_tokens // 2)  # a small window is halved between passages and answer
    question = begun.standalone_question
    language = style.language_for(question)
    prompt = build_prompt(
        question,
        begun.documents,
        history,
        count_tokens=token_counter(llm),
        limit_tokens=context_tokens - new_tokens,
        shape=shape_for(getattr(llm, "parameters", None)),
        style=style,
    )

    def begin() -> tuple[CitedAnswer, Guard]:
        return (
            CitedAnswer(question, prompt.documents, page_text=page_text, similarity=similarity, reader=reader),
            Guard(question, echoes(), headers(prompt.documents, language)),
        )

    cited, guard = begin()
    began = time.monotonic()
    first_token: float | None = None
    written = ""
    endings: list[str] = []
    thinking = Thinking(began)
    pieces = stream_text(
        llm,
        prompt.messages,
        cancel=cancel,
        config=config,
        on_end=endings.append,
        on_thought=thinking.add,
        temperature=temperature,
        max_new_tokens=new_tokens,
    )
    with closing(pieces):
        for piece in pieces:
            if (thought := thinking.take()) is not None:
                yield thought
            if isinstance(piece, Waiting):
                yield piece
                continue
            if isinstance(piece, Anew):  # what was shown so far was a thought
                (cited, guard), written = begin(), ""
                yield Text("", anew=True)
            if first_token is None:
                first_token = time.monotonic() - began
            written += piece
            if shown := cited.add(guard.add(piece)):
                yield Text(shown)
            if guard.ended:
                break
    stopped = cancel.is_set()
    cut = None
    if not stopped and not guard.ended:
        cut = _CUT.get(endings[-1]) if endings else _CUT["length"] if _is_cut(llm, written, new_tokens) else None
    if rest := cited.add(guard.finish()) + cited.finish(is_cut=stopped or guard.loops or cut is not None):
        yield Text(rest)
    generate = time.monotonic() - began
    if (thought := thinking.take()) is not None:
        yield thought
    seconds = begun.seconds | ({} if first_token is None else {"first_token": first_token}) | thinking.seconds
    begun = replace(begun, thoughts=thinking.text)
    if not cited.text and not stopped:  # the model said nothing
        begun = replace(begun, seconds=seconds, note=cut or Message("answering.said_nothing"))
        yield from quote(begun, readings, page_text=page_text, similarity=similarity, style=style, threshold=threshold)
        return
    written_answer = replace(
        begun,
        text=cited.text,
        citations=cited.citations,
        unsupported=cited.unsupported,
        documents=prompt.documents,
        mode="stopped" if stopped else "model",
        seconds=seconds | {"generate": generate},
        note=cut,
        tokens_per_second=_speed(llm, written, generate - (first_token or 0.0)),
    )
    if stopped:
        yield written_answer
        return
    said = (
        cut,
        Message("answering.looped") if guard.loops else None,
        Message("answering.other_language") if _is_in_another_language(cited.text, language) else None,
        Message("answering.across_languages")
        if any(_is_across_languages(cited.text, one) for one in cited.citations)
        else None,
    )
    below: list[tuple[str, list[Citation]]] = [(text(language, message), []) for message in said if message is not None]
    if has_evidence:
        chosen = excerpts(question, prompt.documents, readings, similarity=similarity, threshold=threshold)
        quotes, citations = _written(chosen, prompt.documents, page_text)
        if quotes and not any(_overlap(one, other) for one in cited.citations for other in citations):
            below += [(text(language, Message("answering.documents_say")), []), (quotes, citations)]
        elif others := _of_other_documents(chosen, cited.citations, prompt.documents):
            # Of five projects with five leaders the model may name one at random.
            below += [
                (text(language, Message("answering.other_documents_say")), []),
                _written(others, prompt.documents, page_text, with_names=True),
            ]
    for part, citations in below:
        before = "\n" if citations else "\n\n"
        yield Text(before + part)
        written_answer = _with_part(written_answer, before, part, citations)
    yield written_answer


def _in_another_language(
    documents: Sequence[Document], readings: Sequence[Reading | None], style: Style
) -> frozenset[int]:
    """The numbers of the passages that are not in the chosen language, where the reader finds an answer in one that is.

    Rows of tables are in no language.
    """
    foreign = {
        number
        for number, document in enumerate(documents, 1)
        if style.language is not None
        and not document.metadata.get(TABLE_HEADER)
        and is_chinese(document.page_content) != (style.language == "zh")
    }
    own = (reading for number, reading in enumerate(readings, 1) if number not in foreign)
    return frozenset(foreign) if any(one is not None and one.answers >= _ANSWERS for one in own) else frozenset()


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


def _numbered_as_read(begun: Answer, chosen: Sequence[Excerpt]) -> tuple[Answer, list[Excerpt]]:
    """The answer and its excerpts with the passages in the order in which they are quoted: the first mark is [1]."""
    first = list(dict.fromkeys(one.number for one in chosen))
    order = [*first, *(number for number in range(1, len(begun.documents) + 1) if number not in first)]
    moved = {number: place for place, number in enumerate(order, 1)}
    documents = [begun.documents[number - 1] for number in order]
    return replace(begun, documents=documents), [replace(one, number=moved[one.number]) for one in chosen]


def _written(
    chosen: Sequence[Excerpt], documents: Sequence[Document], page_text: PageText | None, *, with_names: bool = False
) -> tuple[str, list[Citation]]:
    statements = [(excerpt.number, excerpt.statement) for excerpt in chosen]
    return quote_statements(statements, documents, page_text, with_names=with_names)


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


def _is_cut(llm: BaseLanguageModel[Any], written: str, new_tokens: int) -> bool:
    """Tell whether the limit ended the text: models do not say so themselves, and some count only roughly."""
    if not written.strip() or not is_ours(llm):
        return False
    in_a_sentence = written.rstrip()[-1].isalnum() or written.rstrip()[-1] in ",，、;；:："
    return in_a_sentence and llm.get_num_tokens(written) >= new_tokens - _COUNTED_OTHERWISE


def _is_in_another_language(written: str, language: Language) -> bool:
    """Tell whether an answer is clearly in the other of the two languages; names and numbers have none."""
    latin, han = sum(character.isascii() and character.isalpha() for character in written), count_han(written)
    return latin >= _LETTERS and not han if language == "zh" else han >= _LETTERS / 2 and latin < han


def _is_across_languages(written: str, citation: Citation) -> bool:
    """Tell whether a sentence was proven by words of another language; rows of a table are little but names."""
    sentence = written[citation.sentence_start : citation.sentence_end]
    is_row = bool(ROWS.fullmatch(citation.quote))
    return not is_row and has_han(sentence) != has_han(citation.quote) and citation.quote[:1].isalpha()


def _speed(llm: Any, written: str, seconds: float) -> float | None:
    """Tokens a second after the first one, where the model counts its own tokens."""
    if not is_ours(llm) or seconds <= 0 or not written:
        return None
    return float((llm.get_num_tokens(written) - 1) / seconds)
