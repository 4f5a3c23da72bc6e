"""Three questions to begin with, drawn from headings and rows of the person's own documents.

It does not ask a model: the first screen must be there at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.errors import NotFoundError
from minicpm_rag.page import strings

if TYPE_CHECKING:
    from minicpm_rag.records import DocumentRow, Page
    from minicpm_rag.workspace import Workspace

WANTED = 3
DOCUMENTS_READ = 12
LONGEST_SUBJECT = 40


def of(workspace: Workspace, knowledge_base: str) -> list[str]:
    """Up to three questions, each about another document where there are as many."""
    generation = workspace.library.generation(knowledge_base)
    return _drawn(workspace, knowledge_base, generation)


@st.cache_data(max_entries=32, show_spinner=False)
def _drawn(_workspace: Workspace, knowledge_base: str, generation: int) -> list[str]:
    documents = [row for row in _workspace.library.documents(knowledge_base) if row.status == "ready"]
    newest = sorted(documents, key=lambda row: row.indexed_at, reverse=True)[:DOCUMENTS_READ]
    by_document = [list(_questions(_workspace, row)) for row in newest]
    chosen: list[str] = []
    for turn in range(WANTED):
        for questions in by_document:
            if turn < len(questions) and len(chosen) < WANTED and questions[turn] not in chosen:
                chosen.append(questions[turn])
    return chosen


def _questions(workspace: Workspace, row: DocumentRow) -> Iterator[str]:
    title = PurePath(row.title).stem.replace("_", " ").replace("-", " ")
    for number in (1, 2):
        try:
            page = workspace.library.page(row.id, number)
        except NotFoundError:
            return
        for subject in _subjects(page):
            if subject.endswith(("?", "？")):
                yield subject
            elif subject != title:
                language: strings.Language = "zh" if re.search(r"[\u4e00-\u9fff]", subject + title) else "en"
                yield strings.text(language, "example", title=title, subject=subject)


def _subjects(page: Page) -> Iterator[str]:
    """Headings, those below the title first, and the first cells of table rows; else the first line."""
    lower = [heading for heading in page.headings if heading.level > 1] or list(page.headings[1:])
    lower += [heading for heading in page.headings[:1] if heading not in lower]
    for heading in lower:
        subject = re.sub(r"^[\s\d.、()（）一二三四五六七八九十]+(?=\S)", "", heading.text).strip()
        if 2 <= len(subject) <= LONGEST_SUBJECT:
            yield subject
    for table in page.tables:
        for start, _ in table.rows[:2]:
            line = page.text[start : page.text.find("\n", start) if "\n" in page.text[start:] else None]
            subject = re.split(r"[|\t,，]", line.strip("| "))[0].strip()
            if 2 <= len(subject) <= LONGEST_SUBJECT:
                yield subject
    if not (page.headings or page.tables):
        yield page.text.strip().split("\n")[0].strip()[:LONGEST_SUBJECT]
