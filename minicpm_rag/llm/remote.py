"""Answer with an OpenAI-compatible server (vLLM, SGLang, llama.cpp, Ollama) instead of a local model.

It is used as MiniCPM_LLM is: it streams text and has `cancel`, `count_prompt_tokens` and `context_tokens`. Nothing is
sent unless an address was set. It does not know the server's tokenizer, so it counts an upper bound of tokens.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlparse

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.llms import LLM
from langchain_core.messages import BaseMessage, HumanMessage, convert_to_openai_messages
from langchain_core.outputs import GenerationChunk
from langchain_core.prompt_values import ChatPromptValue, PromptValue
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr

from minicpm_rag.errors import ModelError, OnlyThoughtsError
from minicpm_rag.llm.openai_server import READ_SECONDS, OpenAIServer, Piece
from minicpm_rag.llm.server_group import ServerGroup
from minicpm_rag.llm.streams import read_in_thread
from minicpm_rag.llm.thoughts import Anew, Thoughts
from minicpm_rag.llm.token_bounds import TOKENS_PER_MESSAGE, most_tokens
from minicpm_rag.settings import MAX_NEW_TOKENS, TEMPERATURE_FROM_DOCUMENTS, THINKING_TOKENS

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Thinking = Literal["auto", "on", "off"]

_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed")
# Models that think unless their template is told not to, and models that always do, by the words in their names.
_THINKS_UNLESS_TOLD = re.compile(
    r"qwen-?3(?!.*(instruct|coder))|minicpm-?(4\.1|5)|glm-?4\.[5-9]|hunyuan", re.IGNORECASE
)
_ALWAYS_THINKS = re.compile(r"qwq|(^|[-_/])r1([-_:.]|$)|thinking|reason|gpt-oss|magistral", re.IGNORECASE)


def connect(
    base_url: str, model: str | None, key: str | None, context_tokens: int | None = None, **options: Any
) -> RemoteLLM:
    """Make an LLM of a server, which is first called when a question comes.

    Without a `model` name the first that the server lists and that answers is used, without `context_tokens` what the
    server says. `base_url` may hold several addresses with commas between them, which serve the same model
    (server_group). Raises ModelError where an address is none.
    """
    addresses = [one.strip().rstrip("/") for one in base_url.split(",")]
    for address in addresses:
        parts = urlparse(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ModelError("llm.server_address", address=address or base_url)
    secret = SecretStr(key or "none")
    return RemoteLLM(base_url=",".join(addresses), model=model, key=secret, window=context_tokens, **options)


@dataclass(frozen=True)
class Connection:
    """What a test of a server found: its models, the one that answers, its context length, how soon it answers."""

    models: tuple[str, ...]
    model: str
    context_tokens: int
    first_token_seconds: float


class RemoteLLM(LLM):
    """A LangChain LLM whose text comes from a server.

    Per call, or bound, it takes `stop`, `max_new_tokens`, the sampling fields below, and as MiniCPM_LLM `cancel`,
    `on_end` and `on_thought`; `on_anew` is called where the text given so far turned out to be thoughts. Sampling
    fields that are None are not sent. Raises ModelError.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, ignored_types=(cached_property,))

    base_url: str
    model: str | None = None
    key: SecretStr = Field(repr=False)
    window: int | None = Field(None, description="context length in tokens; None asks the server")
    temperature: float | None = TEMPERATURE_FROM_DOCUMENTS
    max_new_tokens: int = MAX_NEW_TOKENS
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    thinking: Thinking = Field("auto", description="auto turns it off where the model's name says that it can be")
    thinking_tokens: int = Field(THINKING_TOKENS, description="tokens for thoughts, beside those of the answer")

    # Learned from its answers: whether it thinks, and whether its text begins so, without an opening mark.
    _thinks: bool = PrivateAttr(default=False)
    _thinks_unmarked: bool = PrivateAttr(default=False)

    @property
    def _llm_type(self) -> str:
        return "openai-compatible"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("base_url", "model", "max_new_tokens", *_SAMPLING)}

    @property
    def context_tokens(self) -> int:
        """The context window: prompt and answer together, in tokens."""
        return self.server.window

    @cached_property
    def server(self) -> OpenAIServer | ServerGroup:
        """The server that answers, or several as one."""
        key = self.key.get_secret_value()
        addresses = self.base_url.split(",")
        servers = [OpenAIServer(one, key, model=self.model, window=self.window) for one in addresses]
        return servers[0] if len(servers) == 1 else ServerGroup(servers, window=self.window)

    def close(self) -> None:
        """End what runs beside the answers."""
        if isinstance(self.server, ServerGroup):
            self.server.close()

    def test(self) -> Connection:
        """Ask the server for its models and for a first word. Raises ModelError."""
        models = tuple(self.server.models())
        began = time.monotonic()
        self.server.first_words()
        return Connection(models, self.server.model, self.context_tokens, time.monotonic() - began)

    def chat(self) -> BaseChatModel:
        """The same server as a LangChain chat model, which an agent can give tools to."""
        from langchain_openai.chat_models.base import BaseChatOpenAI

        server = self.server.best if isinstance(self.server, ServerGroup) else self.server
        # Not ChatOpenAI: it renames max_tokens to a newer field that not every server knows.
        return BaseChatOpenAI(
            model=server.model,
            base_url=server.address,
            api_key=self.key,
            temperature=self.temperature,
            max_tokens=self.max_new_tokens,
            timeout=READ_SECONDS,
            streaming=True,
            stream_usage=False,
            use_responses_api=False,
            http_client=server.http_client,
        )

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
        text = ""
        for piece in self._texts(prompt, stop, **kwargs):
            if run_manager is not None:
                run_manager.on_llm_new_token(piece, chunk=GenerationChunk(text=piece))
            text = piece if isinstance(piece, Anew) else text + piece
        return text

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        empty = True
        with closing(self._texts(prompt, stop, **kwargs)) as texts:
            for text in texts:
                chunk = GenerationChunk(text=text)
                if run_manager is not None:
                    run_manager.on_llm_new_token(text, chunk=chunk)
                empty = False
                yield chunk
        if empty:
            yield GenerationChunk(text="")  # LangChain raises where a stream ends without a chunk

    def _texts(
        self,
        prompt: str,
        stop: list[str] | None,
        *,
        cancel: threading.Event | None = None,
        on_queue: Callable[[int], object] | None = None,
        on_end: Callable[[str], object] | None = None,
        on_anew: Callable[[], object] | None = None,
        on_thought: Callable[[str], object] | None = None,
        max_new_tokens: int | None = None,
        **sampling: Any,
    ) -> Generator[str]:
        # `on_queue` is never called: a server has its own queue and does not tell the place in it.
        if unknown := sorted(sampling.keys() - set(_SAMPLING)):
            raise TypeError(f"RemoteLLM takes no {', '.join(unknown)} in a call.")
        messages = prompt.messages if isinstance(prompt, _Text) else [HumanMessage(prompt)]
        wanted = {"stop": stop, **{name: sampling.get(name, getattr(self, name)) for name in _SAMPLING}}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        sent: Any = convert_to_openai_messages(list(messages))

        def open_stream(left: threading.Event, _: object) -> Iterator[Piece]:
            yield from self._answer(sent, wanted, max_new_tokens or self.max_new_tokens, left)

        ending: str = "broken"
        with closing(read_in_thread(open_stream, cancel=cancel, name="server-stream")) as pieces:
            for piece in pieces:
                if piece is None:
                    continue
                ending = piece.ending or ending
                if piece.is_thought:
                    if on_thought is not None:
                        on_thought(piece.text)
                    continue
                if isinstance(piece.text, Anew) and on_anew is not None:
                    on_anew()
                if piece.text or isinstance(piece.text, Anew):
                    yield piece.text
        if on_end is not None and not (cancel is not None and cancel.is_set()):
            on_end(ending)

    def _answer(
        self, messages: list[dict[str, Any]], wanted: dict[str, Any], new_tokens: int, left: threading.Event
    ) -> Generator[Piece]:
        """The answer without its thoughts. Where they took all tokens, the model is asked once more not to think.

        Raises OnlyThoughtsError where it thinks all the same.
        """
        name = self.server.model
        always = self._thinks or bool(_ALWAYS_THINKS.search(name))
        told = self.thinking == "off" or (
            self.thinking == "auto" and (self._thinks or bool(_THINKS_UNLESS_TOLD.search(name)))
        )
        room = self.thinking_tokens if always or self.thinking == "on" else 0
        for is_last in (False, True):
            options = wanted | {"max_tokens": new_tokens + room}
            if told or self.thinking == "on":
                options["chat_template_kwargs"] = {"enable_thinking": not told}
            thoughts = Thoughts(begins_inside=self._thinks_unmarked)
            is_empty = True
            with closing(self._without_thoughts(self.server.stream(messages, options, left), thoughts)) as pieces:
                for piece in pieces:
                    is_empty = is_empty and (piece.is_thought or not piece.text.strip())
                    yield piece
            self._thinks = self._thinks or thoughts.found
            if not is_empty or not thoughts.found or left.is_set():
                return
            if is_last:
                raise OnlyThoughtsError("llm.only_thoughts", model=name, tokens=new_tokens + room)
            told, room = True, self.thinking_tokens

    def _without_thoughts(self, arriving: Generator[Piece], thoughts: Thoughts) -> Generator[Piece]:
        with closing(arriving):
            for piece in arriving:
                if piece.is_thought:
                    thoughts.found = True
                    yield piece
                    continue
                text = thoughts.add(piece.text)
                if told := thoughts.told():
                    yield Piece(told, is_thought=True)
                if isinstance(text, Anew):
                    self._thinks_unmarked = True
                if text or piece.ending or isinstance(text, Anew):
                    yield Piece(text, ending=piece.ending)
        rest, told = thoughts.finish(), thoughts.told()
        if told or isinstance(told, Anew):
            yield Piece(told, is_thought=True)
        if rest:
            yield Piece(rest)


class _Text(str):
    """A prompt as text, with the messages it was made of: LangChain passes only strings to `_stream`."""

    messages: list[BaseMessage]


class _Conversation(ChatPromptValue):
    def to_string(self) -> str:
        text = _Text(super().to_string())
        text.messages = list(self.messages)
        return text
