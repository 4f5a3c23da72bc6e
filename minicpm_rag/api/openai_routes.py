"""OpenAI-compatible chat completions: each knowledge base is a model, its answers carry citations.

Only the conversation counts: the last message of the user is the question, those before it are the conversation.
System messages are left out, because answers come from the documents alone.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from minicpm_rag.api.answering import Asked, as_events, sent
from minicpm_rag.api.context import context_of, language_of
from minicpm_rag.errors import RAGError
from minicpm_rag.llm.token_bounds import most_tokens
from minicpm_rag.messages import text
from minicpm_rag.records import Answer, AnswerEvent, Question, Text, Turn

router = APIRouter(prefix="/v1", tags=["OpenAI"])

_ENDINGS = {"answering.cut_short": "length", "answering.cut_by_filter": "content_filter"}


class Part(BaseModel):
    """A part of a message; only text is read."""

    model_config = ConfigDict(extra="allow")

    type: str = "text"
    text: str = ""


class ChatMessage(BaseModel):
    """A message of the conversation."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    @property
    def words(self) -> str:
        """The message's text."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    """How to stream."""

    include_usage: bool = False


class ChatRequest(BaseModel):
    """A chat completion as OpenAI's clients ask for it. Fields that are not listed are left out."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(description="a knowledge base")
    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1, le=100_000)
    max_completion_tokens: int | None = Field(None, ge=1, le=100_000)
    answer_anyway: bool = Field(False, description="also where the passages hold too little evidence")


@router.get("/models")
def models(request: Request) -> dict[str, Any]:
    """Every knowledge base, as a model."""
    names = [entry.name for entry in context_of(request).workspace.library.knowledge_bases()]
    return {"object": "list", "data": [_model(name) for name in names]}


@router.get("/models/{name:path}")
def model(name: str, request: Request) -> dict[str, Any]:
    """One knowledge base, as a model."""
    return _model(context_of(request).workspace.library.knowledge_base(name).name)


@router.post("/chat/completions", response_model=None)
def chat_completions(body: ChatRequest, request: Request) -> JSONResponse | StreamingResponse:
    """Answer the last question of a conversation from the documents of a knowledge base."""
    context, language = context_of(request), language_of(request)
    library = context.workspace.library
    library.knowledge_base(body.model)
    question = _question(body.messages, body.answer_anyway)
    longest = body.max_completion_tokens or body.max_tokens
    chain = context.workspace.chain(body.model, temperature=body.temperature, max_new_tokens=longest)
    asked = Asked(context, chain, question, str(request.base_url), language)
    head = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": body.model}
    if not body.stream:
        return JSONResponse(_whole(asked.finished(), head, body.messages))
    usage = body.stream_options is not None and body.stream_options.include_usage

    async def events() -> AsyncIterator[str]:
        try:
            async for event in as_events(asked, lambda event: _chunks(event, asked, head)):
                yield event
            if usage:
                yield sent(_chunk(head, None) | {"usage": _usage(asked, body.messages)})
        except RAGError as error:
            words = text(language, error.message)
            yield sent({"error": {"message": words, "type": "server_error", "code": error.message.key}})
        yield sent("[DONE]")

    return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


def _question(messages: list[ChatMessage], answer_anyway: bool) -> Question:
    """The last message of the user, with the exchanges before it."""
    turns: list[Turn] = []
    waiting = ""
    for message in messages:
        if message.role == "user":
            waiting = message.words
        elif message.role == "assistant" and waiting and message.words:
            turns.append(Turn(waiting, message.words))
            waiting = ""
    if not waiting.strip():
        raise RAGError("api.no_user_message")
    return Question(waiting, history=turns, answer_anyway=answer_anyway)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "minicpm-rag"}


def _ending(answer: Answer) -> str:
    return _ENDINGS.get(answer.note.key, "stop") if answer.note is not None else "stop"


def _whole(asked: Asked, head: dict[str, Any], messages: list[ChatMessage]) -> dict[str, Any]:
    message = {"role": "assistant", "content": asked.answer.text}
    choice = {"index": 0, "message": message, "finish_reason": _ending(asked.answer)}
    usage = _usage(asked, messages)
    return {**head, "object": "chat.completion", "choices": [choice], "usage": usage, **_added(asked)}


def _chunks(event: AnswerEvent, asked: Asked, head: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a client gets for an event of the chain. The last chunk has the citations, and the answer as a whole."""
    if isinstance(event, Text):
        yield _chunk(head, {"role": "assistant", "content": event.text})
    elif isinstance(event, Answer):
        yield _chunk(head, {}, _ending(event)) | _added(asked)


def _chunk(head: dict[str, Any], delta: dict[str, Any] | None, ending: str | None = None) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": ending}]
    return {**head, "object": "chat.completion.chunk", "choices": choices}


def _added(asked: Asked) -> dict[str, Any]:
    """What our answers have beside OpenAI's."""
    fields = asked.fields()
    names = ("answer", "citations", "mode", "evidence", "threshold", "standalone_question", "unsupported", "note")
    added = {name: fields[name] for name in names}
    return added | ({"nearest": fields["passages"]} if asked.answer.mode == "refused" else {})


def _usage(asked: Asked, messages: list[ChatMessage]) -> dict[str, int]:
    """Upper bounds: a client may count on them, and the model's own tokenizer is not asked."""
    prompt = sum(most_tokens(message.words) for message in messages)
    completion = most_tokens(asked.answer.text)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
