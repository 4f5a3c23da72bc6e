"""Lines drawn through text: what they strike out was withdrawn.

A PDF has no struck-out text, but a line of its own at half the height of the letters, from the first to the last.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from minicpm_rag.loaders.pdf.drawing import Rule
from minicpm_rag.loaders.pdf.lines import Fragment

_LOWEST, _HIGHEST = 0.25, 0.7  # of the letters' height; what lies lower underlines
_MOST = 40  # lines through one line of text; more are hatching
_NEAR = 0.25  # of the font's size: between the ends of a line and those of the letters


class Strikes:
    """The level lines of a page, by their height."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules = sorted(rules, key=lambda rule: rule.at)
        self._heights = [rule.at for rule in self._rules]

    def through(self, fragment: Fragment) -> list[tuple[int, int]]:
        """The parts of a fragment's text that are struck out. A line that goes on beyond it is no strike."""
        first = bisect_left(self._heights, fragment.bottom + _LOWEST * fragment.height)
        last = bisect_left(self._heights, fragment.bottom + _HIGHEST * fragment.height)
        if last - first > _MOST:
            return []
        return sorted(filter(None, (self._part(rule, fragment) for rule in self._rules[first:last])))

    def _part(self, rule: Rule, fragment: Fragment) -> tuple[int, int] | None:
        near = _NEAR * fragment.size
        if rule.start < fragment.left - near or rule.end > fragment.right + near:
            return None
        places = range(fragment.start, fragment.end)
        left, right = fragment.characters.left, fragment.characters.right
        under = [place for place in places if rule.start <= (left[place] + right[place]) / 2 <= rule.end]
        text = fragment.characters.text
        under = [place for place in under if not text[place].isspace()]
        if not under:
            return None
        starts, ends = float(left[under[0]]), float(right[under[-1]])
        if abs(rule.start - starts) > near or abs(rule.end - ends) > near:
            return None
        return under[0] - fragment.start, under[-1] + 1 - fragment.start
