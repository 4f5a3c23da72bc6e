"""Office files with a password: opened by it, refused without it, and nothing of it is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from compound_files import make_compound_file
from office_files import make_docx, make_pptx, make_xlsx

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import encrypted, isolated, load_file
from minicpm_rag.messages import Message


def locked(path: Path, password: str = "geheim 密码") -> Path:
    from msoffcrypto.format.ooxml import OOXMLFile

    data = path.with_name(f"locked {path.name}")
    with path.open("rb") as plain, data.open("wb") as target:
        OOXMLFile(plain).encrypt(password, target)
    return data


@pytest.mark.parametrize(
    ("maker", "name", "text", "note"),
    [
        (make_docx, "a.docx", "试用期为三个月。", None),
        (make_pptx, "a.pptx", "产品路线图", None),
        (make_xlsx, "a.xlsx", "二〇二四年价目表", Message("loaders.formulas_uncomputed", number=1, first="价目表!B5")),
    ],
)
def test_a_password_opens_what_it_locked(
    tmp_path: Path, maker: object, name: str, text: str, note: Message | None
) -> None:
    path = maker(tmp_path / name)  # type: ignore[operator]
    plain, loaded = load_file(path), load_file(locked(path), password="geheim 密码")
    assert text in loaded.pages[0].text
    assert (loaded.title, loaded.pages, loaded.note) == (f"locked {name}", plain.pages, note)


def test_without_a_password_one_is_wanted_and_a_wrong_one_is_called_so(tmp_path: Path) -> None:
    path = locked(make_docx(tmp_path / "a.docx"))
    for password, reason in (("", "loaders.protected"), ("wrong", "loaders.wrong_password")):
        with pytest.raises(DocumentError) as caught:
            load_file(path, password=password)
        assert caught.value.reason.key == reason


def test_a_workbook_locked_against_changes_only_opens_by_itself(tmp_path: Path) -> None:
    path = locked(make_xlsx(tmp_path / "a.xlsx"), "VelvetSweatshop")
    assert "二〇二四年价目表" in load_file(path).pages[0].text


def test_the_child_that_reads_it_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = locked(make_docx(tmp_path / "a.docx"))
    loaded = isolated.load_file(path, password="geheim 密码")
    assert "试用期为三个月。" in loaded.pages[0].text
    assert "geheim" not in json.dumps(loaded, default=vars)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_where_memory_has_no_files_a_folder_serves_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(encrypted.os, "memfd_create", raising=False)
    monkeypatch.setattr(encrypted.tempfile, "tempdir", str(tmp_path))
    path = locked(make_docx(tmp_path / "a.docx"))
    before = set(tmp_path.iterdir())
    assert "试用期为三个月。" in load_file(path, password="geheim 密码").pages[0].text
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "info", [b"", b"\4\0\4\0\x40\0\0\0<broken", b"\4\0\4\0\x40\0\0\0<encryption/>", b"\3\0\2\0" + bytes(200)]
)
def test_an_encrypted_file_that_does_not_say_how_is_damaged(tmp_path: Path, info: bytes) -> None:
    path = make_compound_file(tmp_path / "a.docx", {"EncryptionInfo": info, "EncryptedPackage": bytes(5000)})
    with pytest.raises(DocumentError, match="damaged"):
        load_file(path, password="x")


def test_an_old_presentation_that_is_odd_is_left_to_its_reader(tmp_path: Path) -> None:
    streams = {"PowerPoint Document": bytes(600), "Current User": b"\xff" * 600}
    with pytest.raises(DocumentError) as caught:
        load_file(make_compound_file(tmp_path / "a.ppt", streams))
    assert caught.value.reason.key in ("loaders.wants_libreoffice", "loaders.damaged", "loaders.no_text")
