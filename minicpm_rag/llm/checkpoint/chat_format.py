"""Write messages as the prompt that a checkpoint was trained on: by its own chat template, or in MiniCPM-2B's form.

Knows message formats; neither counts tokens nor runs a model.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.prompt_values import PromptValue
from pydantic import Field

from minicpm_rag.errors import ModelError
from minicpm_rag.messages import reason_of

MOST_LINES = 1_000_000  # that a template may run: real ones run some hundred a message
# MiniCPM-2B's turn marks are ordinary text to its tokenizer, not special tokens.
TURN_MARKS = ("<用户>", "<AI>")
THOUGHT, THOUGHT_END = "<think>", "</think>"
_MINICPM_2B = (
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '<用户>' + message['content'].strip() + '<AI>' }}"
    "{% else %}{{ message['content'].strip() }}{% endif %}{% endfor %}"
)
_CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool"}


class ChatFormat:
    """How one checkpoint wants its conversations written."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._template: str | None = None
        vocabulary = tokenizer.get_vocab()
        if not tokenizer.chat_template:
            self._template = _CHATML if "<|im_start|>" in vocabulary else _MINICPM_2B
        special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
        probe = self._apply([{"role": "user", "content": "."}])
        # A model trained on turn marks may go on and write the next turn: its answer ends before the first mark.
        self.turn_marks = tuple(mark for mark in TURN_MARKS if mark in probe)
        special.update(self.turn_marks)
        self._breakers = re.compile("|".join(map(re.escape, sorted(special, key=len, reverse=True))) or r"(?!)")
        # Off where the template closes the thoughts, see `render`; else the prompt may open them, or the model itself.
        self.opens_thoughts = probe.rstrip().endswith(THOUGHT)
        knows = THOUGHT in vocabulary or THOUGHT in (tokenizer.chat_template or "")
        self.may_think = self.opens_thoughts or (knows and not probe.rstrip().endswith(THOUGHT_END))
        self.end_token: int | None = vocabulary.get("<|im_end|>") if "<|im_end|>" in probe else None

    def render(self, messages: Sequence[BaseMessage]) -> str:
        """The prompt for these messages, up to where the answer begins; thinking is off where the template can do it.

        Special tokens and turn marks inside a message are broken by a space: a document that quotes `</s>` must not
        end the prompt, nor start another speaker's turn. Raises ModelError where the template refuses the messages.
        """
        return self._apply(
            [{"role": _role(message), "content": self._harmless(_text(message))} for message in messages]
        )

    @property
    def knows_tools(self) -> bool:
        """Whether the checkpoint's template tells the model of tools."""
        return "tools" in str(self._template or self._tokenizer.chat_template)

    def render_with_tools(self, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]]) -> str:
        """The prompt with tools (in OpenAI's form), earlier calls and their results.

        Raises ModelError where the template knows no tools, or refuses the messages.
        """
        if not self.knows_tools:
            raise ModelError("llm.template_without_tools")
        return self._apply([self._turn(message) for message in messages], list(tools))

    def _turn(self, message: BaseMessage) -> dict[str, Any]:
        turn: dict[str, Any] = {"role": _role(message), "content": self._harmless(_text(message))}
        if isinstance(message, AIMessage) and message.tool_calls:
            turn["tool_calls"] = [
                {"type": "function", "id": call["id"], "function": {"name": call["name"], "arguments": call["args"]}}
                for call in message.tool_calls
            ]
        if isinstance(message, ToolMessage):
            turn |= {"tool_call_id": message.tool_call_id, "name": message.name or ""}
        return turn

    def _harmless(self, content: str) -> str:
        return self._breakers.sub(lambda found: f"{found[0][0]} {found[0][1:]}", content)

    def _apply(self, turns: list[dict[str, Any]], tools: list[Mapping[str, Any]] | None = None) -> str:
        import jinja2

        try:
            with _bounded():
                text: str = self._tokenizer.apply_chat_template(
                    turns,
                    tools=tools,
                    chat_template=self._template,
                    tokenize=False,
                    add_generation_prompt=True,
                    enable_thinking=False,
                )
        except (
            jinja2.TemplateError,
            TypeError,
            ValueError,
            LookupError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ) as exc:  # a template is a stranger's program, which may fail as any does
            roles = [turn["role"] for turn in turns]
            raise ModelError("llm.template_refuses", roles=roles, why=reason_of(exc)) from exc
        return text


@contextmanager
def _bounded() -> Iterator[None]:
    """Raise ModelError within the block where a template does not end: loops in loops would hold the thread.

    Only lines of templates count. Python has no other way to end what runs in its own thread; a single operation on
    something huge is not ended so.
    """
    lines = 0

    def count(_frame: Any, event: str, _argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        if lines > MOST_LINES:
            raise ModelError("llm.template_endless", lines=MOST_LINES)
        return count

    former = sys.gettrace()
    sys.settrace(lambda frame, *_: count if frame.f_code.co_filename == "<template>" else None)  # Jinja's name for one
    try:
        yield
    finally:
        sys.settrace(former)


def _role(message: BaseMessage) -> str:
    return str(getattr(message, "role", None) or _ROLES.get(message.type, message.type))


def _text(message: BaseMessage) -> str:
    content = message.content
    if isinstance(content, str):
        return content
    parts = []
    for block in content:
        if isinstance(block, dict) and block.get("type", "text") != "text":
            raise ModelError("llm.text_only", kind=block["type"])
        parts.append(block if isinstance(block, str) else str(block.get("text", "")))
    return "".join(parts)


class RenderedPrompt(str):
    """Prompt text that has been through the chat template."""

    __slots__ = ()


class ChatPrompt(PromptValue):
    """Messages as a prompt value: where LangChain asks it for a string, they are rendered for this model."""

    messages: list[BaseMessage]
    chat_format: Any = Field(exclude=True, repr=False)

    def to_messages(self) -> list[BaseMessage]:
        """The messages as they came."""
        return self.messages

    def to_string(self) -> str:
        """The messages as this model reads them."""
        return RenderedPrompt(self.chat_format.render(self.messages))
