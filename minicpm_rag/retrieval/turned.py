"""The vectors a question is searched by: without what every question has, and turned to the other language.

A question's vector lies near the vectors of all questions, so that passages near those are near to it whatever is
asked; and it lies nearer to every text of its own language than to what answers it in the other. Both are directions
that questions about nothing show, so taking them away costs no search. Knows embedders and languages, no passages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minicpm_rag.embedding.embedder import Embedder
    from minicpm_rag.messages import Language

COMMON = 0.5  # how much of the vector of questions about nothing is taken away; .3 to .8 find alike
TURN = 0.6  # how far to go from the one language to the other; from .5 on nearly all that is found is in the other
# Without a subject, of every kind that is asked
_ABOUT_NOTHING: Mapping[Language, tuple[str, ...]] = {
    "zh": (
        "这是什么？", "多少钱？", "什么时候？", "谁负责？", "在哪里？", "为什么？",
        "怎么办？", "有多少个？", "需要多长时间？", "可以吗？", "有什么要求？", "怎么联系？",
    ),
    "en": (
        "What is it?", "How much does it cost?", "When is it?", "Who is responsible?", "Where is it?", "Why is that?",
        "How is it done?", "How many are there?", "How long does it take?", "Is it allowed?", "What is required?",
        "How can they be reached?",
    ),
}  # fmt: skip


def without_common(vector: Sequence[float], language: Language, embedder: Embedder) -> list[float]:
    """The vector of a question in that language, without what it has in common with every question."""
    about_nothing = _about_nothing(embedder)[language]
    return [number - COMMON * common for number, common in zip(vector, about_nothing, strict=True)]


def turned_abroad(vector: Sequence[float], language: Language, embedder: Embedder) -> list[float]:
    """The same, turned from texts in its own language to those in the other."""
    about_nothing = _about_nothing(embedder)
    own, other = about_nothing[language], about_nothing["en" if language == "zh" else "zh"]
    return [
        number - COMMON * one + TURN * (another - one) for number, one, another in zip(vector, own, other, strict=True)
    ]


@lru_cache(maxsize=2)
def _about_nothing(embedder: Embedder) -> dict[Language, list[float]]:
    """The mean vector of the questions about nothing in each language."""
    return {language: _mean([embedder.embed_query(one) for one in asked]) for language, asked in _ABOUT_NOTHING.items()}


def _mean(vectors: Sequence[Sequence[float]]) -> list[float]:
    return [sum(numbers) / len(vectors) for numbers in zip(*vectors, strict=True)]
