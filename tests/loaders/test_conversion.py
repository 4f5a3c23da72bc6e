"""Files that LibreOffice saves anew before they are read; where it is not installed, it is asked for by name."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from compound_files import make_compound_file
from conftest import DATA
from office_files import make_docx, make_pptx

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import conversion, isolated, load_file

OFFICE = DATA / "office"
with_libreoffice = pytest.mark.skipif(conversion.program() is None, reason="LibreOffice is not installed")


@pytest.fixture
def no_libreoffice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "program", lambda: None)


def saved_as(ending: str, source: Path) -> Path:
    soffice = conversion.program()
    assert soffice is not None
    conversion._convert(soffice, source, ending, source.parent)
    return source.with_suffix(f".{ending}")


@pytest.mark.usefixtures("no_libreoffice")
def test_libreoffice_is_asked_for_by_name() -> None:
    with pytest.raises(DocumentError, match="LibreOffice is needed to read a Word document") as caught:
        load_file(OFFICE / "articles.doc")
    assert "Install LibreOffice" in str(caught.value.remedy)


@pytest.mark.usefixtures("no_libreoffice")
def test_rich_text_is_read_without_it_and_the_note_says_what_is_missing(tmp_path: Path) -> None:
    loaded = load_file(OFFICE / "old_rich_text.rtf")
    assert loaded.pages[0].text == "The rent is 4,750 euros. 甲金"
    assert "LibreOffice" in str(loaded.note)
    table = r"\trowd Item\cell Price\cell\row\trowd Pump\cell 120\cell\row "
    path = tmp_path / "a.rtf"
    path.write_text(rf"{{\rtf1\ansi Prices:\par {table}\pard End\par}}", encoding="ascii")
    assert load_file(path).pages[0].tables[0].header == "| Item | Price |"


@with_libreoffice
def test_an_old_word_document_keeps_its_numbers() -> None:
    loaded = load_file(OFFICE / "articles.doc")
    assert "第三条 乙方违约的，应支付违约金三万元。" in loaded.pages[0].text
    assert (loaded.title, loaded.note) == ("articles.doc", None)


@with_libreoffice
@pytest.mark.parametrize("ending", ["doc", "rtf"])
def test_headings_and_tables_of_old_documents_are_kept(tmp_path: Path, ending: str) -> None:
    (page,) = load_file(saved_as(ending, make_docx(tmp_path / "a.docx"))).pages
    assert [heading.text for heading in page.headings][:2] == ["员工手册", "Leave"]
    assert "| 研发 | 北京 | 30 |\n| 合计 |  | 42 |" in page.text
    assert "DELETED" not in page.text


@with_libreoffice
def test_old_slides_have_titles_tables_and_notes_also_under_the_name_of_wps(tmp_path: Path) -> None:
    path = saved_as("ppt", make_pptx(tmp_path / "a.pptx")).rename(tmp_path / "a.dps")
    first = load_file(path).pages[0]
    assert first.headings[0].text == "产品路线图"
    assert "| Lamp | 29 EUR |" in first.text
    assert first.text.endswith("记得提到折扣。")


@with_libreoffice
@pytest.mark.parametrize("stream", [b"", bytes(5000), b"\xec\xa5" + b"\xff" * 5000])
def test_a_word_document_of_noise_gets_a_verdict(tmp_path: Path, stream: bytes) -> None:
    path = make_compound_file(tmp_path / "a.doc", {"WordDocument": stream, "1Table": bytes(100)})
    with pytest.raises(DocumentError) as caught:
        isolated.load_file(path)
    assert caught.value.reason.key in ("loaders.damaged", "loaders.no_text", "loaders.protected")


@contextmanager
def server() -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_OPTIONS = do_PROPFIND = do_GET  # noqa: N815 (names that the server looks for)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_port, asked
        running.shutdown()


@with_libreoffice
def test_nothing_that_a_document_refers_to_is_fetched(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    with server() as (port, asked):
        fields = "".join(
            rf'{{\field{{\*\fldinst {kind} "http://127.0.0.1:{port}/{kind}" \\d}}{{\fldrslt x}}}}'
            for kind in ("INCLUDEPICTURE", "INCLUDETEXT", "HYPERLINK")
        )
        path.write_text(rf"{{\rtf1\ansi Hello {fields} end}}", encoding="ascii")
        text = load_file(path).pages[0].text
    assert text.startswith("Hello")
    assert asked == []


@with_libreoffice
def test_it_ends_with_the_child_that_started_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(isolated, "FILE_SECONDS", 1)  # it takes longer to start
    monkeypatch.setattr(isolated, "SECONDS_A_MEGABYTE", 0)
    path = tmp_path / "long.rtf"
    path.write_text(r"{\rtf1\ansi " + r"Hello {\b world}\par " * 500_000 + "}", encoding="ascii")
    with pytest.raises(DocumentError, match="too long"):
        isolated.load_file(path)
    ours = [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(one.info["cmdline"] or ())]
    assert [one for one in ours if one.is_running() and one.status() != psutil.STATUS_ZOMBIE] == []


def test_its_folder_is_gone_after_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "program", lambda: shutil.which("true") or "true")
    monkeypatch.setattr(conversion.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(DocumentError, match="damaged"):
        load_file(OFFICE / "articles.doc")
    assert list(tmp_path.iterdir()) == []
