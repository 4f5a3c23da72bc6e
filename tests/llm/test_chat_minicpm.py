"""ChatMiniCPM against LangChain's own standard tests, and its tools and structured output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from golden import CHATML, SHARDED_BIN, copy_of, edit_json
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import BaseModel, Field

from minicpm_rag.errors import ModelError
from minicpm_rag.llm import tool_calls
from minicpm_rag.llm.chat import ChatMiniCPM
from minicpm_rag.llm.minicpm import MiniCPM_LLM

# As the templates of later MiniCPM write them: the tools first, results as turns of their own.
TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
    "{% for call in message.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniCPM_LLM]:
    folder = copy_of(CHATML, tmp_path_factory.mktemp("chat") / "minicpm4-tiny")
    edit_json(folder / "tokenizer_config.json", chat_template=TEMPLATE)
    llm = MiniCPM_LLM(folder, device="cpu", max_new_tokens=24, temperature=0)
    yield llm
    llm.close()


class WithChatMiniCPM:
    """What both suites are told of the model."""

    @pytest.fixture(autouse=True)
    def _take(self, loaded: MiniCPM_LLM) -> None:
        type(self).loaded = loaded  # type: ignore[attr-defined]

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatMiniCPM

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"llm": self.loaded}  # type: ignore[attr-defined]

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        return {"temperature": 0, "max_tokens": 24, "stop": []}


class TestUnits(WithChatMiniCPM, ChatModelUnitTests):
    """Whether it is built, bound and described as LangChain's models are."""

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest, loaded: MiniCPM_LLM) -> BaseChatModel:
        return ChatMiniCPM(llm=loaded, **self.standard_chat_model_params, **getattr(request, "param", {}))


class TestBehaviour(WithChatMiniCPM, ChatModelIntegrationTests):
    """Whether it answers, streams and stops. Its weights are random, so it calls no tools by itself."""

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest, loaded: MiniCPM_LLM) -> BaseChatModel:
        return ChatMiniCPM(llm=loaded, **self.standard_chat_model_params, **getattr(request, "param", {}))


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Choice(BaseModel):
    """A decision."""

    yes: bool
    number: int = Field(ge=0, le=99)


def test_structured_output_keeps_to_the_schema_even_with_random_weights(loaded: MiniCPM_LLM) -> None:
    pytest.importorskip("llguidance")
    chat = ChatMiniCPM(llm=loaded, max_tokens=60, temperature=1.0)
    assert isinstance(chat.with_structured_output(Choice).invoke("Decide."), Choice)
    schema = {
        "title": "Pick",
        "type": "object",
        "properties": {"colour": {"enum": ["red", "绿"]}},
        "required": ["colour"],
    }
    picked = chat.with_structured_output(schema | {"additionalProperties": False}).invoke("Pick a colour.")
    assert picked["colour"] in ("red", "绿")
    raw = chat.with_structured_output(Choice, include_raw=True).invoke("Decide.")
    assert isinstance(raw["raw"], AIMessage) and isinstance(raw["parsed"], Choice) and raw["parsing_error"] is None


def test_tools_and_their_results_are_told_by_the_checkpoints_template(loaded: MiniCPM_LLM) -> None:
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "c1", "type": "tool_call"}
    messages = [HumanMessage("1+2?"), AIMessage("", tool_calls=[call]), ToolMessage("3", tool_call_id="c1")]
    chat = ChatMiniCPM(llm=loaded).bind_tools([add])
    prompt = loaded.render_chat(messages, chat.kwargs["tools"])  # type: ignore[attr-defined]
    assert '"name": "add"' in prompt.split("1+2?")[0], "the tools come first"
    assert '<tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}</tool_call>' in prompt
    assert "<|im_start|>tool\n3" in prompt
    assert chat.invoke(messages).type == "ai"


def test_a_checkpoint_whose_template_knows_no_tools_says_so() -> None:
    llm = MiniCPM_LLM(SHARDED_BIN, device="cpu", max_new_tokens=2)
    with pytest.raises(ModelError, match="knows no tools"):
        ChatMiniCPM(llm=llm).bind_tools([add]).invoke("1+2?")
    assert ChatMiniCPM(llm=llm).invoke([SystemMessage("Be brief."), HumanMessage("hi")]).type == "ai"
    llm.close()


def test_a_call_in_the_models_text_becomes_a_tool_call(loaded: MiniCPM_LLM, monkeypatch: pytest.MonkeyPatch) -> None:
    written = 'I add.\n<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>'

    def texts(self: Any, *_: Any) -> Iterator[str]:
        yield from written

    monkeypatch.setattr(MiniCPM_LLM, "_texts", texts)
    chat = ChatMiniCPM(llm=loaded).bind_tools([add])
    whole = chat.invoke("1+2?")
    chunks = list(chat.stream("1+2?"))
    streamed = chunks[0]
    for chunk in chunks[1:]:
        streamed = streamed + chunk
    for message in (whole, streamed):
        assert message.content == "I add."
        assert [(c["name"], c["args"]) for c in message.tool_calls] == [("add", {"a": 1, "b": 2})]


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "search", "arguments": {"query": "保修期", "limit": 3}}</tool_call>',
        '<tool_call>\n{"name": "search", "arguments": {"query": "保修期", "limit": 3}}',
        '<|tool_call_start|>\n```python\nsearch(query="保修期", limit=3)\n```\n<|tool_call_end|>',
        '<|tool_call_start|>[search(query="保修期", limit=3)]<|tool_call_end|>',
        '```python\nsearch(query="保修期", limit=3)\n```',
        '<function name="search"><param name="query">保修期</param><param name="limit">3</param></function>',
        '{"name": "search", "arguments": {"query": "保修期", "limit": 3}}',
    ],
)
def test_calls_are_read_in_every_form(text: str) -> None:
    said, calls = tool_calls.read(text, {"search"})
    assert said == ""
    assert [(call["name"], call["args"]) for call in calls] == [("search", {"query": "保修期", "limit": 3})]


@pytest.mark.parametrize(
    "text",
    [
        "保修期两年。",
        '```json\n{"answer": 5}\n```',
        '<tool_call>{"name": "delete_all", "arguments": {}}</tool_call>',
        "```python\nsearch(query=open('/etc/passwd').read())\n```",
        "search(__import__('os'))",
        '{"name": 5}',
        "<tool_call>[[[[",
    ],
)
def test_what_calls_no_known_tool_with_literals_is_text(text: str) -> None:
    said, calls = tool_calls.read(text, {"search"})
    assert (said, calls) == (text.strip(), [])


def test_what_begins_like_calls_time_and_again_is_text() -> None:
    for part in ("<tool_call>", "```\n", "<function name=", "[", "<|tool_call_start|>"):
        text = part * 20_000
        assert tool_calls.read(text, {"search"}) == (text.strip(), [])


def test_the_json_of_a_schema_is_what_is_streamed(loaded: MiniCPM_LLM) -> None:
    pytest.importorskip("llguidance")
    chat = ChatMiniCPM(llm=loaded, max_tokens=60).bind(json_schema=Choice.model_json_schema())
    assert Choice.model_validate(json.loads("".join(str(chunk.content) for chunk in chat.stream("Decide."))))


def test_a_folder_is_loaded_by_name(tmp_path: Path) -> None:
    chat = ChatMiniCPM.of_folder(CHATML, device="cpu", max_new_tokens=2)
    assert chat.invoke("hi").usage_metadata["input_tokens"] > 0  # type: ignore[index]
    chat.llm.close()
