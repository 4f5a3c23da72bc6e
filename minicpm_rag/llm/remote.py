"""Answer with an OpenAI-compatible server (vLLM, SGLang, llama.cpp, Ollama) instead of a local model.

It is used as MiniCPM_LLM is: it streams text and has `cancel`, `count_prompt_tokens` and `context_tokens`. Nothing is
sent unless an address was set. It does not know the server's tokenizer, so it counts an upper bound of tokens.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.llms import LLM
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.outputs import GenerationChunk
from langchain_core.prompt_values import ChatPromptValue, PromptValue
from pydantic import ConfigDict, Field, SecretStr

from minicpm_rag.errors import ModelError
from minicpm_rag.llm.streams import read_in_thread
from minicpm_rag.llm.token_bounds import TOKENS_PER_MESSAGE, most_tokens
from minicpm_rag.messages import reason_of
from minicpm_rag.settings import MAX_NEW_TOKENS, TEMPERATURE_FROM_DOCUMENTS

if TYPE_CHECKING:
    from langchain_openai.chat_models.base import BaseChatOpenAI

CONNECT_SECONDS = 10
READ_SECONDS = 300  # the first token of a long prompt on a slow machine


def connect(base_url: str, model: str | None, key: str | None, context_tokens: int) -> RemoteLLM:
    """Make an LLM of a server, which is first called when a question comes.

    Without a `model` name the first that the server lists is used. Raises ModelError where the address is none.
    """
    address = base_url.strip().rstrip("/")
    parts = urlparse(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelError("llm.server_address", address=base_url)
    return RemoteLLM(base_url=address, model=model, key=SecretStr(key or "none"), context_tokens=context_tokens)


class RemoteLLM(LLM):
    """A LangChain LLM whose text comes from a server."""

    model_config = ConfigDict(arbitrary_types_allowed=True, ignored_types=(cached_property,))

    base_url: str
    model: str | None = None
    key: SecretStr = Field(repr=False)
    context_tokens: int
    temperature: float = TEMPERATURE_FROM_DOCUMENTS
    max_new_tokens: int = MAX_NEW_TOKENS

    @property
    def _llm_type(self) -> str:
        return "openai-compatible"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"base_url": self.base_url, "model": self.model, "temperature": self.temperature}

    def count_prompt_tokens(self, prompt: LanguageModelInput) -> int:
        """The most tokens that the prompt can have; the server's own count is lower."""
        messages = super()._convert_input(prompt).to_messages()
        return sum(TOKENS_PER_MESSAGE + self.get_num_tokens(str(message.text)) for message in messages)

    def get_num_tokens(self, text: str) -> int:
        """The most tokens that the text can have."""
        return most_tokens(text)

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        """Keep messages apart: LangChain would flatten them to "Human:" lines before `_stream` sees them."""
        return _Conversation(messages=super()._convert_input(model_input).to_messages())

    def _call(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return "".join(chunk.text for chunk in self._stream(prompt, stop, run_manager, **kwargs))

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        cancel: threading.Event | None = None,
        on_queue: Callable[[int], None] | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        # `on_queue` is never called: a server has its own queue and does not tell the place in it.
        messages = prompt.messages if isinstance(prompt, _Text) else [HumanMessage(prompt)]
        options = {
            "stop": stop,
            "temperature": kwargs.get("temperature", self.temperature),
            "max_tokens": kwargs.get("max_new_tokens", self.max_new_tokens),
        }

        def open_stream(*_: object) -> Iterator[str]:
            try:
                # Closing it closes the connection, which makes the server stop.
                with closing(self._chat.stream(list(messages), model=self._model_name, **options)) as chunks:  # type: ignore[type-var]
                    yield from (str(chunk.text) for chunk in chunks if chunk.text)
            except ModelError:
                raise
            except Exception as error:
                raise self._translated(error) from error

        empty = True
        with closing(read_in_thread(open_stream, cancel=cancel, name="server-stream")) as pieces:
            for piece in pieces:
                if piece is None:
                    continue
                if run_manager is not None:
                    run_manager.on_llm_new_token(piece)
                empty = False
                yield GenerationChunk(text=piece)
        if empty:
            yield GenerationChunk(text="")  # LangChain raises where a stream ends without a chunk

    @cached_property
    def _chat(self) -> BaseChatOpenAI:
        import httpx
        from langchain_openai.chat_models.base import BaseChatOpenAI

        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        # Not ChatOpenAI: it renames max_tokens to a newer field that not every server knows.
        return BaseChatOpenAI(
            model=self.model or "",
            base_url=self.base_url,
            api_key=self.key,
            max_retries=0,
            timeout=timeout,
            stream_usage=False,
            use_responses_api=False,
            # httpx would send even 127.0.0.1 through a proxy that HTTP_PROXY names.
            http_client=httpx.Client(timeout=timeout, trust_env=not _is_this_machine(self.base_url)),
        )

    @cached_property
    def _model_name(self) -> str:
        if self.model:
            return self.model
        names = [entry.id for entry in self._chat.root_client.models.list()]
        if not names:
            raise ModelError("llm.server_lists_no_model", url=self.base_url)
        return str(names[0])

    def _translated(self, error: BaseException) -> ModelError:
        import openai

        url, words = self.base_url, _words(error)
        if isinstance(error, openai.APITimeoutError):
            return ModelError("llm.server_timeout", url=url, seconds=READ_SECONDS)
        if isinstance(error, openai.APIConnectionError):
            return ModelError("llm.server_unreachable", url=url, why=reason_of(_cause(error)))
        if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
            return ModelError("llm.server_refuses_key", url=url)
        if isinstance(error, openai.NotFoundError) and self.model is None:
            return ModelError("llm.server_not_found", url=url, words=words)
        if isinstance(error, openai.NotFoundError):
            return ModelError("llm.server_no_model", url=url, model=self.model, words=words)
        if isinstance(error, openai.BadRequestError) and any(word in str(error).lower() for word in _TOO_LONG):
            return ModelError("llm.server_prompt_too_long", url=url, words=words, limit=self.context_tokens)
        if isinstance(error, openai.OpenAIError):
            return ModelError("llm.server_error", url=url, words=words)
        return ModelError("llm.server_no_answer", url=url, why=f"{type(error).__name__}: {error}")


class _Text(str):
    """A prompt as text, with the messages it was made of: LangChain passes only strings to `_stream`."""

    messages: list[BaseMessage]


class _Conversation(ChatPromptValue):
    def to_string(self) -> str:
        text = _Text(super().to_string())
        text.messages = list(self.messages)
        return text


_TOO_LONG = ("context length", "context window", "context size", "too long", "maximum context")


def _is_this_machine(address: str) -> bool:
    host = urlparse(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _cause(error: BaseException) -> BaseException:
    """The first in a chain of errors, which for a failed connection is the operating system's."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    return error


def _words(error: Any) -> str:
    """What the server says: OpenAI's field, or FastAPI's, which openai leaves in the response."""
    body = error.body if isinstance(getattr(error, "body", None), dict) else {}
    words = body.get("message") or body.get("detail")
    if not words and (response := getattr(error, "response", None)) is not None:
        try:
            words = response.json()["detail"]
        except (ValueError, LookupError, TypeError):
            words = None
    return " ".join(str(words or error).split())[:300]
