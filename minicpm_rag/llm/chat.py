"""`ChatMiniCPM`: a MiniCPM checkpoint as a LangChain chat model, with tools and structured output.

It stands on a `MiniCPM_LLM`, which renders and generates; here are messages, tool calls and LangChain's chat interface.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from pydantic import BaseModel, ConfigDict, Field

from minicpm_rag.llm import tool_calls
from minicpm_rag.llm.minicpm import MiniCPM_LLM
from minicpm_rag.llm.thoughts import Thoughts

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool


class ChatMiniCPM(BaseChatModel):
    """A MiniCPM checkpoint as a LangChain chat model: `ChatMiniCPM(llm=MiniCPM_LLM(folder))`.

    Tools are told to the model by its checkpoint's own template. `with_structured_output` holds the model to the schema
    token by token. Raises ModelError where the template knows no tools, and what MiniCPM_LLM raises.
    """

    model_config = ConfigDict(extra="forbid")

    llm: MiniCPM_LLM
    temperature: float | None = Field(None, ge=0, description="None leaves what the model has")
    max_tokens: int | None = Field(None, ge=1, description="longest answer; None leaves what the model has")
    stop: list[str] | None = None
    streaming: bool = Field(False, description="have `invoke` read the stream, for callbacks that want each piece")

    @classmethod
    def of_folder(cls, folder: str | Path, **settings: Any) -> ChatMiniCPM:
        """Load a checkpoint folder; `settings` are those of MiniCPM_LLM."""
        return cls(llm=MiniCPM_LLM(folder, **settings))  # type: ignore[call-arg]

    @property
    def _llm_type(self) -> str:
        return "ChatMiniCPM"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {**self.llm._identifying_params, "temperature": self.temperature, "max_tokens": self.max_tokens}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        temperature = self.llm.temperature if self.temperature is None else self.temperature
        params = LangSmithParams(
            ls_provider="minicpm",
            ls_model_name=str(kwargs.get("model") or Path(self.llm.model_path).name),
            ls_model_type="chat",
            ls_temperature=temperature,
            ls_max_tokens=self.max_tokens or self.llm.max_new_tokens,
        )
        if stops := stop or self.stop:
            params["ls_stop"] = stops
        return params

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Tokens of the prompt these messages become."""
        return self.llm.count_prompt_tokens(self.llm.render_chat(_merged(messages), _tools(tools)))

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Tell the model of tools, by the template of its checkpoint. `tool_choice` is not enforced."""
        return self.bind(tools=_tools(tools), **kwargs)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Have answers in JSON of a schema: a pydantic class gives its objects, anything else dictionaries."""
        method = kwargs.pop("method", "json_schema")
        if kwargs.keys() - {"strict", "tools"} or method not in ("json_schema", "function_calling", "json_mode"):
            raise ValueError(f"ChatMiniCPM takes no {sorted(kwargs)} or method {method!r} here.")
        wanted = convert_to_json_schema(schema)
        is_pydantic = isinstance(schema, type) and issubclass(schema, BaseModel)
        kind: Any = schema
        parser: Any = PydanticOutputParser(pydantic_object=kind) if is_pydantic else JsonOutputParser()
        model = self.bind(
            json_schema=wanted,
            ls_structured_output_format={"kwargs": {"method": "json_schema"}, "schema": convert_to_openai_tool(schema)},
        )
        if not include_raw:
            parsing: Runnable[LanguageModelInput, Any] = model | parser
            return parsing
        parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
        failed = RunnablePassthrough.assign(parsed=lambda _: None)
        whole = parsed.with_fallbacks([failed], exception_key="parsing_error")
        return RunnableMap(raw=model) | RunnableLambda(lambda value: value) | whole

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        tools = kwargs.pop("tools", None) or ()
        prompt, options, ending = self._prepared(messages, tools, kwargs)
        text = self.llm.invoke(prompt, stop=stop or self.stop, config={"callbacks": []}, **options)
        thoughts = Thoughts()
        text = thoughts.add(text) + thoughts.finish()
        said, calls = tool_calls.read(text, _names(tools)) if tools else (text, [])
        metadata = {"model_name": Path(self.llm.model_path).name, "finish_reason": ending[-1] if ending else "stop"}
        usage = self._usage(prompt, text)
        message = AIMessage(said, tool_calls=calls, response_metadata=metadata, usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        tools = kwargs.pop("tools", None) or ()
        prompt, options, ending = self._prepared(messages, tools, kwargs)
        text = ""
        for piece in self.llm.stream(prompt, stop=stop or self.stop, config={"callbacks": []}, **options):
            text += piece
            if piece and not tools:  # a text that may be a call is shown once it is known which it is
                yield _told(AIMessageChunk(content=piece), run_manager)
        said, calls = tool_calls.read(text, _names(tools)) if tools else ("", [])
        metadata = {"model_name": Path(self.llm.model_path).name, "finish_reason": ending[-1] if ending else "stop"}
        last = AIMessageChunk(
            content=said,
            tool_call_chunks=[
                tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=number)
                for number, call in enumerate(calls)
            ],
            response_metadata=metadata,
            usage_metadata=self._usage(prompt, text),
        )
        yield _told(last, run_manager)

    def _prepared(
        self, messages: list[BaseMessage], tools: Sequence[dict[str, Any]], kwargs: dict[str, Any]
    ) -> tuple[str, dict[str, Any], list[str]]:
        """The prompt, the options of MiniCPM_LLM, and a list that is told why the text ended."""
        options = {name: value for name, value in kwargs.items() if not name.startswith("ls_")}
        for mine, theirs in (("temperature", "temperature"), ("max_tokens", "max_new_tokens")):
            given = options.pop(mine, getattr(self, mine))
            if given is not None:
                options.setdefault(theirs, given)
        options.pop("tool_choice", None)
        schema = options.get("json_schema")
        ending: list[str] = []
        if schema is not None:
            messages = [*messages, HumanMessage(_AS_JSON.format(schema=json.dumps(schema, ensure_ascii=False)))]
        return self.llm.render_chat(_merged(messages), tools), {**options, "on_end": ending.append}, ending

    def _usage(self, prompt: str, text: str) -> UsageMetadata:
        read, written = self.llm.count_prompt_tokens(prompt), self.llm.get_num_tokens(text)
        return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)


_AS_JSON = "Answer only with JSON of this schema:\n{schema}"


def _told(message: AIMessageChunk, run_manager: CallbackManagerForLLMRun | None) -> ChatGenerationChunk:
    chunk = ChatGenerationChunk(message=message)
    if run_manager is not None:
        run_manager.on_llm_new_token(str(message.text), chunk=chunk)
    return chunk


def _merged(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Messages of the same speaker one after the other become one: templates want them to take turns."""
    merged: list[BaseMessage] = []
    for message in messages:
        before = merged[-1] if merged else None
        if isinstance(message, (HumanMessage, SystemMessage)) and before is not None and before.type == message.type:
            merged[-1] = type(message)(f"{before.text}\n\n{message.text}")
        else:
            merged.append(message)
    return merged


def _tools(tools: Sequence[Any] | None) -> list[dict[str, Any]]:
    return [convert_to_openai_tool(tool) for tool in tools or ()]


def _names(tools: Sequence[Mapping[str, Any]]) -> set[str]:
    return {str(tool["function"]["name"]) for tool in tools}
