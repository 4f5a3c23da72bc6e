"""Find the question to search for: a model turns a follow-up into a standalone question.

Writes the prompt and judges what comes back; `followups` says when, and has rules for where there is no model.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from minicpm_rag.answering.followups import carry_over, stands_alone
from minicpm_rag.answering.prompt import plain
from minicpm_rag.errors import OnlyThoughtsError
from minicpm_rag.llm.streams import stream_text, token_counter
from minicpm_rag.llm.thoughts import Anew
from minicpm_rag.records import Question, Turn, Waiting
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.questions import content_terms, is_question, language_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import RunnableConfig

MOST_NEW_TOKENS = 96  # of a model's rewrite; a longer one is no question
_TURNS = 2  # of the conversation, shown to the model
_ANSWER_CHARACTERS = 200
_LONGEST_READ = 400  # characters
_LONGEST_GROWTH = 120  # characters a rewrite may be longer than question and subject together

_PROMPT = {
    "zh": "把最后的问题改写成一个不看对话也能懂的完整问题："
    "把“它”“那个”等换成所指的事物，补上省略的内容，不要回答。"
    "只输出改写后的问题。\n\n{history}\n最后的问题：{question}\n改写：",
    "en": "Rewrite the last question so that it can be understood without the conversation: replace words "
    'such as "it" or "that one" by what they stand for and add what was left out. Do not answer it. '
    "Write only the rewritten question.\n\n{history}\nLast question: {question}\nRewritten question:",
}
_TURN = {"zh": "问：{question}\n答：{answer}", "en": "Q: {question}\nA: {answer}"}
_OUTER = "\"'“”‘’「」『』`* \t"
_LABEL = re.compile(
    r"^\s*(?:改写后的问题|改写后|改写|完整问题|问题"
    r"|rewritten question|standalone question|question|rewrite)\s*[:：]\s*",
    re.IGNORECASE,
)


def standalone_question(
    question: Question, llm: BaseLanguageModel[Any] | None, context_tokens: int, config: RunnableConfig | None = None
) -> Generator[Waiting, None, str]:
    """Return the question to search for; yield while a model rewrites a follow-up.

    One that a user wrote is taken as it is. A follow-up is completed by rule where there is no model, where the
    conversation does not fit the model's window, and where the model's rewrite is useless.
    """
    if question.standalone and question.standalone.strip():
        return question.standalone.strip()
    if stands_alone(question.text, question.history):
        return question.text
    if llm is None:
        return carry_over(question.text, question.history)
    messages = rewrite_prompt(question.text, question.history)
    if token_counter(llm)(messages) > context_tokens - MOST_NEW_TOKENS:
        return carry_over(question.text, question.history)
    pieces = stream_text(
        llm, messages, cancel=question.cancel, config=config, temperature=0.0, max_new_tokens=MOST_NEW_TOKENS
    )
    with closing(pieces):
        try:
            return (yield from _read(pieces, question))
        except OnlyThoughtsError:
            return carry_over(question.text, question.history)


def rewrite_prompt(question: str, history: Sequence[Turn]) -> list[BaseMessage]:
    """Messages that ask a model for the standalone question; short, for a 2B model."""
    from langchain_core.messages import HumanMessage

    language = language_of(question)
    turns = "\n".join(
        _TURN[language].format(question=turn.question, answer=_shortened(turn.answer)) for turn in history[-_TURNS:]
    )
    return [HumanMessage(plain(_PROMPT[language].format(history=turns, question=question.strip())))]


def accept(rewritten: str, question: str, history: Sequence[Turn]) -> str:
    """Return the model's rewrite without labels and quotes, or the rule's completion where the rewrite is useless.

    Useless is one that does not ask or does not end, adds nothing to the question, drops what was asked or one of its
    numbers, or names what nobody mentioned.
    """
    lines = [line for line in rewritten.strip().splitlines() if line.strip()]
    text = _LABEL.sub("", lines[0].strip(_OUTER)).strip(_OUTER) if lines else ""
    recent = history[-_TURNS:]
    longest = len(question) + max((len(turn.question) for turn in recent), default=0) + _LONGEST_GROWTH
    new, asked = set(content_terms(text)), set(content_terms(question))
    known = asked.union(*(content_terms(f"{turn.question} {turn.answer}") for turn in recent))
    is_useful = (
        is_question(text)
        and len(text) <= longest
        and new - asked
        and (not asked or new & asked)
        and numbers(question) <= numbers(text)
        and len(new & known) * 2 >= len(new)
    )
    return text if is_useful else carry_over(question, history)


def _read(pieces: Iterable[str | Waiting], question: Question) -> Generator[Waiting, None, str]:
    """Read a model's rewrite to the end of its first line; pass on the waiting, return what is accepted."""
    written = ""
    for piece in pieces:
        if isinstance(piece, Waiting):
            yield piece
            continue
        written = piece if isinstance(piece, Anew) else written + piece
        if "\n" in written.strip() or len(written) > _LONGEST_READ:
            break
    return accept(written, question.text, question.history)


def _shortened(answer: str) -> str:
    text = " ".join(re.sub(r"\[\d+\]", "", answer).split())
    return text if len(text) <= _ANSWER_CHARACTERS else text[:_ANSWER_CHARACTERS] + "…"
