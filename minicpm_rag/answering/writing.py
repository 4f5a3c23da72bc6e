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
from minicpm_rag.answering.extractive import excerpts
from minicpm_rag.answering.prompt import build_prompt
from minicpm_rag.llm.streams import is_ours, stream_text, token_counter
from minicpm_rag.records import Answer, AnswerEvent, PageText, Similarity, Text, Turn, Waiting

if TYPE_CHECKING:
    import threading

    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.runnables import RunnableConfig


def quote(begun: Answer, *, page_text: PageText | None, similarity: Similarity | None) -> Iterator[AnswerEvent]:
    """Answer with the statements that answer best."""
    began = time.monotonic()
    chosen = excerpts(begun.standalone_question, begun.documents, similarity=similarity)
    text, citations = quote_statements(
        [(excerpt.number, excerpt.statement) for excerpt in chosen], begun.documents, page_text
    )
    seconds = begun.seconds | {"generate": time.monotonic() - began}
    for line in text.splitlines(keepends=True):
        yield Text(line)
    yield replace(begun, text=text, citations=citations, mode="extractive", seconds=seconds)


def write(
    begun: Answer,
    llm: BaseLanguageModel[Any],
    *,
    history: Sequence[Turn],
    page_text: PageText | None,
    similarity: Similarity | None,
    context_tokens: int,
    new_tokens: int,
    temperature: float,
    cancel: threading.Event,
    config: RunnableConfig | None = None,
) -> Iterator[AnswerEvent]:
    """Answer with the model, cited while it writes. Closing it or setting `cancel` stops the model.

    `history` is what the prompt tells of the conversation: nothing, where the question stands alone.
    """
    new_tokens = min(new_tokens, context_tokens // 2)  # a small window is halved between passages and answer
    prompt = build_prompt(
        begun.standalone_question,
        begun.documents,
        history,
        count_tokens=token_counter(llm),
        limit_tokens=context_tokens - new_tokens,
    )
    cited = CitedAnswer(begun.standalone_question, prompt.documents, page_text=page_text, similarity=similarity)
    began = time.monotonic()
    first_token: float | None = None
    written = ""
    pieces = stream_text(
        llm, prompt.messages, cancel=cancel, config=config, temperature=temperature, max_new_tokens=new_tokens
    )
    with closing(pieces):
        for piece in pieces:
            if isinstance(piece, Waiting):
                yield piece
                continue
            if first_token is None:
                first_token = time.monotonic() - began
            written += piece
            if shown := cited.add(piece):
                yield Text(shown)
    stopped = cancel.is_set()
    if rest := cited.finish(is_cut=stopped):
        yield Text(rest)
    generate = time.monotonic() - began
    seconds = begun.seconds | ({} if first_token is None else {"first_token": first_token})
    if not cited.text and not stopped:  # the model said nothing
        yield from quote(replace(begun, seconds=seconds), page_text=page_text, similarity=similarity)
        return
    yield replace(
        begun,
        text=cited.text,
        citations=cited.citations,
        unsupported=cited.unsupported,
        documents=prompt.documents,
        mode="stopped" if stopped else "model",
        seconds=seconds | {"generate": generate},
        tokens_per_second=_speed(llm, written, generate - (first_token or 0.0)),
    )


def _speed(llm: Any, written: str, seconds: float) -> float | None:
    """Tokens a second after the first one, where the model counts its own tokens."""
    if not is_ours(llm) or seconds <= 0 or not written:
        return None
    return float((llm.get_num_tokens(written) - 1) / seconds)
