"""Questions in another language than the table: their words are translated into the table's own.

"How much did the marketing department spend?" becomes "How much did the 市场部 spend?" over a Chinese table.
What columns are called stands in the vocabulary; the rest is found by how near two words are to the embedder, beside
how near each is to words that mean nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.mentions import (
    column_mentions,
    folded,
    is_table_in_chinese,
    stem,
    table_words,
    value_mentions,
)
from minicpm_rag.answering.tables.names import VALUES
from minicpm_rag.records import DataTable
from minicpm_rag.text.dates import date_spans
from minicpm_rag.text.questions import CHINESE_QUESTION_WORDS, chinese_words, is_content
from minicpm_rag.text.scripts import is_chinese

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from minicpm_rag.embedding.embedder import Embedder

# For texts of one language and others of the other: their cosines, and these beside how near each is to any word.
Near = Callable[[Sequence[str], Sequence[str]], "tuple[NDArray[numpy.float64], NDArray[numpy.float64]]"]

_NEAR_ENOUGH = 0.06  # beside any word: translations lie at .06 to .15, words that only go together below .06
_AHEAD = 0.02  # of the next best
_ABOUT_AS_NEAR = 0.005  # a name and a value: "tea" means 茶叶, which the table is about, no 白茶 of it
_NEAR_IN_PART = 0.045  # each word of several: a green tea is no white one
_MOST_TEXTS = 40  # of a table, that are compared
_PLURAL = re.compile(r"(?<=[a-z]{2})(?<!s)s$")
_GENERAL_END = re.compile(
    r"部门|[类队部组区店级款]|\s+(?:department|dept|team|region|division|group|branch|category)\b"
)
_MOST_SPANS = 16
_LONGEST = 3  # words of a span
# Words that mean nothing in particular.
_ANY_EN = ("number", "name", "place", "person", "thing", "time", "day", "part", "book", "water", "house", "work")
_ANY_ZH = ("号码", "名字", "地方", "人", "东西", "时间", "日子", "部分", "书", "水", "房子", "工作")
_PATTERNS: tuple[re.Pattern[str], ...] = (
    *(one[0] for one in words.SUPERLATIVES),
    *(one[0] for one in words.COMPARISONS),
    *(one[1] for one in (*words.PERIODS, *words.ASKED_PERIODS)),
    *(words.TOP, words.SUM, words.MEAN, words.COUNT, words.MEDIAN, words.DIFFERENCE, words.SHARE, words.EACH_ROW),
    re.compile(r"哪一?[个些种位款类条项名台份本辆间张批]"),
    *(words.LIST, words.WHO, words.HOW_MUCH, words.DISTINCT, words.SPREAD, words.RESPECTIVELY),
)


def is_abroad(question: str, table: DataTable) -> bool:
    """Whether a table's columns are called in the other language than the question's."""
    return is_table_in_chinese(table) != is_chinese(question)


@dataclass(frozen=True)
class Exchanged:
    """A question in a table's words, and which words were exchanged for which."""

    question: str
    words: tuple[tuple[str, str], ...] = ()


def in_its_words(question: str, table: DataTable, near: Near) -> Exchanged:
    """The question with the words that mean a column, a value or the table itself as the table writes them."""
    plain = folded(question)
    known = _known(plain, question, table)
    instead = dict(_by_vocabulary(plain, known, table))
    for start, end in instead:
        known[start:end] = [True] * (end - start)
    instead |= _by_nearness(question, _spans(plain, known)[:_MOST_SPANS], table, near)
    told = []
    for (start, end), text in sorted(instead.items(), reverse=True):
        told.append((question[start:end], text))
        after = _GENERAL_END.match(plain, end)
        question = f"{question[:start]} {text} {question[after.end() if after else end :]}"
    return Exchanged(question, tuple(reversed(told)))


def _by_vocabulary(plain: str, known: Sequence[bool], table: DataTable) -> Iterator[tuple[tuple[int, int], str]]:
    """Values that have a usual name in both languages: departments, states of an order."""
    texts = [text for column in table.columns for text in column.texts]
    for english, chinese in VALUES:
        pattern, own = (chinese, english) if is_chinese(plain) else (rf"\b(?:{english})\b", chinese)
        match = re.search(pattern, plain)
        fitting = [text for text in dict.fromkeys(texts) if re.search(own, folded(text))]
        if match is not None and len(fitting) == 1 and not any(known[match.start() : match.end()]):
            yield match.span(), fitting[0]


def _by_nearness(
    question: str, spans: Sequence[tuple[int, int]], table: DataTable, near: Near
) -> dict[tuple[int, int], str]:
    titles, columns, values = _title(table), _columns(table), _values(table)
    own = [*titles, *columns, *values]
    if not spans or not own:
        return {}
    said = [_PLURAL.sub("", question[start:end]) for start, end in spans]
    parts = sorted({part for one in said for part in _parts(one)})
    cosines, scores = near([*said, *parts], own)
    of_parts = dict(zip(parts, scores[len(said) :], strict=True))
    found = []
    for span, text, cosine, score in zip(spans, said, cosines, scores, strict=False):
        best = _best(cosine, score, len(titles), len(titles) + len(columns))
        if best is None or min(float(of_parts[part][best]) for part in _parts(text)) < _NEAR_IN_PART:
            continue
        pieces = [piece for piece in _parts(own[best]) if piece != own[best]]
        if pieces and near([text], pieces)[1].max() >= score[best]:
            continue  # "treatment" is 治疗, a part of what 根管治疗 says
        found.append((float(score[best]), span, own[best]))
    chosen: dict[tuple[int, int], str] = {}
    for _, span, text in sorted(found, reverse=True):
        if all(span[1] <= start or end <= span[0] for start, end in chosen):
            chosen[span] = text
    return chosen


def _best(cosine: NDArray[numpy.float64], score: NDArray[numpy.float64], titles: int, names: int) -> int | None:
    """Which of the table's words is meant: what it is about, else a column or a value that is clearly nearest."""
    nearest = int(score.argmax())
    if nearest >= names and not (int(cosine.argmax()) == nearest and _is_ahead(score, nearest)):
        if not names or cosine[:names].max() < cosine.max() - _ABOUT_AS_NEAR:
            return None
        nearest = int(score[:names].argmax())
    is_clear = nearest < titles or nearest >= names or _is_ahead(score[:names], nearest)
    return nearest if is_clear and score[nearest] >= _NEAR_ENOUGH else None


def _is_ahead(score: NDArray[numpy.float64], best: int) -> bool:
    return bool(sum(score >= score[best] - _AHEAD) == 1)


def nearness(embedder: Embedder) -> Near:
    """A function that tells how near texts of one language are to texts of the other."""
    import numpy

    def vectors(some: Sequence[str]) -> NDArray[numpy.float64]:
        return numpy.array([_vector(embedder, one) for one in some])

    def near(texts: Sequence[str], others: Sequence[str]) -> tuple[NDArray[numpy.float64], NDArray[numpy.float64]]:
        beside, beside_others = (_ANY_ZH, _ANY_EN) if is_chinese(texts[0]) else (_ANY_EN, _ANY_ZH)
        own, other = vectors(texts), vectors(others)
        any_own, any_other = vectors(beside), vectors(beside_others)
        cosines: NDArray[numpy.float64] = own @ other.T
        to_any = (own @ any_other.T).mean(axis=1, keepdims=True)
        from_any = (any_own @ other.T).mean(axis=0, keepdims=True)
        return cosines, cosines - to_any - from_any + (any_own @ any_other.T).mean()

    return near


@lru_cache(maxsize=5_000)
def _vector(embedder: Embedder, text: str) -> tuple[float, ...]:
    return tuple(embedder.embed_query(text))


def _title(table: DataTable) -> list[str]:
    """What the table is called after, in its language, where no column is called so."""
    _, runs = table_words([table])
    called = folded(f"{table.title.rpartition('.')[0]} {table.label} {table.caption}")
    words = [word for run in runs for word, kind in chinese_words(run) if kind[0] in "nv" and len(word) > 1]
    words += re.findall(r"[a-z]{3,}", called)
    columns = {stem(folded(column.name.strip())) for column in table.columns}
    return [
        one
        for one in dict.fromkeys(words)
        if is_chinese(one) == is_table_in_chinese(table) and stem(one) not in columns
    ]


def _columns(table: DataTable) -> list[str]:
    """What its columns are called but those of numbers: a fee for fuel is near to expenses, and no name of them."""
    names = dict.fromkeys(column.name.strip() for column in table.columns if column.kind != "number")
    return [one for one in names if one and is_chinese(one) == is_table_in_chinese(table)]


def _values(table: DataTable) -> list[str]:
    """The texts of its columns; codes are in no language."""
    texts = dict.fromkeys(text for column in table.columns for text in column.texts)
    return [one for one in texts if is_chinese(one) == is_table_in_chinese(table) and not any(map(str.isdigit, one))][
        :_MOST_TEXTS
    ]


def _known(plain: str, question: str, table: DataTable) -> list[bool]:
    """Which characters are understood as they are."""
    known = [False] * len(plain)
    told = [(one.start, one.end) for one in column_mentions(plain, [table])]
    told += [(one.start, one.end) for one in value_mentions(plain, question, [table], lambda *_: ())]
    told += [(one.start, one.end) for one in date_spans(plain)]
    told += [match.span() for pattern in _PATTERNS for match in pattern.finditer(plain)]
    for start, end in told:
        known[start:end] = [True] * (end - start)
    return known


def _spans(plain: str, known: Sequence[bool]) -> list[tuple[int, int]]:
    """Where words may mean something of the table: one, or several beside each other; the longest first."""
    single = list(_words(plain, known))
    found = []
    for first in range(len(single)):
        for last in range(first, min(first + _LONGEST, len(single))):
            start, end = single[first][0], single[last][1]
            if not any(known[start:end]) and all(
                not plain[one[1] : two[0]].strip(" -&")
                for one, two in zip(single[first:last], single[first + 1 :], strict=False)
            ):
                found.append((start, end))
    return sorted(found, key=lambda span: span[0] - span[1])


def _words(plain: str, known: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Where the words are that nothing explains yet and that may mean something."""
    if not is_chinese(plain):
        for match in re.finditer(r"[a-z]{2,}(?:&[a-z]+)?", plain):
            is_open = not any(known[match.start() : match.end()])
            if is_open and match.group() not in words.FILLER_WORDS and is_content(match.group()):
                yield match.span()
        return
    # What is between two known words is cut for itself: 车|里程 would be read as 车里|程.
    open_ = "".join(" " if one else character for character, one in zip(plain, known, strict=True))
    for run in re.finditer(r"\S+", open_):
        at = run.start()
        for word, kind in chinese_words(run.group()):
            start, at = at, at + len(word)
            is_filler = CHINESE_QUESTION_WORDS.fullmatch(word) or words.FILLERS.fullmatch(word)
            if kind[0] in "nvajblitz" and not is_filler:
                yield start, at


def _parts(text: str) -> list[str]:
    """The words of a span."""
    return [word for word, _ in chinese_words(text)] if is_chinese(text) else text.split()
