"""`MiniCPM_LLM`: a MiniCPM checkpoint as a LangChain language model.

Text comes in and goes out here: the chat template, counting, stop strings, the queue in front of the model.
Which token comes next is an engine's matter (`generation`, `decoding`).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.llms import LLM
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from langchain_core.prompt_values import ChatPromptValue, PromptValue, StringPromptValue
from pydantic import ConfigDict, Field, PrivateAttr

from minicpm_rag.chat_format import ChatFormat
from minicpm_rag.errors import ModelError, PromptTooLongError
from minicpm_rag.generation import Engine, Sampling, TransformersEngine, stream_within_memory
from minicpm_rag.text_stream import Detokenizer, StopStrings
from minicpm_rag.turns import Turns

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# How long closing a stream waits for the worker: it ends after one token, but that may be a long prompt's first.
_JOIN_SECONDS = 5.0
_PER_CALL = frozenset(
    {"temperature", "top_p", "top_k", "repetition_penalty", "max_new_tokens", "seed", "cancel", "on_queue"}
)


class Rendered(str):
    """Prompt text that has been through the chat template."""

    __slots__ = ()


class _ChatPrompt(PromptValue):
    """Messages on their way through LangChain, which asks prompts for a string."""

    messages: list[BaseMessage]
    format: Any = Field(exclude=True)

    def to_messages(self) -> list[BaseMessage]:
        return self.messages

    def to_string(self) -> str:
        return Rendered(self.format.render(self.messages))


class _Cancel(threading.Event):
    """Set by us, or by the caller's own event, which is never set from here."""

    def __init__(self, outer: threading.Event | None) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        return super().is_set() or (self._outer is not None and self._outer.is_set())


class MiniCPM_LLM(LLM):
    """A MiniCPM checkpoint folder as a LangChain LLM: `MiniCPM_LLM(folder)`, then call, invoke or stream it.

    A plain string is one user turn; messages are rendered with the checkpoint's chat template. `temperature`,
    `top_p`, `top_k`, `repetition_penalty`, `max_new_tokens`, `seed`, `stop`, `cancel` (an Event) and `on_queue`
    (called with the position while others are served first) may be given per call or bound.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    model_path: str
    temperature: float = Field(0.5, ge=0, description="0 takes the likeliest token")
    top_p: float = Field(0.8, gt=0, le=1)
    top_k: int = Field(50, ge=0, description="0 is off")
    repetition_penalty: float = Field(1.02, gt=0)
    max_new_tokens: int = Field(512, ge=1, description="also ends where the context window does")
    seed: int | None = Field(None, description="same seed, same answer")
    device: str = "auto"
    precision: str = "auto"
    attention: str = "sdpa"
    weights: str = "full"

    _model: Any = PrivateAttr(default=None)
    _tokenizer: Any = PrivateAttr(default=None)
    _engine: Any = PrivateAttr(default=None)
    _format: Any = PrivateAttr(default=None)
    _turns: Any = PrivateAttr(default=None)
    _end_tokens: tuple[int, ...] = PrivateAttr(default=())

    def __init__(
        self,
        model_path: str | Path,
        *,
        model: PreTrainedModel | None = None,
        tokenizer: PreTrainedTokenizerFast | None = None,
        engine: Engine | None = None,
        **settings: Any,
    ) -> None:
        """Load the folder, or take over a `model` and `tokenizer` (and `engine`) that are there already."""
        super().__init__(model_path=str(model_path), **settings)
        from minicpm_rag import checkpoint

        self._tokenizer = tokenizer or checkpoint.load_tokenizer(self.model_path)
        self._format = ChatFormat(self._tokenizer)
        self._model = model if model is not None else self._load()
        self._end_tokens = self._find_end_tokens()
        self._engine = engine or self._choose_engine()
        self._turns = Turns(self._engine.slots)

    def _load(self) -> Any:
        from minicpm_rag import checkpoint

        return checkpoint.load_model(
            self.model_path,
            device=self.device,
            precision=self.precision,
            attention=self.attention,
            weights=self.weights,
        )

    def _choose_engine(self) -> Engine:
        if self._model.device.type == "cuda" and len(getattr(self._model, "hf_device_map", {})) < 2:
            from minicpm_rag import decoding

            if decoding.supports(self._model):
                return decoding.GraphEngine(self._model)
        return TransformersEngine(self._model)

    def _find_end_tokens(self) -> tuple[int, ...]:
        """Every token that ends an answer: generation_config.json may list several."""
        found: set[int] = set()
        ends = (self._model.generation_config.eos_token_id, self._model.config.eos_token_id)
        for end in (*ends, self._tokenizer.eos_token_id, self._format.end_token):
            found.update(end if isinstance(end, (list, tuple)) else [] if end is None else [end])
        return tuple(sorted(found))

    @property
    def model(self) -> PreTrainedModel:
        """The transformers model."""
        return self._model

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The transformers tokenizer."""
        return self._tokenizer

    @property
    def context_tokens(self) -> int:
        """The context window: prompt and answer together, in tokens."""
        return int(self._model.config.max_position_embeddings)

    @property
    def _llm_type(self) -> str:
        return "MiniCPM_LLM"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        names = (
            "model_path",
            "temperature",
            "top_p",
            "top_k",
            "repetition_penalty",
            "max_new_tokens",
            "seed",
        )
        return {name: getattr(self, name) for name in names}

    def __call__(self, prompt: LanguageModelInput, stop: list[str] | None = None, **kwargs: Any) -> str:
        """`llm("你好")`, as LangChain once allowed and MiniCPM's tutorials write."""
        return self.invoke(prompt, stop=stop, **kwargs)

    def close(self) -> None:
        """Free the model and its memory; the object cannot be used afterwards."""
        import torch

        if self._engine is not None:
            self._engine.close()
        self._engine = self._model = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    # Counting

    def count_prompt_tokens(self, prompt: LanguageModelInput) -> int:
        """Tokens of the whole prompt as the model reads it, template included."""
        return len(self._encode(self._convert_input(prompt).to_string()))

    def get_token_ids(self, text: str) -> list[int]:
        """Token ids of bare text: no template, no begin token."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Tokens of the prompt these messages become."""
        return self.count_prompt_tokens(messages)

    def _encode(self, rendered: str) -> list[int]:
        begin = self._tokenizer.bos_token
        has_begin = bool(begin) and rendered.startswith(begin)
        ids: list[int] = self._tokenizer(rendered, add_special_tokens=not has_begin).input_ids
        return ids

    # LangChain's way in: every prompt becomes rendered text, never "Human:" lines

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        value = super()._convert_input(model_input)
        if isinstance(value, _ChatPrompt):
            return value
        return _ChatPrompt(messages=value.to_messages(), format=self._format)

    def generate_prompt(self, prompts: list[PromptValue], *args: Any, **kwargs: Any) -> LLMResult:
        """Answer several prompts, see LangChain."""
        return super().generate_prompt([self._convert_input(prompt) for prompt in prompts], *args, **kwargs)

    async def agenerate_prompt(self, prompts: list[PromptValue], *args: Any, **kwargs: Any) -> LLMResult:
        """Answer several prompts, see LangChain."""
        return await super().agenerate_prompt(
            [self._convert_input(prompt) for prompt in prompts], *args, **kwargs
        )

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        def answer(prompt: str) -> list[Generation]:
            return [Generation(text=self._call(prompt, stop=stop, run_manager=run_manager, **kwargs))]

        together = min(self._engine.slots, len(prompts))
        if together < 2:
            return LLMResult(generations=[answer(prompt) for prompt in prompts])
        with ThreadPoolExecutor(together) as pool:
            return LLMResult(generations=list(pool.map(answer, prompts)))

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        texts = await asyncio.gather(
            *(self._acall(prompt, stop=stop, run_manager=run_manager, **kwargs) for prompt in prompts)
        )
        return LLMResult(generations=[[Generation(text=text)] for text in texts])

    def _call(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return "".join(chunk.text for chunk in self._stream(prompt, stop, run_manager, **kwargs))

    async def _acall(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return "".join([chunk.text async for chunk in self._astream(prompt, stop, run_manager, **kwargs)])

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        with contextlib.closing(self._texts(prompt, stop, kwargs)) as texts:
            for text in texts:
                chunk = GenerationChunk(text=text)
                if run_manager and text:
                    run_manager.on_llm_new_token(text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        # A thread of its own: the loop's shared few could all be waiting in the queue.
        cancel = _Cancel(kwargs.pop("cancel", None))
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[str | BaseException | None] = asyncio.Queue()

        def tell(item: str | BaseException | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed under us: nobody listens any more
                loop.call_soon_threadsafe(arrived.put_nowait, item)

        def work() -> None:
            try:
                for text in self._texts(prompt, stop, {**kwargs, "cancel": cancel}):
                    tell(text)
            except BaseException as exc:
                tell(exc)
            else:
                tell(None)

        threading.Thread(target=work, name="minicpm-astream", daemon=True).start()
        try:
            while (item := await arrived.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                chunk = GenerationChunk(text=item)
                if run_manager and item:
                    await run_manager.on_llm_new_token(item, chunk=chunk)
                yield chunk
        finally:
            cancel.set()

    # From prompt text to pieces of the answer

    def _texts(self, prompt: str, stop: list[str] | None, kwargs: dict[str, Any]) -> Generator[str]:
        """The answer's text in pieces; at least one, which may be empty."""
        unknown = sorted(kwargs.keys() - _PER_CALL)
        if unknown:
            raise TypeError(
                f"MiniCPM_LLM takes no {', '.join(unknown)}; per call it takes {', '.join(sorted(_PER_CALL))}."
            )
        if self._model is None:
            raise ModelError("This model was closed. Open it again to ask it.")
        cancel = _Cancel(kwargs.pop("cancel", None))
        on_queue = kwargs.pop("on_queue", None)
        ids = self._encode(
            prompt if isinstance(prompt, Rendered) else self._convert_input(prompt).to_string()
        )
        sampling = self._sampling(len(ids), kwargs)
        detokenizer = Detokenizer(self._tokenizer)
        stops = StopStrings([*(stop or ()), *self._format.turn_marks])
        yield ""
        with contextlib.closing(self._tokens(ids, sampling, cancel, on_queue)) as tokens:
            for token in tokens:
                text = stops.add(detokenizer.add(token))
                if text:
                    yield text
                if stops.found:
                    return
        text = stops.add(detokenizer.finish()) + stops.finish()
        if text:
            yield text

    def _sampling(self, prompt_tokens: int, changes: dict[str, Any]) -> Sampling:
        room = self.context_tokens - prompt_tokens
        if room < 1:
            raise PromptTooLongError(prompt_tokens, self.context_tokens - 1)
        names = ("temperature", "top_p", "top_k", "repetition_penalty", "max_new_tokens", "seed")
        values = {name: changes.get(name, getattr(self, name)) for name in names}
        values["max_new_tokens"] = min(values["max_new_tokens"], room)
        return Sampling(**values, end_tokens=self._end_tokens)

    def _tokens(
        self,
        ids: list[int],
        sampling: Sampling,
        cancel: _Cancel,
        on_queue: Callable[[int], object] | None,
    ) -> Generator[int]:
        """New tokens, made by a worker thread once it is this prompt's turn.

        The worker never waits for the reader, so that a reader who stops reading without closing holds nobody
        else up for longer than its own answer takes.
        """
        if not self._turns.take(cancel, on_queue):
            return
        arrived: queue.SimpleQueue[int | BaseException | None] = queue.SimpleQueue()

        def work() -> None:
            end: BaseException | None = None
            try:
                for token in stream_within_memory(self._engine, ids, sampling, cancel):
                    arrived.put(token)
            except BaseException as exc:
                end = exc
            self._turns.release()
            arrived.put(end)

        worker = threading.Thread(target=work, name="minicpm-generate", daemon=True)
        try:
            worker.start()
        except BaseException:
            self._turns.release()
            raise
        try:
            while (item := arrived.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            cancel.set()
            worker.join(_JOIN_SECONDS)
