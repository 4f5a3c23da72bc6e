"""Ask a model to turn a follow-up ("那它多少钱？", "and the second one?") into a question of its own.

Writes the prompt and judges what comes back; `followups` says when, and has a rule for no-model mode.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING

from minicpm_rag.records import Turn, Waiting
from minicpm_rag.text.questions import content_terms, language_of

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

MOST_NEW_TOKENS = 96  # of a rewrite; a longer one is no question
_TURNS = 2
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


def rewrite_prompt(question: str, history: Sequence[Turn]) -> list[BaseMessage]:
    """Messages that ask a model for the standalone question; short, for a 2B model."""
    from langchain_core.messages import HumanMessage

    language = language_of(question)
    turns = "\n".join(
        _TURN[language].format(question=turn.question, answer=_shortened(turn.answer)) for turn in history[-_TURNS:]
    )
    return [HumanMessage(_PROMPT[language].format(history=turns, question=question.strip()))]


def accept(rewritten: str, question: str, history: Sequence[Turn]) -> str:
    """Return the model's rewrite without labels and quotes, or the question where it is of no use.

    Of no use is one that is empty, runs away, drops what was asked, or speaks of what nobody mentioned.
    """
    lines = [line for line in rewritten.strip().splitlines() if line.strip()]
    text = _LABEL.sub("", lines[0].strip(_OUTER)).strip(_OUTER) if lines else ""
    recent = history[-_TURNS:]
    longest = len(question) + max((len(turn.question) for turn in recent), default=0) + _LONGEST_GROWTH
    new = set(content_terms(text))
    if not new or len(text) > longest:
        return question
    asked = set(content_terms(question))
    known = asked.union(*(content_terms(f"{turn.question} {turn.answer}") for turn in recent))
    keeps_the_question = not asked or bool(new & asked)
    return text if keeps_the_question and len(new & known) * 2 >= len(new) else question


def read(pieces: Iterable[str | Waiting], question: str, history: Sequence[Turn]) -> Generator[Waiting, None, str]:
    """Read a model's rewrite, no further than it can be one; pass on the waiting, return what is accepted."""
    written = ""
    for piece in pieces:
        if isinstance(piece, Waiting):
            yield piece
            continue
        written += piece
        if "\n" in written.strip() or len(written) > _LONGEST_READ:
            break
    return accept(written, question, history)


def _shortened(answer: str) -> str:
    text = " ".join(re.sub(r"\[\d+\]", "", answer).split())
    return text if len(text) <= _ANSWER_CHARACTERS else text[:_ANSWER_CHARACTERS] + "…"
