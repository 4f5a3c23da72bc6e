"""Write the answer from the passages found: by a model, or of quotes where there is none.

Yields the chain's events from the first text to `Finished`. Knows no retrieval and no history beyond what it
is handed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from minicpm_rag.answering.citations import CitedAnswer, PageText, quote_statements
from minicpm_rag.answering.extractive import excerpts
from minicpm_rag.answering.prompt import build_prompt
from minicpm_rag.llm.streams import is_ours, stream_text, token_counter
from minicpm_rag.records import AnswerEvent, Finished, Text, Turn, Waiting

if TYPE_CHECKING:
    import threading

    from langchain_core.documents import Document
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.runnables import RunnableConfig

    from minicpm_rag.answering.citations.proof import Similarity


@dataclass(frozen=True)
class Task:
    """What is to be answered from what. `seconds` is filled in as the stages end."""

    question: str  # the standalone one
    documents: list[Document]
    page_text: PageText | None
    history: Sequence[Turn] = ()  # empty where the question stands alone
    similarity: Similarity | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def quote(task: Task) -> Iterator[AnswerEvent]:
    """Answer with the statements that answer best."""
    began = time.monotonic()
    chosen = excerpts(task.question, task.documents, similarity=task.similarity)
    text, citations = quote_statements(
        [(excerpt.number, excerpt.statement) for excerpt in chosen], task.documents, task.page_text
    )
    task.seconds["generate"] = time.monotonic() - began
    for line in text.splitlines(keepends=True):
        yield Text(line)
    yield Finished(text, citations, [], task.documents, "extractive", task.seconds)


def write(
    task: Task,
    llm: BaseLanguageModel[Any],
    *,
    context_tokens: int,
    new_tokens: int,
    temperature: float,
    cancel: threading.Event,
    config: RunnableConfig | None = None,
) -> Iterator[AnswerEvent]:
    """Answer with the model, cited while it writes. Closing it or setting `cancel` stops the model."""
    new_tokens = min(new_tokens, context_tokens // 2)  # a small window is halved between passages and answer
    prompt = build_prompt(
        task.question,
        task.documents,
        task.history,
        count_tokens=token_counter(llm),
        limit_tokens=context_tokens - new_tokens,
    )
    answer = CitedAnswer(task.question, prompt.documents, page_text=task.page_text, similarity=task.similarity)
    began = time.monotonic()
    raw = ""
    pieces = stream_text(
        llm, prompt.messages, cancel=cancel, config=config, temperature=temperature, max_new_tokens=new_tokens
    )
    with closing(pieces):
        for piece in pieces:
            if isinstance(piece, Waiting):
                yield piece
                continue
            if not raw:
                task.seconds["first_token"] = time.monotonic() - began
            raw += piece
            if shown := answer.add(piece):
                yield Text(shown)
    stopped = cancel.is_set()
    if rest := answer.finish(is_cut=stopped):
        yield Text(rest)
    task.seconds["generate"] = time.monotonic() - began
    if not answer.text and not stopped:
        yield from quote(task)  # the model said nothing
        return
    yield Finished(
        answer.text,
        answer.citations,
        answer.unsupported,
        prompt.documents,
        "stopped" if stopped else "model",
        task.seconds,
        _speed(llm, raw, task.seconds),
    )


def _speed(llm: Any, raw: str, seconds: Mapping[str, float]) -> float | None:
    """Tokens a second after the first one, where the model counts its own tokens."""
    spent = seconds["generate"] - seconds.get("first_token", 0.0)
    if not is_ours(llm) or spent <= 0 or not raw:
        return None
    return float((llm.get_num_tokens(raw) - 1) / spent)
