"""Three example questions for the first screen, drawn from the user's own documents, the page's language first.

From sentences that answer them, cells of tables, and where there are none of these, headings.

Made by rules and not by a model: the first screen must appear at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from minicpm_rag.errors import NotFoundError
from minicpm_rag.messages import Language
from minicpm_rag.page.language import text
from minicpm_rag.text import asked, subjects
from minicpm_rag.text.scripts import is_chinese

if TYPE_CHECKING:
    from minicpm_rag.records import DocumentRow, Page
    from minicpm_rag.workspace import Workspace

WANTED = 3
DOCUMENTS_READ = 24
PAGES_READ = (1, 2)
RANKS = {"total": 0, "sentence": 0, "cell": 1, "heading": 2}  # of what a question was drawn from


def of(workspace: Workspace, knowledge_base: str, language: Language) -> list[str]:
    """Up to three questions, each about another document if there are enough."""
    version = workspace.library.version(knowledge_base)
    return _drawn(workspace, knowledge_base, version, language)


@st.cache_data(max_entries=32, show_spinner=False)
def _drawn(_workspace: Workspace, knowledge_base: str, version: tuple[int, int], language: Language) -> list[str]:
    newest = _workspace.library.listing(knowledge_base).newest[:DOCUMENTS_READ]
    drawn = [list(dict.fromkeys(_questions(_workspace, row))) for row in newest]
    # What two documents answer, a user would ask of one of them by its name.
    often = Counter(example.question for questions in drawn for example in questions)
    by_document = [sorted(questions, key=lambda example: often[example.question] > 1) for questions in drawn]
    in_turn = [
        questions[turn].question
        for turn in range(WANTED)
        for questions in sorted(by_document, key=lambda questions: _rank(language, questions))
        if turn < len(questions)
    ]
    return list(dict.fromkeys(in_turn))[:WANTED]


def _rank(language: Language, questions: list[_Example]) -> tuple[bool, int]:
    """Documents in the page's language first, and of these those of which the best kind was asked."""
    if not questions:
        return True, len(RANKS)
    return (language == "zh") != is_chinese(questions[0].question), RANKS[questions[0].kind]


class _Example(NamedTuple):
    question: str
    kind: str = "sentence"


def _questions(workspace: Workspace, row: DocumentRow) -> Iterator[_Example]:
    title = subjects.file_title(row.title)
    for number in PAGES_READ:
        try:
            page = workspace.library.page(row.id, number)
        except NotFoundError:
            return
        if number == 1:
            title = subjects.own_title(page) or title
        yield from _about(page, title)


def _about(page: Page, title: str) -> Iterator[_Example]:
    for name, column in subjects.table_cells(page):
        shown = subjects.in_a_sentence(column)
        yield _Example(text(_language(name + column), "example_cell", name=name, column=shown), "cell")
    for name, column in subjects.table_totals(page):
        shown = subjects.in_a_sentence(column)
        yield _Example(text(_language(name + column), "example_total", name=name, column=shown), "total")
    yield from map(_Example, asked.of_page(page))
    for subject in subjects.of_page(page):
        language, shown = _language(subject + title), subjects.in_a_sentence(subject)
        if subject.endswith(("?", "？")):
            yield _Example(subject, "heading")
        elif subject.casefold() not in title.casefold() and title.casefold() not in subject.casefold():
            told = title if language == "zh" else subjects.with_article(title)
            yield _Example(text(language, "example", title=told, subject=shown), "heading")


def _language(words: str) -> Language:
    return "zh" if is_chinese(words) else "en"
