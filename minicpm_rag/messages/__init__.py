"""What the program says to a user: a key and its values, put into Chinese or English only where it is shown.

The core never writes a sentence. It raises `RAGError("library.name_taken", name="合同")` or stores
`Message("loaders.no_text")`; the command line and the page call `text(language, message)`.

To add a message: give it a key and its two texts in the catalogue of its area (`messages/<area>.py`, the part of
the key before the dot), Chinese first. tests/test_catalogues.py proves that both languages are there, that every key in
use is listed, that no listed key is unused, and that every placeholder is filled. A new area is listed in `core`.

A placeholder is `{name}`, or with a format behind a colon:

    {count:,}                 1,234
    {count:passage|passages}  "1 passage", "2 passages": the number and the noun that goes with it
    {size:bytes}              "1.5 GB"
    {names:list}              "a, b, c", in Chinese "a、b、c"

A value may be a `Message` itself; it is put into the same language, in Chinese with a blank between Han and Latin
letters.
"""

from __future__ import annotations

import errno
import json
import locale
import os
import re
import string
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Union

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")

Value = Union[str, int, float, "Message", tuple[str, ...]]
# Key -> (Chinese, English).
Texts = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, init=False)
class Message:
    """Something to say to a user: a key of the catalogue, and the values of its placeholders."""

    key: str
    values: Mapping[str, Value]

    def __init__(self, key: str, /, **values: Any) -> None:
        object.__setattr__(self, "key", key)
        object.__setattr__(self, "values", {name: _plain(value) for name, value in values.items()})

    def __hash__(self) -> int:
        return hash((self.key, tuple(sorted((name, str(value)) for name, value in self.values.items()))))

    def __str__(self) -> str:
        """The English text, for logs and tracebacks."""
        return text("en", self)

    def as_json(self) -> str:
        """The message as it is stored in the ledger."""
        return json.dumps(_as_plain(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, stored: str) -> Message | None:
        """Read what `as_json` wrote; None for an empty text. Text that is no JSON is said as it stands."""
        if not stored:
            return None
        try:
            plain = json.loads(stored)
        except ValueError:
            plain = stored
        return from_plain(plain if isinstance(plain, dict) else stored)


def from_plain(value: Any) -> Message | None:
    """A message from the plain values that `dataclasses.asdict` makes of it; words of an older version as they are.

    None for None and "".
    """
    if not value:
        return None
    try:
        found = _from_plain(value)
    except (KeyError, TypeError, AttributeError):
        found = None
    return found if isinstance(found, Message) else Message("system.words", words=value)


def text(language: Language, message: Message) -> str:
    """A message of the core in a language, with its values filled in.

    A key that this version does not know (stored by a later one) is shown as it is, with its values.
    """
    return core().text(language, message)


def core() -> Catalogue:
    """The catalogue of all that the core says; the command line and the page have their own beside it."""
    global _core
    if _core is None:
        from minicpm_rag.messages import (
            answering,
            api,
            doctor,
            door,
            embedding,
            evaluation,
            indexing,
            library,
            llm,
            loaders,
            models,
            settings,
            system,
        )

        _core = Catalogue(
            *(answering, api, doctor, door, embedding, evaluation, indexing),
            *(library, llm, loaders, models, settings, system),
        )
    return _core


class Catalogue:
    """Texts in Chinese and English, by key."""

    def __init__(self, *areas: Any) -> None:
        self.texts: dict[str, tuple[str, str]] = {}
        for area in areas:
            texts: Texts = area.TEXTS
            twice = self.texts.keys() & texts.keys()
            if twice:
                raise ValueError(f"listed twice: {sorted(twice)}")
            self.texts.update(texts)

    def text(self, language: Language, message: Message) -> str:
        """A message in a language.

        One that another version stored may have a key that is not listed here, or other values than its text has
        places for; it is shown as its key and values.
        """
        if (found := self.texts.get(message.key)) is not None:
            with suppress(KeyError, ValueError):
                return _Formatter(language).vformat(found[LANGUAGES.index(language)], (), message.values)
        values = ", ".join(f"{name}={value}" for name, value in message.values.items())
        return f"{message.key} ({values})" if values else message.key


def guess_language(name: str | None) -> Language:
    """The language for a locale's name ("zh_CN.UTF-8", "zh-Hant"): Chinese for any Chinese, else English."""
    return "zh" if (name or "").lower().startswith("zh") else "en"


def language_of_shell() -> Language | None:
    """The language that the environment asks for: LANGUAGE, LC_ALL, LC_MESSAGES or LANG, as gettext reads them.

    None where it names none: no such variable, or C or POSIX, as in a container.
    """
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(variable):
            return _language_of_locale(value)
    return _language_of_locale(locale.getlocale()[0])


def _language_of_locale(name: str | None) -> Language | None:
    return None if not name or name.partition(".")[0] in ("C", "POSIX") else guess_language(name)


def joined(*messages: Message | None) -> Message | None:
    """Several messages said one after the other; None where there is none."""
    said = [message for message in messages if message is not None]
    if len(said) < 2:
        return said[0] if said else None
    first, *rest = said
    return Message("system.two", first=first, second=joined(*rest))


def reason_of(error: BaseException) -> Message:
    """Why the system refused, from the number of an OSError; otherwise the words of the library that raised it."""
    if isinstance(error, OSError) and error.errno is not None:
        key = f"system.{errno.errorcode.get(error.errno, '')}"
        if key in core().texts:
            return Message(key)
        return Message("system.words", words=error.strerror or str(error))
    return Message("system.words", words=" ".join(str(error).split())[:300] or type(error).__name__)


_TOUCHING = re.compile(r"[\u3400-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u3400-\u9fff]")


class _Formatter(string.Formatter):
    """Fills placeholders; knows the formats that the module's docstring lists."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def vformat(self, format_string: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        said, was_message = "", False
        for words, is_message in self._pieces(format_string, args, kwargs):
            # Around other values the text has its blanks; what a message begins or ends with it cannot know.
            touch = self._language == "zh" and _TOUCHING.fullmatch(said[-1:] + words[:1])
            said += f" {words}" if touch and (is_message or was_message) else words
            was_message = is_message
        return said

    def _pieces(self, template: str, args: Sequence[Any], values: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
        """What is between the placeholders and what is in them, and whether that is a message; nothing empty."""
        for literal, name, format_spec, conversion in self.parse(template):
            if literal:
                yield literal, False
            if name is not None:
                value = self.convert_field(self.get_field(name, args, values)[0], conversion)
                if words := self.format_field(value, format_spec or ""):
                    yield words, isinstance(value, Message)

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Message):
            return core().text(self._language, value)
        if format_spec == "list":
            return ("、" if self._language == "zh" else ", ").join(map(str, value))
        if format_spec == "bytes":
            from minicpm_rag.text.sizes import file_size

            return file_size(int(value))
        if "|" in format_spec:
            singular, plural = format_spec.split("|")
            return f"{value:,} {singular if value == 1 else plural}"
        if isinstance(value, tuple):
            return self.format_field(value, "list")
        return str(super().format_field(value, format_spec))


def placeholders(template: str) -> frozenset[str]:
    """The names that a text needs values for."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def _plain(value: Any) -> Value:
    """A value as it may be stored: paths and other objects become text, bytes that are no text are escaped."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, (int, float, Message)):
        return value
    if isinstance(value, Iterable):
        return tuple(str(_plain(str(each))) for each in value)
    return _plain(str(value))


def _as_plain(value: Value) -> Any:
    if isinstance(value, Message):
        return {"key": value.key, "values": {name: _as_plain(each) for name, each in value.values.items()}}
    return list(value) if isinstance(value, tuple) else value


def _from_plain(value: Any) -> Any:
    if isinstance(value, dict):
        return Message(value["key"], **{name: _from_plain(each) for name, each in value["values"].items()})
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(value)
    return value


_core: Catalogue | None = None
