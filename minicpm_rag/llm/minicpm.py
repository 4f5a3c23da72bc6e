"""`MiniCPM_LLM`: a MiniCPM checkpoint as a LangChain language model.

Only LangChain's interface is here: `generation.text` streams text, an engine makes the tokens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.llms import LLM
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from langchain_core.prompt_values import PromptValue
from pydantic import ConfigDict, Field, PrivateAttr

from minicpm_rag.errors import ModelError
from minicpm_rag.llm.checkpoint.chat_format import THOUGHT, THOUGHT_END, ChatFormat, ChatPrompt, RenderedPrompt
from minicpm_rag.llm.constraint import Constraint, Vocabulary
from minicpm_rag.llm.generation import QueueingEngine, Sampling
from minicpm_rag.llm.generation.request import Cancel
from minicpm_rag.llm.generation.text import TextGenerator, Thinking
from minicpm_rag.llm.loading import Loading, choose_engine, load
from minicpm_rag.llm.streams import read_from_thread
from minicpm_rag.llm.transformers_internals import attention_in_use
from minicpm_rag.settings import MAX_NEW_TOKENS, THINKING_TOKENS

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

_log = logging.getLogger(__name__)

_SAMPLING = ("temperature", "top_p", "top_k", "repetition_penalty", "max_new_tokens", "seed")


@dataclass(frozen=True)
class Running:
    """How a model runs: device, number formats, memory. `cache_bytes` is 0 where the cache grows with each answer."""

    family: str  # as config.json names it: minicpm, minicpm3, llama
    device: str
    precision: str
    weights: str  # full, int8 or int4
    attention: str
    weight_bytes: int
    cache_bytes: int


@dataclass
class _Loaded:
    """A checkpoint in memory, which copies of its MiniCPM_LLM share; `how` says from where, and how."""

    how: Loading
    tokenizer: Any
    chat_format: ChatFormat
    model: Any
    generator: TextGenerator
    vocabulary: Vocabulary | None = None  # made when an answer must first keep to a schema


class MiniCPM_LLM(LLM):
    """A MiniCPM checkpoint folder as a LangChain LLM: `MiniCPM_LLM(folder)`, then call, invoke or stream it.

    A plain string is one user turn; messages are rendered with the checkpoint's chat template. Per call, or bound, it
    takes `stop`, the sampling fields below, `json_schema` (see `llm.constraint`), `cancel` (an Event that stops the
    answer), `on_queue` (called with the place in the queue whenever it changes: 1 is next, 0 means that the model reads
    the prompt), `on_end` (called with "stop" or "length", why the text ended) and `on_thought` (called with what the
    model thinks first, as it comes). Raises CheckpointError, PromptTooLongError, OutOfMemoryError and other kinds of
    ModelError.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    model_path: str
    temperature: float = Field(0.5, ge=0, description="0 takes the likeliest token")
    top_p: float = Field(0.8, gt=0, le=1, description="1 is off")
    top_k: int = Field(50, ge=0, description="0 is off")
    repetition_penalty: float = Field(1.02, gt=0, description="1 is off")
    max_new_tokens: int = Field(MAX_NEW_TOKENS, ge=1, description="an answer also ends where the context window does")
    thinking_tokens: int = Field(THINKING_TOKENS, ge=0, description="most tokens of thoughts, beside the answer's")
    seed: int | None = Field(None, description="same seed, same answer")
    device: str = Field("auto", description="auto, cuda or cpu")
    precision: str = Field("auto", description="auto, bfloat16, float16 or float32")
    attention: str = Field("sdpa", description="sdpa, flash_attention_2 or eager")
    weights: str = Field("auto", description="full, int8, int4, or auto: int8 on a processor, full on a GPU")
    key_value_cache: Literal["full", "int8"] = Field("full", description="keys and values on a GPU")
    gpu_gigabytes: float | None = Field(None, gt=0, description="most that weights and cache may take on a GPU")
    # A field, because LangChain makes a configured copy from the fields alone: it must not load the weights again.
    loaded: Any = Field(None, exclude=True, repr=False)

    _model: Any = PrivateAttr(default=None)
    _tokenizer: Any = PrivateAttr(default=None)
    _format: Any = PrivateAttr(default=None)
    _generator: Any = PrivateAttr(default=None)
    _end_tokens: tuple[int, ...] = PrivateAttr(default=())

    def __init__(
        self,
        model_path: str | Path,
        *,
        model: PreTrainedModel | None = None,
        tokenizer: PreTrainedTokenizerFast | None = None,
        engine: QueueingEngine | None = None,
        **settings: Any,
    ) -> None:
        """Load the folder, or use a `model`, `tokenizer` and `engine` that were made before."""
        fields = {"model_path": str(Path(model_path).expanduser()), **settings}
        super().__init__(**fields)
        how = Loading(
            self.model_path,
            device=self.device,
            precision=self.precision,
            attention=self.attention,
            weights=self.weights,
            key_value_cache=self.key_value_cache,
            gpu_gigabytes=self.gpu_gigabytes,
        )
        if self.loaded is None or self.loaded.how != how or model is not None or engine is not None:
            self.loaded = self._begin(how, model, tokenizer, engine)
        self._tokenizer, self._format = self.loaded.tokenizer, self.loaded.chat_format
        self._model, self._generator = self.loaded.model, self.loaded.generator
        self._end_tokens = self._find_end_tokens()

    def _begin(self, how: Loading, model: Any, tokenizer: Any, engine: QueueingEngine | None) -> _Loaded:
        from minicpm_rag.llm import checkpoint

        if model is None:
            checkpoint.locate(self.model_path)
        self._tokenizer = tokenizer or checkpoint.load_tokenizer(self.model_path)
        self._format = ChatFormat(self._tokenizer)
        self._model = model if model is not None else load(how)
        window = checkpoint.context_tokens(self._model.config)
        rows = self._model.config.vocab_size if engine is None else None
        generator = TextGenerator(engine or choose_engine(how, self._model), self._tokenizer, window, rows)
        return _Loaded(how, self._tokenizer, self._format, self._model, generator)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> MiniCPM_LLM:
        """A copy that shares the weights."""
        return self.model_copy()

    def _find_end_tokens(self) -> tuple[int, ...]:
        """Every token that ends an answer: generation_config.json may list several."""
        found: set[int] = set()
        ends = (self._model.generation_config.eos_token_id, self._model.config.eos_token_id)
        for end in (*ends, self._tokenizer.eos_token_id, self._format.end_token):
            found.update(end if isinstance(end, (list, tuple)) else [] if end is None else [end])
        return tuple(sorted(found))

    @property
    def parameters(self) -> int:
        """About how many parameters the model has, by its shape: norms and biases are not counted."""
        config = self._model.config
        width, heads = config.hidden_size, config.num_attention_heads
        attention = 2 * width * width * (1 + getattr(config, "num_key_value_heads", heads) / heads)
        layers = config.num_hidden_layers * (attention + 3 * width * config.intermediate_size)
        tables = 1 if getattr(config, "tie_word_embeddings", False) else 2
        return int(layers + tables * width * config.vocab_size)

    @property
    def model(self) -> PreTrainedModel:
        """The transformers model."""
        model: PreTrainedModel = self._model
        return model

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The transformers tokenizer."""
        tokenizer: PreTrainedTokenizerFast = self._tokenizer
        return tokenizer

    @property
    def context_tokens(self) -> int:
        """The context window: prompt and answer together, in tokens."""
        return self._open_generator().context_tokens

    @property
    def running(self) -> Running:
        """How the model runs now."""
        engine = self._open_generator().engine
        held = getattr(engine, "memory", None)
        kinds = {type(module).__name__ for module in self._model.modules()}
        weights = "int4" if "Int4Linear" in kinds else "int8" if "Int8Linear" in kinds else "full"
        family = str(self._model.config.model_type)
        return Running(
            family="minicpm" if family == "granite" else family,
            device=str(getattr(engine, "device", self._model.device)),
            precision=str(self._model.dtype).removeprefix("torch."),
            weights=getattr(engine, "weights", weights),
            attention=getattr(engine, "attention", None) or attention_in_use(self._model),
            weight_bytes=self._model.get_memory_footprint() if held is None else held.weights,
            cache_bytes=0 if held is None else held.cache + held.slots,
        )

    @property
    def _llm_type(self) -> str:
        return "MiniCPM_LLM"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("model_path", *_SAMPLING)}

    def __call__(self, prompt: LanguageModelInput, stop: list[str] | None = None, **kwargs: Any) -> str:
        """`llm("你好")`, as MiniCPM's tutorials write; LangChain itself has dropped it."""
        return self.invoke(prompt, stop=stop, **kwargs)

    def close(self) -> None:
        """Free the model and its memory; the object cannot be used afterwards."""
        import torch

        if self._generator is not None:
            self._generator.close()
        self._generator = self._model = self.loaded = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def count_prompt_tokens(self, prompt: LanguageModelInput) -> int:
        """Tokens of the whole prompt as the model reads it, template included."""
        return len(self._open_generator().encode(self._convert_input(prompt).to_string()))

    def get_token_ids(self, text: str) -> list[int]:
        """Token ids of bare text: no template, no begin token."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False).input_ids
        return ids

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Tokens of the prompt these messages become."""
        return self.count_prompt_tokens(messages)

    def render_chat(self, messages: Sequence[BaseMessage], tools: Sequence[dict[str, Any]] = ()) -> str:
        """The prompt of these messages, told of tools where there are any (see ChatFormat)."""
        chat_format: ChatFormat = self._format
        has_calls = any(message.type == "tool" or getattr(message, "tool_calls", None) for message in messages)
        if tools or has_calls:
            return RenderedPrompt(chat_format.render_with_tools(messages, tools))
        return RenderedPrompt(chat_format.render(messages))

    # Every prompt is rendered with the chat format; LangChain's default would be lines that begin with "Human:".

    def _convert_input(self, model_input: LanguageModelInput) -> PromptValue:
        if isinstance(model_input, RenderedPrompt):
            return _Rendered(text=model_input)
        value = super()._convert_input(model_input)
        if isinstance(value, (ChatPrompt, _Rendered)):
            return value
        return ChatPrompt(messages=value.to_messages(), chat_format=self._format)

    def generate_prompt(self, prompts: list[PromptValue], *args: Any, **kwargs: Any) -> LLMResult:
        """Answer several prompts, see LangChain."""
        return super().generate_prompt([self._convert_input(prompt) for prompt in prompts], *args, **kwargs)

    async def agenerate_prompt(self, prompts: list[PromptValue], *args: Any, **kwargs: Any) -> LLMResult:
        """Answer several prompts, see LangChain."""
        converted = [self._convert_input(prompt) for prompt in prompts]
        return await super().agenerate_prompt(converted, *args, **kwargs)

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        cancel = Cancel(kwargs.pop("cancel", None))

        def answer(prompt: str) -> list[Generation]:
            text = self._call(prompt, stop=stop, run_manager=run_manager, cancel=cancel, **kwargs)
            return [Generation(text=text)]

        together = min(self._open_generator().engine.slots, len(prompts))
        if together < 2:
            return LLMResult(generations=[answer(prompt) for prompt in prompts])
        with ThreadPoolExecutor(together) as pool:
            try:
                return LLMResult(generations=list(pool.map(answer, prompts)))
            finally:
                cancel.set()  # after an error or Ctrl-C the other prompts must not go on

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        cancel = Cancel(kwargs.pop("cancel", None))
        calls = [self._acall(prompt, stop, run_manager, cancel=cancel, **kwargs) for prompt in prompts]
        try:
            texts = await asyncio.gather(*calls)
        finally:
            cancel.set()  # after an error the other prompts must not go on
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
        cancel = Cancel(kwargs.pop("cancel", None))
        texts = self._texts(prompt, stop, {**kwargs, "cancel": cancel})
        async with contextlib.aclosing(read_from_thread(texts, cancel)) as arriving:
            async for text in arriving:
                chunk = GenerationChunk(text=text)
                if run_manager and text:
                    await run_manager.on_llm_new_token(text, chunk=chunk)
                yield chunk

    def _texts(self, prompt: str, stop: list[str] | None, kwargs: dict[str, Any]) -> Generator[str]:
        """Yield the answer in pieces, at least one: LangChain raises where a stream ends without any."""
        options = dict(kwargs)
        cancel, on_queue, on_end = (options.pop(name, None) for name in ("cancel", "on_queue", "on_end"))
        options.pop("on_anew", None)  # for models whose thoughts are told from the answer only later
        on_thought = options.pop("on_thought", None)
        schema = options.pop("json_schema", None)
        if unknown := sorted(options.keys() - set(_SAMPLING)):
            known = ", ".join(("stop", "cancel", "on_queue", "on_end", *_SAMPLING))
            raise TypeError(f"MiniCPM_LLM takes no {', '.join(unknown)} in a call; it takes {known}.")
        sampling = Sampling(
            **{name: options.get(name, getattr(self, name)) for name in _SAMPLING},
            end_tokens=self._end_tokens,
            constraint=None if schema is None else self._constraint(schema),
        )
        rendered = prompt if isinstance(prompt, RenderedPrompt) else self._convert_input(prompt).to_string()
        stops = (*(stop or ()), *self._format.turn_marks)
        texts = self._open_generator().stream(
            rendered,
            sampling,
            stop=stops,
            cancel=cancel,
            on_queue=on_queue,
            on_end=on_end,
            thinking=self._thinking if schema is None else None,  # thoughts are no JSON
            on_thought=on_thought,
        )
        empty = True
        with contextlib.closing(texts):
            for text in texts:
                empty = False
                yield text
        if empty:
            yield ""

    @property
    def _thinking(self) -> Thinking | None:
        if not self._format.may_think:
            return None
        return Thinking(self.thinking_tokens, self._format.opens_thoughts, THOUGHT, THOUGHT_END)

    def _constraint(self, schema: dict[str, Any]) -> Constraint:
        """What holds an answer to the schema."""
        if self.loaded.vocabulary is None:
            size = self._model.config.vocab_size
            self.loaded.vocabulary = Vocabulary(self._tokenizer, size, self._end_tokens[0])
        return Constraint(self.loaded.vocabulary, schema)

    def _open_generator(self) -> TextGenerator:
        if self._generator is None:
            raise ModelError("llm.closed")
        generator: TextGenerator = self._generator
        return generator


class _Rendered(PromptValue):
    """A prompt that has been through the chat template already."""

    text: str

    def to_string(self) -> str:
        """The prompt."""
        return RenderedPrompt(self.text)

    def to_messages(self) -> list[BaseMessage]:
        """The prompt as one message."""
        return [HumanMessage(self.text)]
