"""A document in short is said in its own words, and the questions that are offered are answered by it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from minicpm_rag.answering.whole.digest import MOST, digest
from minicpm_rag.settings import load_settings
from minicpm_rag.workspace import Workspace, open_workspace


@pytest.fixture
def workspace(knowledge_home: Path, tmp_path: Path) -> Iterator[Workspace]:
    shutil.copytree(knowledge_home, tmp_path / "copy")
    with open_workspace(load_settings(home=tmp_path / "copy")) as opened:
        yield opened


def test_each_line_is_a_sentence_of_the_document_and_no_heading(workspace: Workspace) -> None:
    library = workspace.library
    for row in library.documents("default"):
        text = "\n".join(library.page_texts(row.id).values())
        found = digest(row, library.pages(row.id))
        assert len(found.lines) == (0 if row.title.endswith((".csv", ".xlsx")) else MOST), row.title
        for line in found.lines:
            assert "".join(line.split())[-12:] in "".join(text.replace("|", "").split()), line
            assert not line.startswith("#")


def test_questions_name_the_document_and_a_heading_in_its_language(workspace: Workspace) -> None:
    library = workspace.library
    rows = {row.title: row for row in library.documents("default")}
    asked = digest(rows["员工手册.pdf"], library.pages(rows["员工手册.pdf"].id)).questions
    assert len(asked) == MOST and asked[2] == "《员工手册》中关于“第三章 休假”是怎么说的？"
    asked = digest(rows["employee_handbook.docx"], library.pages(rows["employee_handbook.docx"].id)).questions
    assert "What does employee_handbook say about 'Working hours'?" in asked


def test_what_is_offered_is_answered_from_its_document(workspace: Workspace) -> None:
    library, chain = workspace.library, workspace.chain("default")
    (row,) = (row for row in library.documents("default") if row.title == "employee_handbook.docx")
    answers = [chain.invoke(question) for question in digest(row, library.pages(row.id)).questions]
    assert [one.mode for one in answers].count("refused") <= 1
    cited = {citation.document.metadata["title"] for one in answers for citation in one.citations}
    assert cited == {"employee_handbook.docx"}
