"""A document in three of its own sentences, and three questions that it can answer.

Knows no model: the lines are literal sentences, the questions name headings under which something stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from minicpm_rag.answering.whole.sections import Section, central, sections, told
from minicpm_rag.messages import Message, text
from minicpm_rag.records import DocumentRow, Page
from minicpm_rag.text.questions import content_terms
from minicpm_rag.text.scripts import is_chinese

MOST = 3  # lines, and questions
_MOST_CHARACTERS = 200_000  # of a document that are read for it: half a second
_MOST_PASSED_OVER = 4  # more central rows of tables
_SHORTEST_ANSWER = 12  # characters of a sentence that may answer


@dataclass(frozen=True)
class Digest:
    """What a document says in short."""

    lines: tuple[str, ...]
    questions: tuple[str, ...]


def digest(row: DocumentRow, pages: Sequence[Page]) -> Digest:
    """The most central sentences of a document in reading order, and questions about its sections."""
    read, length = list[Page](), 0
    for page in pages:
        if length < _MOST_CHARACTERS:
            read.append(page)
            length += len(page.text)
    found = sections(row, read)
    # One sentence of each of the longest sections that tell something; more of the only one.
    telling = [part for part in found if _said(part, 1)]
    longest = sorted(telling, key=lambda part: -part.length)[:MOST]
    each = -(-MOST // max(1, len(longest)))
    lines = [line for part in telling if part in longest for line in _said(part, each)]
    headings = [heading for page in read for heading in page.headings]
    top = [heading.text for heading in headings if heading.level == min(one.level for one in headings)]
    title = top[0] if len(top) == 1 else ""
    asked = [part for part in found if _can_be_asked(part) and not title.startswith(part.heading)]
    return Digest(tuple(lines[:MOST]), tuple(_question(row, part) for part in asked)[:MOST])


def _said(part: Section, count: int) -> list[str]:
    """The most central sentences of a section, rows of tables and headings left out."""
    lines: list[str] = []
    for more in range(_MOST_PASSED_OVER):
        chosen = [statement for _, statement in central(part, count + more)]
        lines = [one.readable for one in chosen if not one.header and not one.text.startswith("#")]
        if len(lines) >= count:
            break
    return lines


def _can_be_asked(part: Section) -> bool:
    """Whether a section has a heading that says something, and a sentence that may answer."""
    is_told = any(len(statement.text) >= _SHORTEST_ANSWER for _, statement in told(part))
    return bool(is_told and content_terms(part.heading.strip("# ")))


def _question(row: DocumentRow, part: Section) -> str:
    language = "zh" if is_chinese(part.heading + part.passages[0].page_content[:200]) else "en"
    name, heading = PurePath(row.title).stem, part.heading.strip("# ")
    return text(language, Message("answering.question_about", name=name, heading=heading))  # type: ignore[arg-type]
