"""Cut Chinese, English and mixed text into the terms that keyword search compares.

Knows no index and no scores. The same function cuts documents and questions.
"""

from __future__ import annotations

import operator
import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any

from minicpm_rag.text.scripts import UNSPACED
from minicpm_rag.text.simplified import to_simplified

RUN = "\x04"  # before a run that is kept as it stands: no character of any term, nor white space
# In scripts without spaces between words, overlapping pairs of characters stand in for words.
_WORD = rf"[^\W_{UNSPACED}]+"
_TOKEN = re.compile(rf"[{UNSPACED}]+|{_WORD}(?:[-._/@'&·+#]{_WORD})*(?:\+\+|#)?")
_PART = re.compile(r"\d+|[^\W\d_]+(?:\+\+|#)?")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# Words that ask or greet: documents that hold the answer rarely have them.
_ASKING = re.compile(
    "为什么|什么|甚么|怎么|怎样|如何|为何|哪里|哪儿|哪些|哪个|哪|谁|何时|何地|何处|多少|多久|几|吗|呢|是否|请问|"
    "你好|您好|谢谢|多谢|再见|"
    r"\b(?:what|which|who|whom|whose|when|where|why|how|many|much|is|are|was|were|do|does|did|can|could|please|"
    r"hello|hi|hey|thanks|thank|you|bye)\b"
)
# Latin, Greek and Cyrillic accents only: the marks of kana and Thai change the word.
# 二〇一三年 is 2013年: digits read one by one, of a year or with a zero among them.
_CHINESE_DIGITS = str.maketrans("〇零○一二三四五六七八九", "000123456789")
_DIGIT_BY_DIGIT = re.compile(
    "[〇零○一二三四五六七八九]{4}(?=年)|[一二三四五六七八九]{1,2}[〇○][〇零○一二三四五六七八九]{1,2}"
)
_ACCENTS = re.compile("[\u0300-\u036f]+")
_BETWEEN = "\x1e"  # texts that are folded together: a control character, which folding joins with nothing
_STEMMING = threading.Lock()  # a stemmer keeps its state in itself: one thread at a time
_UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}]")


def fold(text: str) -> str:
    """Text as it is compared: compatibility forms, case, accents, Traditional characters and years folded.

    The length may change; use `to_simplified` where offsets matter.
    """
    text = unicodedata.normalize("NFKC", to_simplified(text)).replace("’", "'").casefold()
    if text.isascii():
        return text
    text = _DIGIT_BY_DIGIT.sub(lambda match: match.group().translate(_CHINESE_DIGITS), text)
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))


def terms(text: str) -> list[str]:
    """The terms of a text in reading order, with repeats.

    A run of Han gives each character and each pair; a word gives its stem; "RX-7800" gives itself as
    one term ("rx7800") and its parts, so that either spelling finds it.
    """
    return _cut(fold(text))


def terms_of_each(texts: Sequence[str]) -> list[list[str]]:
    """The terms of each text. They are folded together, which for short texts is most of the work."""
    folded = fold(_BETWEEN.join(texts)).split(_BETWEEN)
    return list(map(_cut, folded)) if len(folded) == len(texts) else list(map(terms, texts))


def pieces(text: str) -> list[str]:
    """The terms of a text, but each run of Han as it stands, after the mark `RUN`: a third as long to keep."""
    return _cut(fold(text), runs_as_they_stand=True)


def of_pieces(pieces: Iterable[str]) -> list[str]:
    """The terms that such pieces stand for; what is none of a run is a term already."""
    found: list[str] = []
    for piece in pieces:
        if piece.startswith(RUN):
            found.extend(_of_run(piece[1:]))
        else:
            found.append(piece)
    return found


def stands_in_runs(term: str) -> bool:
    """Whether a term is a character or a pair of a script without spaces between words."""
    return _UNSPACED_CHARACTER.match(term) is not None


def _of_run(run: str) -> Iterator[str]:
    return chain(run, map(operator.add, run, run[1:]))


def _cut(folded: str, *, runs_as_they_stand: bool = False) -> list[str]:
    found: list[str] = []
    if "," in folded:
        folded = _THOUSANDS.sub("", folded)
    for token in _TOKEN.findall(folded):
        if token.isascii():  # of most words all that is left to do is to find the stem
            if token.isalpha():
                found.append(_stem(token))
            else:
                found.extend(_word_terms(token))
        elif not _UNSPACED_CHARACTER.match(token):
            found.extend(_word_terms(token))
        elif runs_as_they_stand:
            found.append(RUN + token)
        else:
            found.extend(_of_run(token))
    return found


def question_terms(question: str) -> list[str]:
    """The different terms of a question without the words that only ask or greet; none may be left."""
    return list(dict.fromkeys(terms(_ASKING.sub(" ", fold(question)))))


def _word_terms(token: str) -> list[str]:
    if token.isalpha():
        return [_stem(token)]
    parts = [_stem(part) for part in _PART.findall(token.removesuffix("'s"))]
    if len(parts) < 2:
        return parts or [token]
    # "3.14" must not become 314, while "RX-7800" and "RX7800" are the same name.
    separator = "" if any(part.isalpha() for part in parts) else "_"
    return [separator.join(_PART.findall(token)), *parts]


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    """The stem of an English word; other words as they are."""
    if not word.isascii():
        return word
    with _STEMMING:
        return str(_english_stemmer().stemWord(word))


@cache
def _english_stemmer() -> Any:
    from Stemmer import Stemmer

    return Stemmer("english", 0)  # without a cache: ours is for all threads
