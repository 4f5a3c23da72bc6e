"""A message carries a key and values, survives being stored, and is said in either language."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from minicpm_rag.errors import DocumentError, LibraryError, RAGError
from minicpm_rag.messages import (
    Catalogue,
    Message,
    guess_language,
    joined,
    language_of_shell,
    reason_of,
    text,
)

PACKAGE = Path(__file__).parent.parent / "minicpm_rag"


class _Area:
    TEXTS: ClassVar = {
        "area.found": ("找到 {count} 段：{names:list}", "Found {count:passage|passages}: {names:list}"),
        "area.large": ("{size:bytes}太大", "{size:bytes} is too large"),
    }


CATALOGUE = Catalogue(_Area)


def test_placeholders_have_formats() -> None:
    one = Message("area.found", count=1, names=["a"])
    many = Message("area.found", count=1200, names=["a", "b"])
    assert CATALOGUE.text("en", one) == "Found 1 passage: a"
    assert CATALOGUE.text("en", many) == "Found 1,200 passages: a, b"
    assert CATALOGUE.text("zh", many) == "找到 1200 段：a、b"
    assert CATALOGUE.text("en", Message("area.large", size=1_500_000)) == "1.5 MB is too large"


@pytest.mark.parametrize(
    ("kind", "chinese", "english"),
    [
        ("loaders.pdf", "这个密码打不开 PDF 文件。", "The password does not open the PDF."),
        ("loaders.workbook", "这个密码打不开工作簿。", "The password does not open the workbook."),
    ],
)
def test_a_blank_is_between_chinese_and_the_latin_letters_of_a_message_inside(
    kind: str, chinese: str, english: str
) -> None:
    message = Message("loaders.wrong_password", what=Message(kind))
    assert text("zh", message) == chinese and text("en", message) == english
    assert text("zh", Message("system.words", words="a中")) == "a中", "what was typed is left as it is"


def test_a_value_stands_in_quotes_where_the_text_says_so() -> None:
    message = Message("api.no_document_titled", title="Alder's plan.pdf")
    assert text("en", message).startswith('There is no document of the title "Alder\'s plan.pdf".')
    assert text("zh", message).startswith("没有名为“Alder's plan.pdf”的文档")


def test_a_message_survives_being_stored() -> None:
    message = Message("a.b", name="合同", count=3, why=Message("system.ENOSPC"), names=("x", "y"))
    assert Message.from_json(message.as_json()) == message
    assert Message.from_json("") is None
    assert str(Message.from_json("Words of an older version.")) == "Words of an older version."


def test_bytes_that_are_no_text_can_be_stored() -> None:
    message = Message("a.b", name="a\udcb1", names=["\ud800"], path=Path("\udcff"))
    assert message.values == {"name": "a\\udcb1", "names": ("\\ud800",), "path": "\\udcff"}


def test_a_key_of_a_later_version_is_shown_with_its_values() -> None:
    assert text("zh", Message("later.key", name="x")) == "later.key (name=x)"


def test_a_message_with_the_values_of_another_version_is_shown_with_them() -> None:
    assert CATALOGUE.text("zh", Message("area.large", bytes=5)) == "area.large (bytes=5)"
    assert CATALOGUE.text("en", Message("area.large", size="five")) == "area.large (size=five)"


def test_an_error_carries_values_and_reads_as_english() -> None:
    error = LibraryError("system.two", first=Message("system.ENOSPC"), second="x")
    assert isinstance(error, RAGError)
    assert error.message.values["second"] == "x"
    assert str(error) == "no space left on the disk x"
    assert text("zh", error.message) == "磁盘空间不足 x"


def test_a_remedy_is_said_apart_from_the_reason() -> None:
    error = DocumentError(Message("system.EIO"), Message("system.ENOSPC"))
    assert (str(error.reason), str(error.remedy)) == ("input/output error", "no space left on the disk")


def test_messages_are_joined() -> None:
    assert joined(None, None) is None
    assert (
        str(joined(Message("system.EIO"), None, Message("system.ENOSPC")))
        == "input/output error no space left on the disk"
    )


def test_a_reason_of_the_system_is_said_in_both_languages() -> None:
    assert text("zh", reason_of(OSError(28, "No space left on device"))) == "磁盘空间不足"
    assert text("en", reason_of(ValueError("odd\nvalue"))) == "odd value"


def test_the_shell_chooses_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert language_of_shell() == "zh"
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert language_of_shell() == "en"
    assert guess_language(None) == "en"
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert language_of_shell() is None


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("zh-CN", "zh"),
        ("zh", "zh"),
        ("zh-Hant-TW", "zh"),
        ("en-US", "en"),
        ("fr", "en"),
        (None, "en"),
        ("", "en"),
    ],
)
def test_the_first_language_is_the_browsers(locale: str | None, language: str) -> None:
    assert guess_language(locale) == language
