"""Guard a model's text while it streams: a loop or an echo of the prompt ends it, empty phrases are left out.

Fed pieces of raw text, it returns what may go on. The beginning of a sentence is held while it may still become a
repetition, a label or the header of a passage. Knows no passages and no proof.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from minicpm_rag.text.terms import fold

_LEAD_IN = re.compile(
    r"(?:the |my |final |short )?answers?(?: to (?:the|this|your) question)?(?: is| would be)?(?: as follows)?:"
    r"|a:|(?:最终|我的)?(?:答案|回答)(?:是|为|如下)?:|答:"
)
_LEAD_INS = ("the answer to the question is:", "the answer is as follows:", "final answer:", "答案如下:", "回答如下:")
_LIST_MARK = re.compile(r"[\W_]*(?:\d{1,3}[.)、\]】](?!\d)[\W_]*)?")
_EDGES = " \t\n。.!?,;:'\""
_FEWEST_CHARACTERS = 8  # of a sentence that counts as said: "Yes." may come twice
_MOST_REPEATS = 2  # repeated sentences from which the model is taken to loop
_LONGEST_PERIOD = 80  # characters of the longest piece that is looked for in a loop
_FEWEST_PERIODS, _LOOP_CHARACTERS = 4, 40  # repetitions, and characters in all, from which it is a loop


class Guard:
    """Filters a model's text as it comes. Once `ended` is set by an echo or a loop (`loops`), no more is wanted."""

    def __init__(self, question: str, echoes: Iterable[str] = (), headers: Iterable[str] = ()) -> None:
        """`echoes` begin a copy of the prompt; `headers` are lines of it that are left out."""
        self.ended = False
        self.loops = False
        self._echoes = tuple(filter(None, map(_start, echoes)))
        self._said = {_key(question), *map(_key, headers)}
        self._headers = frozenset(self._said)
        self._repeats = 0
        self._held = ""  # the beginning of a sentence of which nothing went on yet
        self._sentence = ""  # what went on of the sentence that is being written
        self._tail = ""  # the last characters that went on

    def add(self, piece: str) -> str:
        """Take the next piece; return what may go on."""
        return "".join(map(self._take, piece))

    def finish(self) -> str:
        """What was held, after the last piece."""
        held, self._held = self._held, ""
        return "" if self.ended or _key(held) in self._said else held

    def _take(self, character: str) -> str:
        if self.ended:
            return ""
        before = (self._held or self._sentence)[-1:]
        ends = character in "\n。！？" or (character.isspace() and before in tuple(".!?"))
        if self._sentence:
            return self._pass(character, ends=ends)
        self._held += character
        start = _start(self._held)
        if any(start.startswith(echo) for echo in self._echoes):
            self.ended, self._held = True, ""
            return ""
        if _LEAD_IN.fullmatch(start):
            self._held = ""
            return ""
        key = _key(self._held)
        if ends and key in self._said and key:
            self._held = ""
            self._repeats += key not in self._headers
            self.loops = self.ended = self._repeats >= _MOST_REPEATS
            return ""
        if character != "\n" and not key:
            return ""  # "2. " by itself ends no sentence
        if not ends and (self._may_be_left_out(start, key) or re.fullmatch(r"\d{1,3}", key)):
            return ""
        held, self._held = self._held, ""
        return self._pass(held, ends=ends)

    def _pass(self, text: str, *, ends: bool) -> str:
        self._sentence += text
        self._tail = (self._tail + text)[-_LONGEST_PERIOD * _FEWEST_PERIODS :]
        self.loops = self.ended = _goes_round(self._tail)
        if ends:
            key = _key(self._sentence)
            if len(key) >= _FEWEST_CHARACTERS:
                self._said.add(key)
            self._sentence = ""
        return text

    def _may_be_left_out(self, start: str, key: str) -> bool:
        """Whether more text can make this beginning an echo, a lead-in, a header or a sentence said before."""
        return any(one.startswith(start) for one in (*self._echoes, *_LEAD_INS)) or any(
            one.startswith(key) for one in self._said
        )


def _start(text: str) -> str:
    """The text as it is compared, without what marks it as an item."""
    return _LIST_MARK.sub("", fold(text).lstrip(), count=1)


def _key(text: str) -> str:
    return _start(text).strip(_EDGES)


def _goes_round(tail: str) -> bool:
    """Tell whether a text ends with the same words again and again; lines that only draw a table do not count."""
    for period in range(1, _LONGEST_PERIOD + 1):
        times = max(_FEWEST_PERIODS, -(-_LOOP_CHARACTERS // period))
        last = tail[-period:]
        if tail.endswith(last * times) and any(map(str.isalpha, last)):
            return True
    return False
