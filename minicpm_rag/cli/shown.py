"""How `ask` and `search` show passages to people; for programs see `minicpm_rag.fields`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minicpm_rag.cli.language import language
from minicpm_rag.cli.tables import printable

if TYPE_CHECKING:
    from langchain_core.documents import Document

_SHOWN_CHARACTERS = 300  # of a passage on the terminal


def passage_line(number: int, document: Document) -> str:
    """A numbered passage: where it stands, its score, its beginning."""
    from minicpm_rag.records import SCORE

    text = on_one_line(document.page_content)
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    score = float(document.metadata.get(SCORE, 0.0))
    return f"[{number}] {origin(document)}  {score:.3f}\n    {text}"


def origin(document: Document) -> str:
    """File, place and headings of a passage."""
    from minicpm_rag.records import HEADINGS, TITLE
    from minicpm_rag.text.places import place_of

    place = place_of(document, language())
    headings = str(document.metadata.get(HEADINGS) or "")
    parts = [str(document.metadata.get(TITLE, "")), place, f"({headings})" if headings else ""]
    return printable(" ".join(part for part in parts if part))


def on_one_line(text: str) -> str:
    """Text for one line of a terminal."""
    return printable(" ".join(text.split()))
