"""Correct typing errors of a question by the words that a library holds: letters or characters that changed places,
letters left out or typed twice.

Only a word is changed that neither the library holds nor the embedder knows as a word, and only into one that the
library holds. A letter exchanged for another is left alone: Marten may be mistyped, or somebody else than Martin.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence

from minicpm_rag.text.scripts import HAN
from minicpm_rag.text.terms import fold, terms

Count = Callable[[Sequence[str]], Mapping[str, int]]  # in how many texts of the library each term occurs
IsWord = Callable[[str], bool]

_WORD = re.compile(r"(?<![A-Za-z'’-])[A-Za-z]{4,24}(?![A-Za-z-]|['’](?!s\b))")
_HAN_RUN = re.compile(rf"[{HAN}]{{3,}}")
_ENDING = re.compile(r"(?<=[a-z]{5})(?:e?s|e?d)$")
_SHORTEST_TERM = 4  # letters of the term of what was meant: "friing" has that of Fri, and is no word
_MOST_WORDS = 40  # in one question


def corrected(question: str, count: Count, is_word: IsWord) -> str:
    """The question with the words that nobody knows replaced by the likeliest that the library holds."""
    return _with_words_corrected(_with_characters_in_order(question, count), count, is_word)


def _with_words_corrected(question: str, count: Count, is_word: IsWord) -> str:
    words = [match.group() for match in list(_WORD.finditer(question))[:_MOST_WORDS]]
    known = count([_term(word) for word in words])
    instead: dict[str, str] = {}
    for word in words:
        if known.get(_term(word)) or is_word(word):
            continue
        typed = fold(word)
        # A longer word whose stem begins the typed one is no correction: "summariize" has the stem of "summary".
        # Nor is another ending: who "supplies" is no mistyped "suppliers".
        ended = _ENDING.sub("", typed) if _ENDING.search(typed) else None
        possible = [
            one
            for one in _possible(typed)
            if len(one) <= len(typed)
            or not (typed.startswith(_term(one)) or (ended is not None and one.startswith(ended)))
        ]
        possible = [one for one in possible if len(_term(one)) >= _SHORTEST_TERM]
        found = count(list(dict.fromkeys(map(_term, possible))))
        best = max(possible, key=lambda other: found.get(_term(other), 0), default=word)
        if found.get(_term(best)):
            instead[word] = best
    return _WORD.sub(lambda match: instead.get(match.group(), match.group()), question) if instead else question


def _possible(word: str) -> Iterator[str]:
    """What was meant, if two letters changed places, one after the first was left out, or one was typed twice.

    Hardly anybody leaves out the first letter, and many words are another one without it: (p)lease, (l)earning.
    """
    for place in range(len(word) - 1):
        if word[place] != word[place + 1]:
            yield word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        else:
            yield word[:place] + word[place + 1 :]
    for place in range(1, len(word) + 1):
        for letter in string.ascii_lowercase:
            yield word[:place] + letter + word[place:]


def _with_characters_in_order(question: str, count: Count) -> str:
    """Two Han characters change places where that makes pairs that the library holds of pairs that it does not."""
    for run in _HAN_RUN.findall(question)[:_MOST_WORDS]:
        folded = fold(run)
        if len(folded) != len(run):
            continue
        swapped = [folded[:at] + folded[at + 1] + folded[at] + folded[at + 2 :] for at in range(len(run) - 1)]
        known = count(list({text[at : at + 2] for text in (folded, *swapped) for at in range(len(run) - 1)}))
        for at, other in enumerate(swapped):
            around = range(max(0, at - 1), min(len(run) - 1, at + 2))
            held_before = sum(known.get(folded[place : place + 2], 0) > 0 for place in around)
            held_after = sum(known.get(other[place : place + 2], 0) > 0 for place in around)
            if held_before == 0 and held_after >= 2:
                order = run[:at] + run[at + 1] + run[at] + run[at + 2 :]
                question = question.replace(run, order, 1)
                break
    return question


def _term(word: str) -> str:
    return terms(word)[0]
