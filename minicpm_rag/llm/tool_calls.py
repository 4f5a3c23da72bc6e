"""Read the tool calls in a model's text, in the forms that MiniCPM and its relatives were trained on.

    <tool_call>{"name": "search", "arguments": {"query": "..."}}</tool_call>
    <|tool_call_start|>```python search(query="...") ```<|tool_call_end|>
    <function name="search"><param name="query">...</param></function>

Nothing of a call is executed or evaluated: arguments are literals. Knows no model and no tool but their names.
"""

from __future__ import annotations

import ast
import json
import re
import uuid
from collections.abc import Collection, Iterator
from typing import Any

from langchain_core.messages import ToolCall

# opening -> closing, where a text may end without it
_BLOCKS = {
    "<tool_call>": "</tool_call>",
    "<|tool_call_start|>": "<|tool_call_end|>",
    "```": "```",
    "<function ": "</function>",
}
_OPENING = re.compile("|".join(map(re.escape, _BLOCKS)))
_FENCE = re.compile(r"^```[a-z_]*\n|```$")
_FUNCTION = re.compile(r"""^<function name=["']?([\w.-]{1,100})["']?>""")
_PARAMETER = re.compile(r"""<param(?:eter)? name=["']?([\w.-]{1,100})["']?>""")
LONGEST = 50_000  # characters of a text that is looked through; no call is longer


def read(text: str, names: Collection[str]) -> tuple[str, list[ToolCall]]:
    """Divide a text into what is said and what is called; a block that calls no tool of these names is said."""
    calls: list[tuple[str, dict[str, Any]]] = []
    said, position = "", 0
    while len(text) <= LONGEST and (opening := _OPENING.search(text, position)):
        closing = _BLOCKS[opening.group()]
        end = text.find(closing, opening.end())
        after = len(text) if end < 0 else end + len(closing)
        found = [call for call in _calls(text[opening.start() : after]) if call[0] in names]
        said += text[position : opening.start() if found else after]
        calls += found
        position = after
    said += text[position:]
    if not calls and len(text) <= LONGEST:  # its marks may be special tokens, which are left out of the text
        calls = [call for call in _calls(text) if call[0] in names]
        said = "" if calls else said
    return said.strip(), [
        ToolCall(name=name, args=arguments, id=f"call_{uuid.uuid4().hex[:12]}", type="tool_call")
        for name, arguments in calls
    ]


def _calls(block: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The calls in a block, with its marks or without."""
    for opening, closing in _BLOCKS.items():
        if opening != "```" and opening != "<function ":
            block = block.strip().removeprefix(opening).removesuffix(closing).strip()
    block = _FENCE.sub("", block.strip()).strip()
    block = _FENCE.sub("", block).strip()
    if block.startswith("<function "):
        yield from _marked_calls(block)
        return
    try:
        value = json.loads(block)
    except (ValueError, RecursionError):
        yield from _python_calls(block)
        return
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict) and isinstance(name := each.get("name"), str):
            arguments = each.get("arguments", each.get("parameters", {}))
            yield name, arguments if isinstance(arguments, dict) else {}


def _marked_calls(block: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A call written as `<function name="..."><param name="...">...</param></function>`."""
    head = _FUNCTION.match(block)
    if head is None:
        return
    parts = _PARAMETER.split(block)[1:]  # name, value, name, value
    arguments = {
        name: _literal(value.partition("</param")[0]) for name, value in zip(parts[::2], parts[1::2], strict=True)
    }
    yield head.group(1), arguments


def _python_calls(block: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Calls with literal keyword arguments, one a line or in a list."""
    try:
        tree = ast.parse(block)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for statement in tree.body:
        value = statement.value if isinstance(statement, ast.Expr) else None
        for call in value.elts if isinstance(value, ast.List) else [value]:
            if not isinstance(call, ast.Call) or call.args:
                continue
            try:
                arguments = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords if one.arg}
            except (ValueError, TypeError, RecursionError):
                continue
            yield ast.unparse(call.func), arguments


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()
