"""Say where what an answer quotes is in another language than the question: "the source is in English".

Knows answers and scripts; not how they were found.
"""

from __future__ import annotations

import re

from minicpm_rag.messages import Message
from minicpm_rag.records import Answer
from minicpm_rag.text.questions import language_of
from minicpm_rag.text.scripts import has_wide, is_chinese

_ENGLISH = re.compile(r"\b(?:the|of|and|to|in|is|are|was|for|with|by|on|at|from)\b", re.IGNORECASE)
_NAME = {"zh": "answering.source_in_chinese", "en": "answering.source_in_english"}


def source_note(answer: Answer) -> Message | None:
    """The note for an answer all of whose quotes are in the one language that its question is not in."""
    asked = language_of(answer.standalone_question)
    quoted = {_language(citation.quote) for citation in answer.citations}
    if not answer.standalone_question or len(quoted) != 1 or quoted <= {asked, None}:
        return None
    return Message(_NAME[quoted.pop() or asked])


def _language(text: str) -> str | None:
    """Chinese or English; None for other languages, and where the words do not tell."""
    if is_chinese(text):
        return "zh"
    return "en" if _ENGLISH.search(text) and not has_wide(text) else None
