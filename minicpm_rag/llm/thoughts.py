"""Tell a reasoning model's thoughts from its answer, while the text arrives.

Models write them as `<think>...</think>` and in other marks at the beginning of their text. Where the chat template
wrote the opening mark into the prompt, only the closing one comes: all before it was a thought, although it may have
been shown. Knows no model.
"""

from __future__ import annotations

import re

# opening -> closing
_MARKS = {
    "<think>": "</think>",
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<|thought_start|>": "<|thought_end|>",
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
}
_CLOSING = re.compile("|".join(map(re.escape, _MARKS.values())))


class Anew(str):
    """A piece of text that takes the place of all before it: that was a thought."""

    __slots__ = ()


class Thoughts:
    """Passes a model's text on without its thoughts, piece by piece.

    With `begins_inside` the text begins with a thought whose opening mark is not there: nothing is passed on before
    the closing one, or before the end where none comes.
    """

    def __init__(self, *, begins_inside: bool = False) -> None:
        self.found = False  # whether there were any
        self._held = ""  # not passed on yet
        self._given: list[str] = []  # all that was passed on
        self._stage = "before"  # before, in or after the thoughts
        self._closing = ""
        self._begins_inside = begins_inside
        self._thought: list[str] = []  # all that is known, or taken, to be a thought
        self._untold: list[str] = []
        self._is_revoked = False  # what was told before was no thought

    def told(self) -> str:
        """What was thought since this was last asked; an `Anew` where thoughts before it were none."""
        untold, self._untold = "".join(self._untold), []
        is_revoked, self._is_revoked = self._is_revoked, False
        return Anew(untold) if is_revoked else untold

    def add(self, piece: str) -> str:
        """What can be passed on now; an `Anew` where what was passed on before turned out to be thoughts."""
        self._held += piece
        if self._stage == "before":
            self._begin()
        if self._stage == "in":
            before, ended, after = self._held.partition(self._closing)
            if not ended:
                self._think_whole()
                return ""
            self._think(before)
            self._held, self._stage = after.lstrip(), "after"
            self._given = []
        if self._stage == "before":
            return ""
        return self._pass_on(final=False)

    def finish(self) -> str:
        """What is left when the text has ended."""
        if self._stage == "in":
            self._think(self._held)
            self._held = ""
            return ""
        if self._stage == "before" and self._thought:  # nothing closed what was taken for a thought
            self._held = "".join(self._thought) + self._held
            self._thought, self._untold, self._is_revoked = [], [], True
        self._stage = "after"
        return self._pass_on(final=True)

    def _begin(self) -> None:
        start = self._held = self._held.lstrip()
        for opening, closing in _MARKS.items():
            if start.startswith(opening):
                self._stage, self._closing, self.found = "in", closing, True
                self._held = start[len(opening) :]
                return
        if self._begins_inside:
            if lone := _CLOSING.search(self._held):
                self._stage, self._closing, self.found = "in", lone.group(), True
            elif self._thought or not any(opening.startswith(start) for opening in _MARKS):
                self._think_whole()
            return
        if start and not any(opening.startswith(start) for opening in _MARKS):
            self._held, self._stage = start, "after"

    def _think(self, text: str) -> None:
        """Count a text to the thoughts."""
        text = text if self._thought else text.lstrip()
        if text:
            self._thought.append(text)
            self._untold.append(text)

    def _think_whole(self) -> None:
        """Count what is held to the thoughts, but for an end that may begin a closing mark."""
        length = len(self._held) - _half_mark(self._held)
        self._think(self._held[:length])
        self._held = self._held[length:]

    def _pass_on(self, *, final: bool) -> str:
        lone = _CLOSING.search(self._held)
        if lone and not self.found and not self._is_quoted(lone):
            self.found = True
            self._think("".join(self._given) + self._held[: lone.start()])
            self._held = self._held[lone.end() :].lstrip()
            self._given = [self._held] if self._held else []
            text, self._held = self._held, ""
            return Anew(text)
        if not self._given:
            self._held = self._held.lstrip()
        length = len(self._held) if final else len(self._held) - _half_mark(self._held)
        text, self._held = self._held[:length], self._held[length:]
        if text:
            self._given.append(text)
        return text

    def _is_quoted(self, closing: re.Match[str]) -> bool:
        """Whether the text itself speaks of the mark: its opening one is there too."""
        before = "".join(self._given) + self._held[: closing.start()]
        return any(opening in before for opening, end in _MARKS.items() if end == closing.group())


def _half_mark(text: str) -> int:
    """Length of the longest end of the text that may begin a closing mark."""
    return max(
        (length for mark in _MARKS.values() for length in range(1, len(mark)) if text.endswith(mark[:length])),
        default=0,
    )
