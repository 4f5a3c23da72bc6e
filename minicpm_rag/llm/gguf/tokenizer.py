"""The tokenizer and chat template of a GGUF file, with as much of transformers' tokenizers as our own code asks for.

llama.cpp splits text into tokens; their text, and the template, are read from the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from minicpm_rag.errors import CheckpointError
from minicpm_rag.llm.gguf.process import LlamaProcess
from minicpm_rag.models.gguf import GgufFile, read_list

_CONTROL, _BYTE = 3, 6  # kinds of tokens: marks such as </s>, and single bytes
_BYTE_TOKEN = re.compile("<0x([0-9A-Fa-f]{2})>")
_SPACE = "▁"


class GgufTokenizer:
    """Reads SentencePiece's vocabularies and GPT-2's, which all MiniCPM files have."""

    def __init__(self, file: GgufFile, process: LlamaProcess) -> None:
        """Raises CheckpointError for another kind of vocabulary."""
        self._process = process
        self._tokens: list[str] = read_list(file.path, "tokenizer.ggml.tokens")
        kinds = read_list(file.path, "tokenizer.ggml.token_type") or [1] * len(self._tokens)
        kind = file.facts.get("tokenizer.ggml.model")
        if kind not in ("llama", "gpt2") or not self._tokens or len(kinds) != len(self._tokens):
            raise CheckpointError("llm.gguf_vocabulary", path=file.path, kind=str(kind))
        if not all(isinstance(token, str) for token in self._tokens):
            raise CheckpointError("llm.gguf_vocabulary", path=file.path, kind=f"{kind} (?)")
        self._is_sentencepiece = kind == "llama"
        self._control = {number for number, each in enumerate(kinds) if each == _CONTROL}
        self._single_bytes = {
            number: int(found[1], 16)
            for number, each in enumerate(kinds)
            if each == _BYTE and (found := _BYTE_TOKEN.fullmatch(self._tokens[number]))
        }
        template = file.facts.get("tokenizer.chat_template")
        self.chat_template: str | None = template if isinstance(template, str) else None
        self.added_tokens_decoder = {
            number: _Mark(content=self._tokens[number], special=True) for number in self._control
        }
        self.unk_token_id = self._number(file, "unknown_token_id")
        self.eos_token_id = self._number(file, "eos_token_id")
        begin = self._number(file, "bos_token_id")
        self.bos_token = None if begin is None else self._tokens[begin]
        self.eos_token = None if self.eos_token_id is None else self._tokens[self.eos_token_id]

    def __len__(self) -> int:
        return len(self._tokens)

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Any:
        """Tokens of a text, as `input_ids`; with `add_special_tokens` the begin token where the file asks for one."""
        content = {"content": text, "add_special": add_special_tokens, "parse_special": True}
        return SimpleNamespace(input_ids=list(self._process.ask("/tokenize", content)["tokens"]))

    def within_text(self, text: str) -> list[int]:
        """Tokens of a text that stands after another; at a beginning, SentencePiece puts a space before it."""
        if not (whole := text.replace("\ufffd", "")):
            return []
        alone, together = (self(each, add_special_tokens=False).input_ids for each in ("x", f"x{whole}"))
        return list(together[len(alone) :])

    @property
    def can_keep_to_schemas(self) -> bool:
        """Whether the grammars of llama.cpp's build know these tokens; SentencePiece's they take for others."""
        return not self._is_sentencepiece

    def get_vocab(self) -> dict[str, int]:
        """Tokens and their numbers."""
        return self._numbers

    def convert_tokens_to_ids(self, tokens: Iterable[str]) -> list[int | None]:
        """Numbers of tokens; None for one that is unknown."""
        return [self._numbers.get(token, self.unk_token_id) for token in tokens]

    def decode(self, tokens: int | Sequence[int], *, skip_special_tokens: bool = False, **_: Any) -> str:
        """The text of tokens; halves of a character come out as U+FFFD."""
        numbers = [tokens] if isinstance(tokens, int) else tokens
        found = b"".join(
            self._tokens[number].encode() if number in self._control else self._bytes(number)
            for number in numbers
            if 0 <= number < len(self._tokens) and not (skip_special_tokens and number in self._control)
        )
        text = found.decode("utf-8", "replace")
        return text.removeprefix(" ") if self._is_sentencepiece else text  # SentencePiece's own begins with a space

    def apply_chat_template(
        self,
        turns: Sequence[Any],
        *,
        tools: Sequence[Any] | None = None,
        chat_template: str | None = None,
        tokenize: bool = False,
        **values: Any,
    ) -> str:
        """The prompt of these turns, as the template writes it. Raises jinja2.TemplateError."""
        template = self._environment.from_string(chat_template or self.chat_template or "")
        text: str = template.render(
            messages=turns, tools=tools, bos_token=self.bos_token or "", eos_token=self.eos_token or "", **values
        )
        return text

    @cached_property
    def _environment(self) -> Any:
        """Jinja as transformers sets it up for templates. They are a stranger's code: nothing may be reached by it."""
        import json
        from datetime import datetime

        import jinja2
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        def refuse(message: str) -> str:
            raise jinja2.TemplateError(message)

        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.filters["tojson"] = lambda value, indent=None, **_: json.dumps(
            value, ensure_ascii=False, indent=indent
        )
        environment.globals |= {
            "raise_exception": refuse,
            "strftime_now": lambda form: datetime.now().strftime(form),
        }
        return environment

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {token: number for number, token in enumerate(self._tokens)}

    @cached_property
    def _byte_of(self) -> dict[str, int]:
        """GPT-2's letters for bytes: those that can be printed stand for themselves, the others follow from U+0100."""
        printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
        letters = {chr(byte): byte for byte in printed}
        others = (byte for byte in range(256) if byte not in set(printed))
        return letters | {chr(0x100 + place): byte for place, byte in enumerate(others)}

    def _bytes(self, number: int) -> bytes:
        token = self._tokens[number]
        if number in self._single_bytes:
            return bytes([self._single_bytes[number]])
        if self._is_sentencepiece:
            return token.replace(_SPACE, " ").encode()
        if all(letter in self._byte_of for letter in token):
            return bytes(self._byte_of[letter] for letter in token)
        return token.encode()  # a token that was added as it is

    def _number(self, file: GgufFile, name: str) -> int | None:
        """The number of a token that the file names, where the vocabulary has it."""
        value = file.facts.get(f"tokenizer.ggml.{name}")
        return value if isinstance(value, int) and 0 <= value < len(self._tokens) else None


class _Mark(SimpleNamespace):
    def __str__(self) -> str:
        return str(self.content)
