"""One OpenAI-compatible server: its models, their context length, and a stream of one answer.

Servers differ in what they take and what they say; that is known here. Thoughts, callbacks and prompts are not.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlparse

from minicpm_rag.errors import ModelError
from minicpm_rag.llm.server_errors import ServerSaysError, translated, words_of
from minicpm_rag.messages import reason_of

if TYPE_CHECKING:
    import openai

_log = logging.getLogger(__name__)

CONNECT_SECONDS = 10
READ_SECONDS = 300  # the first token of a long prompt on a slow machine
LIST_SECONDS = 10  # a list of models is short
RETRY_SECONDS = (1.0, 2.0, 4.0)  # where a server is busy and does not say for how long
LONGEST_WAIT_SECONDS = 60.0  # of what a server asks for
USUAL_WINDOW = 4096  # tokens, where neither the user nor the server says

Ending = Literal["stop", "length", "content_filter", "broken"]

# Models that write no answers, by the words in their names.
_NO_CHAT = re.compile(
    r"embed|rerank|(^|[-_/])(bge|e5|gte|m3e|minilm|bce|clip|siglip|whisper|tts|asr|sd|flux|dall-e|moderation|ocr)([-_.\d:]|$)",
    re.IGNORECASE,
)
# Where servers say a model's context length: vLLM and SGLang, OpenRouter, Groq, LM Studio.
_WINDOW_FIELDS = ("max_model_len", "context_length", "context_window", "loaded_context_length", "max_context_length")
# Options that some servers refuse; without one of them the answer is still the answer.
_DISPENSABLE = ("chat_template_kwargs", "min_p", "top_k", "repetition_penalty", "top_p", "temperature", "stop")


@dataclass(frozen=True)
class Piece:
    """What came at once: text, a thought (where the server tells them apart), how the answer ended."""

    text: str = ""
    is_thought: bool = False
    ending: Ending | None = None


class OpenAIServer:
    """A server at an address. Threads may share it. Raises ModelError, with the cause and what to do."""

    def __init__(self, address: str, key: str, *, model: str | None, window: int | None = None) -> None:
        """Name its address; `model` and `window`, the context length in tokens, where the user gave them."""
        self.address = address
        self._key = key
        self._model = model
        self._window = window
        self._refused: set[str] = set()  # options that the server does not know

    @property
    def model(self) -> str:
        """The model that answers: the user's, else the first that the server lists and that can."""
        if self._model is None:
            names = self.models()
            able = [name for name in names if not _NO_CHAT.search(name)]
            if not names:
                raise ModelError("llm.server_lists_no_model", url=self.address)
            if not able:
                raise ModelError("llm.server_lists_no_chat_model", url=self.address, models=names)
            self._model = able[0]
        return self._model

    @property
    def window(self) -> int:
        """The context length in tokens: the user's, else what the server says, else USUAL_WINDOW.

        A server that cannot be asked now is asked again next time.
        """
        if self._window is None:
            try:
                self._window = self.told_window() or USUAL_WINDOW
            except ModelError:
                return USUAL_WINDOW
        return self._window

    def models(self) -> list[str]:
        """The names of all models that the server lists."""
        return [str(entry.get("id", "")) for entry in self._entries()]

    def stream(
        self,
        messages: list[dict[str, Any]],
        options: Mapping[str, Any],
        cancelled: threading.Event,
        *,
        is_patient: bool = True,
    ) -> Generator[Piece]:
        """Yield an answer as it comes; its last piece tells the ending. Closing it makes the server stop.

        Where the server is busy a patient caller waits and asks again; without an option where the server refuses that.
        """
        has_begun = False
        try:
            raw = self._open(messages, options, cancelled, RETRY_SECONDS if is_patient else ())
            has_begun = True
            with closing(raw.http_response):
                yield from _pieces(raw)
        except Exception as error:
            raise self.error(error, has_begun) from error

    def first_words(self) -> str:
        """The first piece of an answer to a greeting: whether the server answers at all."""
        with closing(
            self.stream([{"role": "user", "content": "Hello"}], {"max_tokens": 16}, threading.Event())
        ) as said:
            return next((piece.text for piece in said if piece.text), "")

    def _open(
        self,
        messages: list[dict[str, Any]],
        options: Mapping[str, Any],
        cancelled: threading.Event,
        retry_seconds: Sequence[float],
    ) -> Any:
        """Ask for a stream; returns openai's raw response to the first request that the server accepts."""
        import openai

        waits = list(retry_seconds)
        while True:
            fields = {name: value for name, value in options.items() if name not in self._refused}
            if "max_tokens" in self._refused and "max_tokens" in options:
                fields["max_completion_tokens"] = options["max_tokens"]
            messages_sent: Any = messages
            try:
                return self._client.chat.completions.with_raw_response.create(
                    model=self.model, messages=messages_sent, stream=True, extra_body=fields
                )
            except openai.APIStatusError as error:
                if error.status_code in (400, 422):
                    name = _refused_option(words_of(error), fields)
                    if name is None:
                        raise
                    self._refused.add(name)
                elif error.status_code in (429, 503) and waits:
                    wait = _asked_wait(error.response.headers.get("retry-after"), waits.pop(0))
                    if wait > LONGEST_WAIT_SECONDS or cancelled.wait(wait):
                        raise
                else:
                    raise

    def _entries(self) -> list[dict[str, Any]]:
        try:
            listed: Any = self._client.with_options(timeout=LIST_SECONDS).get("/models", cast_to=object)
        except Exception as error:
            raise self.error(error) from error
        data = listed.get("data") if isinstance(listed, dict) else None
        return [entry for entry in data or () if isinstance(entry, dict)]

    def told_window(self) -> int | None:
        """The context length that the server says its model has."""
        model = self.model
        entry: dict[str, Any] = next((entry for entry in self._entries() if entry.get("id") == model), {})
        meta = entry.get("meta")  # llama.cpp
        in_meta = meta.get("n_ctx") if isinstance(meta, dict) else None
        for value in (*(entry.get(name) for name in _WINDOW_FIELDS), in_meta):
            if isinstance(value, int) and value > 0:
                return value
        if entry.get("owned_by") == "llamacpp":
            return self._llama_window()
        return None

    def _llama_window(self) -> int | None:
        """What a llama.cpp server was started with, which its list of models leaves out."""
        address = self.address.removesuffix("/v1")
        try:
            properties: Any = self._client.with_options(timeout=LIST_SECONDS).get(f"{address}/props", cast_to=object)
            value = properties["default_generation_settings"]["n_ctx"]
        except Exception as error:  # openai's errors, or another shape: the setting is there for that
            _log.info("%s does not say its context length: %s", address, error)
            return None
        return value if isinstance(value, int) and value > 0 else None

    @cached_property
    def http_client(self) -> Any:
        """The HTTP client, with the proxies and certificates that are meant for this address."""
        import httpx

        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        try:
            # httpx would send even 127.0.0.1 through a proxy that HTTP_PROXY names. SSL_CERT_FILE counts all the same.
            return httpx.Client(
                timeout=timeout,
                trust_env=not is_this_machine(self.address),
                verify=httpx.create_ssl_context(),
            )
        except (ImportError, ValueError) as error:  # a SOCKS proxy without socksio, or an address that is none
            raise ModelError("llm.server_proxy", url=self.address, why=reason_of(error)) from error
        except OSError as error:
            raise ModelError("llm.server_certificate", url=self.address, why=reason_of(error)) from error

    @cached_property
    def _client(self) -> openai.OpenAI:
        from openai import OpenAI

        client = self.http_client
        return OpenAI(base_url=self.address, api_key=self._key, max_retries=0, timeout=READ_SECONDS, http_client=client)

    def error(self, error: Exception, has_begun: bool = False) -> ModelError:
        """Our error for what openai or httpx raised; `has_begun` says that the server had accepted the request."""
        return translated(
            error,
            url=self.address,
            model=self._model,
            seconds=READ_SECONDS,
            window=self._window or USUAL_WINDOW,
            has_begun=has_begun,
        )


def _pieces(raw: Any) -> Iterator[Piece]:
    """The pieces of a raw response: a stream of events, or the whole answer where the server does not stream."""
    kind = raw.headers.get("content-type", "")
    if kind.startswith("application/json"):
        raw.http_response.read()
        whole = raw.http_response.json()
        yield from _of_choices(whole, "message")
        return
    if kind.startswith("text/html"):
        raise ValueError("a web page")
    for chunk in raw.parse():
        yield from _of_choices(chunk.model_dump(), "delta")


def _of_choices(event: Mapping[str, Any], field: str) -> Iterator[Piece]:
    if event.get("object") == "error" or event.get("error"):
        error = event.get("error")
        words = (error.get("message") if isinstance(error, dict) else error) or event.get("message")
        raise ServerSaysError(str(words))
    for choice in (event.get("choices") or ())[:1]:
        said = choice.get(field) or {}
        for thought in (said.get("reasoning_content"), said.get("reasoning")):
            if thought and isinstance(thought, str):
                yield Piece(thought, is_thought=True)
                break
        if text := said.get("content"):
            yield Piece(text)
        if reason := choice.get("finish_reason"):
            yield Piece(ending=reason if reason in ("length", "content_filter") else "stop")


def _refused_option(words: str, sent: Mapping[str, Any]) -> str | None:
    """The option that the server's words say it does not take, where the request may do without it."""
    if "max_tokens" in sent and "max_completion_tokens" in words:
        return "max_tokens"
    unknown = re.search(
        r"unsupported|not supported|unrecognized|unknown|unexpected|extra|not permitted|invalid", words, re.I
    )
    return next((name for name in _DISPENSABLE if unknown and name in sent and re.search(rf"\b{name}\b", words)), None)


def _asked_wait(asked: str | None, usual: float) -> float:
    """The seconds that Retry-After asks for; the usual ones where it is absent, or a date."""
    try:
        return max(0.0, float(asked)) if asked else usual
    except ValueError:
        return usual


def is_this_machine(address: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlparse(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
