"""In which language an answer is worded, and how long it is, where a user chose. Quotes stay as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from minicpm_rag.messages import Language
from minicpm_rag.text.questions import language_of

Length = Literal["short", "normal", "detailed"]
LENGTHS: tuple[Length, ...] = ("short", "normal", "detailed")


@dataclass(frozen=True)
class Style:
    """`language` None is that of the question."""

    language: Language | None = None
    length: Length = "normal"

    def language_for(self, question: str) -> Language:
        """The language in which a question is answered."""
        return self.language or language_of(question)


AS_ASKED = Style()
