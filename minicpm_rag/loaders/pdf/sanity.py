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
_MOST_RARE = 0.4  # share of Han characters that are in no national set of the 1980s
_FEWEST_HAN = 20

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\w+")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_VOWEL = re.compile(
    r"[aeiouyAEIOUY\u00c0-\u00c6\u00c8-\u00cf\u00d2-\u00d6\u00d8-\u00dd\u00e0-\u00e6\u00e8-\u00ef\u00f2-\u00f6\u00f8-\u00ff\u0100-\u0105\u0112-\u011b\u0128-\u0131\u014c-\u0151\u0168-\u0173]"
)
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxzBCDFGHJKLMNPQRSTVWXZ]{6}")


def is_poor(text: str) -> bool:
    """Whether a page's text is not what is drawn there."""
    text = text[:_LOOKED_AT]
    paragraphs = [paragraph for paragraph in re.split(r"\n+", text) if not paragraph.startswith("|")]
    lone = sum(len(paragraph.strip()) == 1 and paragraph.strip().isalpha() for paragraph in paragraphs)
    if lone >= _FEWEST_PARAGRAPHS and lone > _MOST_LONE * len(paragraphs):
        return True
    han = count_han(text)
    if han >= _FEWEST_HAN and sum(map(_is_rare, text)) > _MOST_RARE * han:
        return True
    words = [word for word in _WORD.findall(text) if len(word) > 2 and _LATIN.match(word)]
    strange = sum(map(_is_strange, words))
    return len(words) >= _FEWEST_WORDS and strange > _MOST_STRANGE * len(words)


def _is_strange(word: str) -> bool:
    """Whether a word of Latin letters is none in any language: no vowel, no end of consonants, capitals inside."""
    if word.isupper() and len(word) <= 6:
        return False  # an abbreviation
    return not _VOWEL.search(word) or _CONSONANTS.search(word) is not None or _has_capital_inside(word)


def _has_capital_inside(word: str) -> bool:
    return not word.isupper() and any(b.isupper() for b in word[1:]) and not word[0].isupper()


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
