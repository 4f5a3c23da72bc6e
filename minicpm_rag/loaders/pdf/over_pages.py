"""Sentences over the end of a page: the page where one begins takes its rest, so that a chunk holds it whole."""

from __future__ import annotations

from minicpm_rag.loaders.pdf.layout import PageText
from minicpm_rag.text.scripts import is_wide
from minicpm_rag.text.sentences import sentence_spans

_ENDS = frozenset("。！？!?.…：:；;」』”\"'）)】]")
_LONGEST = 1_000  # characters of a rest


def rest_of_sentence(page: PageText, following: PageText) -> int:
    """How many of the next page's first characters end the sentence that the page's last paragraph leaves open."""
    if not (page.ends_open and following.begins_open and page.text and following.text):
        return 0
    last, first = page.text.rstrip()[-1], following.text[0]
    if last in _ENDS:
        return 0
    paragraph = following.text.partition("\n")[0]
    goes_on = first.islower() or (is_wide(last) and is_wide(first)) or (last in ",，、" and first.isalnum())
    if not goes_on:
        return 0
    spans = sentence_spans(paragraph)
    return spans[0][1] if spans and spans[0][1] <= _LONGEST else 0


def joined(page: PageText, following: PageText, length: int) -> tuple[PageText, int]:
    """The page with the first characters of the next one after its last, and where these begin.

    They have no place on the page itself.
    """
    text, rest = page.text.rstrip(), following.text[:length]
    if text[-1] in "-\u2010" and text[-2:-1].isalpha() and rest[0].islower():
        text = text[:-1]
    elif not (is_wide(text[-1]) or is_wide(rest[0])):
        rest = f" {rest}"
    origins = page.origins[: len(text)] + [-1] * len(rest)
    whole = PageText(text + rest, origins, page.headings, page.tables, page.begins_open, page.ends_open)
    return whole, len(text)
