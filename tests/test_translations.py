from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from minicpm_rag import records
from minicpm_rag.page import translations

PACKAGE = Path(records.__file__).parent
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Files whose DocumentErrors become verdicts on the page; evaluation's concern question files.
READERS = [
    *sorted(PACKAGE.glob("loaders/*.py")), *sorted(PACKAGE.glob("pdf/*.py")),
    PACKAGE / "encodings.py", PACKAGE / "ingest.py",
]  # fmt: skip


def sentences() -> list[str]:
    found = set()
    for file in READERS:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "DocumentError":
                found |= {words for argument in node.args if (words := example(argument))}
    return sorted(found)


def example(node: ast.expr) -> str:
    """The sentence with something put in for what varies."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "X1" for part in node.values)
    return ""


@pytest.mark.parametrize("english", sentences())
def test_every_verdict_on_a_file_is_told_in_chinese(english: str) -> None:
    chinese = translations.chinese(english)
    assert CHINESE.search(chinese), f"add a translation of {english!r}"
    assert ("X1" in chinese) == ("X1" in english)


@pytest.mark.parametrize("english", [*translations._FILES, *translations._ERRORS])
def test_every_translation_fits_its_own_sentence(english: str) -> None:
    template = (translations._FILES | translations._ERRORS)[english]
    values = {name: f"V{number}" for number, name in enumerate(re.findall(r"\{(\w+)\}", english))}
    assert set(re.findall(r"\{(\w+)\}", template)) <= set(values)
    assert translations.chinese(english.format(**values)) == template.format(**values).strip()


def test_several_sentences_are_told_one_after_the_other() -> None:
    english = "2 of 7 pages are scans without text. 1 of 7 pages were read by text recognition."
    assert translations.chinese(english) == "7 页中有 2 页是没有文字的扫描图。7 页中有 1 页由文字识别读出。"


def test_an_unknown_sentence_is_shown_as_it_is() -> None:
    assert translations.chinese("Something new. And more.") == "Something new. And more."
    assert translations.chinese("") == ""


def test_the_kind_of_file_is_translated_too() -> None:
    assert translations.chinese("The workbook is protected by a password.") == "工作簿有密码保护。"


def test_no_space_is_left_before_a_chinese_mark() -> None:
    english = "The file is no PDF, whatever its name says."
    assert translations.chinese(english) == "文件名不符：它并不是 PDF。"
