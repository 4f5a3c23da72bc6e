"""Write the mean vectors of questions about nothing, see `minicpm_rag.retrieval.turned`.

python training/about_nothing.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from minicpm_rag.embedding import e5
from minicpm_rag.embedding.choice import load_embedder
from minicpm_rag.embedding.embedder import Embedder
from minicpm_rag.messages import Language
from minicpm_rag.retrieval.turned import ABOUT_NOTHING
from minicpm_rag.settings import load_settings

# Without a subject, of every kind that is asked
QUESTIONS: Mapping[Language, tuple[str, ...]] = {
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


def means(embedder: Embedder) -> dict[Language, list[float]]:
    """The mean vector of the questions in each language."""
    return {
        language: [
            round(sum(numbers) / len(asked), 4)
            for numbers in zip(*(embedder.embed_query(one) for one in asked), strict=True)
        ]
        for language, asked in QUESTIONS.items()
    }


if __name__ == "__main__":
    ABOUT_NOTHING.write_text(json.dumps(means(load_embedder(e5.NAME, load_settings().home))) + "\n", encoding="utf-8")
