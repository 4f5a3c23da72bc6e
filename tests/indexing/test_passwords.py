from __future__ import annotations

from pathlib import Path

import pytest

from minicpm_rag.errors import DocumentError
from minicpm_rag.indexing import passwords, submit_ingest, wants_password
from minicpm_rag.library import Library
from minicpm_rag.loaders import isolated
from minicpm_rag.messages import Message, joined


def encrypted_pdf(path: Path, password: str) -> Path:
    from reportlab.lib.pdfencrypt import StandardEncryption
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), encrypt=StandardEncryption(password, canPrint=0))
    canvas.drawString(50, 700, "The reserve is 4,711 euros.")
    canvas.save()
    return path


def test_an_encrypted_pdf_is_read_with_its_password_only(tmp_path: Path) -> None:
    path = encrypted_pdf(tmp_path / "a.pdf", "sesame")
    with pytest.raises(DocumentError) as without:
        isolated.load_file(path)
    assert without.value.reason.key == "loaders.protected"
    with pytest.raises(DocumentError) as wrong:
        isolated.load_file(path, password="guess")
    assert wrong.value.reason.key == "loaders.wrong_password"
    assert isolated.load_file(path, password="sesame").pages[0].text == "The reserve is 4,711 euros."


def test_a_password_is_taken_once_and_only_this_user_can_read_it(tmp_path: Path) -> None:
    passwords.hand_over(tmp_path, 3, "old")
    passwords.hand_over(tmp_path, 4, "开门")
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "passwords").iterdir()} == {0}
    assert passwords.taken(tmp_path, 4) == "开门"
    assert passwords.taken(tmp_path, 4) == passwords.taken(tmp_path, 3) == ""
    assert not list((tmp_path / "passwords").iterdir())


def test_no_password_reaches_the_ledger(tmp_path: Path) -> None:
    with Library(tmp_path, embedder=None) as library:
        submit_ingest(library, "default", [tmp_path / "a.pdf"], password="open-sesame")
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "passwords"]
    assert kept
    assert not any(b"open-sesame" in path.read_bytes() for path in kept)


def test_a_reason_tells_whether_a_password_is_wanted() -> None:
    protected = Message("loaders.protected", what=Message("loaders.pdf"))
    assert wants_password(protected)
    assert wants_password(joined(protected, Message("loaders.no_text")))
    assert not wants_password(Message("loaders.no_text"))
    assert not wants_password(None)
