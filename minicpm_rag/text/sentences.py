"""Where sentences begin and end in Chinese and English text, as character offsets.

Knows punctuation only: no tokenizer, no language detection, no page structure. Mixed text needs no switch:
each mark is judged by what stands around it.
"""

from __future__ import annotations

import re

from minicpm_rag.text.scripts import is_wide

# A possible end: full-width marks and line ends always count, ASCII marks only with the right neighbours.
# One class first, because the characters between marks are ruled out many times as quickly by one class as by six ways.
_MARK = re.compile(r"[。！？；｡…!?.;\n](?:(?<=[。！？；｡])[。！？；｡]*|(?<=…)…*|(?<=[!?])[!?]*|(?<=\.)\.*|)")
_ALWAYS = frozenset("。！？；｡…")
_CLOSERS = frozenset("”’」』）〕】》〉〗)]}>*_")
_STRAIGHT_QUOTES = frozenset("\"'")

# Words whose full stop does not end a sentence, lower case, without the stop.
_ABBREVIATION = re.compile(
    "mr|mrs|ms|dr|prof|sr|jr|st|mt|messrs|rev|hon|gen|col|maj|capt|lt|sgt|gov|sen|rep|pres|vs|cf|viz|al|approx|est|"
    "ca|resp|incl|figs|eqs|secs|chap|vols|ed|eds|dept|univ|e\\.?g|i\\.?e|"
    "jan|feb|mar|apr|jun|jul|aug|sept|sep|oct|nov|dec"
)
_BEFORE_NUMBER = re.compile("no|nos|p|pp|fig|eq|sec|ch|vol|art")  # an abbreviation only before a number
_TIMES = frozenset(["a.m", "p.m"])
_INITIALS = re.compile(r"[A-Z]|(?:[A-Za-z]\.)+[A-Za-z]")
_WORD_BEFORE = re.compile(r"(?<![A-Za-z.])\.*([A-Za-z][A-Za-z.]*)\Z")
_LIST_NUMBER = re.compile(r"(?:\A|[\n\s])\(?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})\Z")

_LOOK_BACK = 400  # characters: keeps a 5 MB line linear
_TITLE_LENGTH = 40  # characters between 《 and 》 at most, when a mark stands inside a title
_WRAPPED_LATIN, _WRAPPED_WIDE = 40, 25  # characters: a shorter line was ended by its writer, not by wrapping


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of every sentence; together the spans cover all text that is not white space.

    A line end closes a sentence, except where a long line was clearly wrapped in the middle of one.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for mark in _MARK.finditer(text):
        if mark.start() < start:
            continue
        end = _end_after(text, start, mark.start(), mark.end())
        if end:
            _add(spans, text, start, end)
            start = end
    _add(spans, text, start, len(text))
    return spans


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip()
    if stripped:
        start += len(piece) - len(piece.lstrip())
        spans.append((start, start + len(stripped)))


def _end_after(text: str, start: int, mark_start: int, mark_end: int) -> int:
    """Return where the sentence ends if the mark ends one, closing quotes and brackets included; else 0."""
    mark = text[mark_start]
    if mark == "\n":
        return 0 if _is_wrapped(text, start, mark_start) else mark_end
    end = _past_closers(text, start, mark_end)
    following = text[end : end + 1]
    if _inside_title(text, mark_start, mark_end):
        return 0
    if mark in _ALWAYS:
        return end
    if following and not following.isspace():
        return end if _ends_without_space(text, start, mark_start, following) else 0
    next_character = _next_character(text, end)
    if mark in "!?.…" and next_character.islower():
        return 0
    if mark == "." and mark_end - mark_start == 1 and _is_abbreviation(text, start, mark_start, next_character):
        return 0
    return end


def _ends_without_space(text: str, start: int, mark_start: int, following: str) -> bool:
    """Judge an ASCII mark with no space after it: it ends a sentence only beside Chinese: "好吗?好的"."""
    before = text[mark_start - 1] if mark_start > start else ""
    if text[mark_start] == ".":
        return is_wide(following) and following.isalpha() and before.isalnum()
    return following.isalpha() and (is_wide(following) or is_wide(before))


def _past_closers(text: str, start: int, position: int) -> int:
    while position < len(text):
        character = text[position]
        if character in _STRAIGHT_QUOTES:
            before = text[max(start, position - _LOOK_BACK) : position]
            if before.count(character) % 2 == 0:  # it would open a quotation, not close one
                break
        elif character == "~":
            if text.count("~~", start, position) % 2 == 0:  # it would open struck-out text
                break
        elif character not in _CLOSERS:
            break
        position += 1
    return position


def _inside_title(text: str, mark_start: int, mark_end: int) -> bool:
    """Tell whether the mark belongs to a title such as 《你好！世界》."""
    opened = text.rfind("《", max(0, mark_start - _TITLE_LENGTH), mark_start)
    if opened < 0 or "》" in text[opened:mark_start]:
        return False
    closed = text.find("》", mark_end, opened + _TITLE_LENGTH)
    return closed >= 0 and "\n" not in text[opened:closed]


def _next_character(text: str, position: int) -> str:
    """Return the next character that is not a space or an opening quote or bracket, "" at a line's end."""
    while position < len(text) and (text[position] in " \t\u3000\"'“‘(["):
        position += 1
    character = text[position : position + 1]
    return "" if character == "\n" else character


def _is_abbreviation(text: str, start: int, dot: int, next_character: str) -> bool:
    before = text[max(start, dot - 24) : dot]
    if _LIST_NUMBER.search(before) and not text[start:dot].strip(" \t\n\u3000(*-+#>")[:-5]:
        return True  # "1. First item"
    word_match = _WORD_BEFORE.search(before)
    if not word_match:
        return False
    word = word_match.group(1).lower()
    if _BEFORE_NUMBER.fullmatch(word):
        return next_character.isdigit()
    if _ABBREVIATION.fullmatch(word):
        return bool(next_character)
    # Initials and dotted letters: "J. Smith", "U.S. Army"; "p.m.", "etc." and ordinary words end a sentence.
    return bool(next_character) and word not in _TIMES and bool(_INITIALS.fullmatch(word_match.group()))


def _is_wrapped(text: str, start: int, newline: int) -> bool:
    """Tell whether a line end falls inside a sentence because the writer's editor wrapped the line."""
    following = text[newline + 1 : newline + 2]
    if not following or following.isspace():
        return False
    line_start = max(text.rfind("\n", max(start, newline - _LOOK_BACK), newline) + 1, start)
    line = text[line_start:newline].rstrip()
    if not line:
        return False
    if following.islower() and not is_wide(following):
        return len(line) >= _WRAPPED_LATIN and (line[-1].isalnum() or line[-1] in ",-–—\"')”’")
    if is_wide(following) and following.isalpha():
        return len(line) >= _WRAPPED_WIDE and is_wide(line[-1]) and (line[-1].isalpha() or line[-1] in "，、")
    return False
