"""Tells text that is none: letters drawn one by one, or characters that a font's table names wrongly.

Measures the share of what no language writes, so it needs no dictionary. Judges a page, not a sentence.
"""

from __future__ import annotations

import re

from minicpm_rag.text.scripts import count_han

_LOOKED_AT = 2_500  # characters
_MOST_LONE = 0.4  # share of paragraphs that are one letter
_FEWEST_PARAGRAPHS = 12
_MOST_STRANGE = 0.35  # share of words that no language has
_FEWEST_WORDS = 12
_FEWEST_WORDS_IN_CAPITALS, _MOST_CAPITALS, _MOST_DIGITS = 40, 0.6, 0.05  # of prose in capitals, not of abbreviations
_MOST_RARE = 0.4  # share of Han characters that are in no national set of the 1980s
_FEWEST_HAN = 20

_LETTERS = "A-Za-z\u00c0-\u024f"
_CONSONANT = (
    "b-df-hj-np-tv-xzB-DF-HJ-NP-TV-XZ\u00c7\u00d0\u00d1\u00df\u00e7\u00f1\u0106-\u0111\u0131\u0139-\u0148\u0154-\u0167"
)
_WORD = re.compile(rf"(?<![\w'’])[{_LETTERS}]{{3,}}")
_CAPITALS = re.compile(r"(?<![\w'’])\d?[A-Z]{3,}(?!\w)")
_ADDRESS = re.compile(r"(?<!\S)\S{0,40}(?:www\.|://|@)\S*")
# What no language writes: words without a vowel, six consonants in a row, a capital after small letters.
_STRANGE = re.compile(
    rf"(?<![\w'’])\d?(?:[{_CONSONANT}]{{3,}}(?![\w'’])|[{_LETTERS}]*?[{_CONSONANT}]{{6}}|[a-z]{{1,2}}[A-Z])"
)
_ABBREVIATION = re.compile(rf"(?<![\w'’])(?=[A-Z]{{3,6}}(?!\w))[{_CONSONANT}]+(?![\w'’])")


def is_poor(text: str) -> bool:
    """Whether a page's text is not what is drawn there."""
    text = text[:_LOOKED_AT]
    paragraphs = [line for line in text.split("\n") if line and not line.startswith("|")]
    lone = sum(len(paragraph.strip()) == 1 and paragraph.strip().isalpha() for paragraph in paragraphs)
    if lone >= _FEWEST_PARAGRAPHS and lone > _MOST_LONE * len(paragraphs):
        return True
    han = count_han(text)
    if han >= _FEWEST_HAN and sum(map(_is_rare, text)) > _MOST_RARE * han:
        return True
    text = _ADDRESS.sub(" ", text)
    words, strange = len(_WORD.findall(text)), len(_STRANGE.findall(text))
    if han > words or strange <= _MOST_STRANGE * words:  # a page in Chinese, with names and units among it
        return False
    abbreviations = len(_ABBREVIATION.findall(text))
    digits = sum(map(str.isdigit, text))
    prose_in_capitals = (
        words >= _FEWEST_WORDS_IN_CAPITALS
        and len(_CAPITALS.findall(text)) > _MOST_CAPITALS * words
        and digits < _MOST_DIGITS * len(text)
        and not han
    )
    if not prose_in_capitals:  # lists of values name them by three letters
        words, strange = words - abbreviations, strange - abbreviations
    return words >= _FEWEST_WORDS and strange > _MOST_STRANGE * words


def _is_rare(character: str) -> bool:
    """Whether a Han character is in neither of the sets that Chinese computers began with."""
    if not "\u4e00" <= character <= "\u9fff":
        return False
    for encoding in ("gb2312", "big5", "shift_jis"):
        try:
            character.encode(encoding)
        except UnicodeEncodeError:
            continue
        return False
    return True
