"""What cannot be read gets a reason and a remedy, quickly and without eating the memory."""

from __future__ import annotations

import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest
from compound_files import make_compound_file
from office_files import make_docx, make_epub, make_pdf, make_xlsx, make_zip, png_of

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import bounds, load_file, ocr


def refusal(path: Path) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        load_file(path)
    assert str(caught.value.reason).endswith(".")
    return caught.value


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", ["txt", "md", "csv", "html", "json", "pdf", "docx", "xlsx", "eml", "ipynb", "png"])
@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b" \n\t\r\n"], ids=["empty", "bom", "blank"])
def test_files_without_text_say_so(tmp_path: Path, suffix: str, data: bytes) -> None:
    assert "no text" in str(refusal(written(tmp_path / f"a.{suffix}", data)).reason)


@pytest.mark.parametrize("maker", [make_docx, make_xlsx], ids=["docx", "xlsx"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_office_files_are_called_damaged(tmp_path: Path, maker: object, share: float) -> None:
    path = tmp_path / ("a.docx" if maker is make_docx else "a.xlsx")
    data = maker(path).read_bytes()  # type: ignore[operator]
    assert "damaged or cut off" in str(refusal(written(path, data[: int(len(data) * share)])).reason)


def test_broken_xml_inside_is_called_damaged(tmp_path: Path) -> None:
    for name, part in [
        ("a.docx", "word/document.xml"),
        ("a.pptx", "ppt/presentation.xml"),
        ("a.xlsx", "xl/workbook.xml"),
    ]:
        path = make_zip(tmp_path / name, {part: "<broken", "[Content_Types].xml": "<Types/>"})
        assert "damaged" in str(refusal(path).reason)


def test_a_workbook_that_names_an_encoding_nobody_knows_is_read_by_the_second_reader(tmp_path: Path) -> None:
    sound = make_xlsx(tmp_path / "sound.xlsx")
    with zipfile.ZipFile(sound) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"].partition(b"?>")[2] or parts["xl/worksheets/sheet1.xml"]
    parts["xl/worksheets/sheet1.xml"] = b'<?xml version="1.0" encoding="UTF-99999"?>' + sheet
    read = load_file(make_zip(tmp_path / "a.xlsx", parts))
    assert "| 台灯 | 29 | 2024-05-01 |" in read.pages[0].text


def test_truncated_pdfs_and_garbage_named_pdf_are_refused(tmp_path: Path) -> None:
    whole = make_pdf(tmp_path / "a.pdf", [[(50, 700, 12, "Hello")]]).read_bytes()
    assert "PDF is damaged" in str(refusal(written(tmp_path / "b.pdf", whole[:200])).reason)
    assert "no PDF" in str(refusal(written(tmp_path / "c.pdf", b"just words")).reason)


def test_a_pdf_with_a_password_says_so_and_one_without_opens(tmp_path: Path) -> None:
    from reportlab.lib.pdfencrypt import StandardEncryption

    page = [[(50, 700, 12, "Hello")]]
    locked = make_pdf(tmp_path / "a.pdf", page, encrypt=StandardEncryption("user", ownerPassword="owner"))
    assert "password" in str(refusal(locked).reason)
    owned = make_pdf(tmp_path / "b.pdf", page, encrypt=StandardEncryption("", ownerPassword="owner"))
    assert load_file(owned).pages[0].text == "Hello"


def test_protected_and_old_office_files_name_the_way_out(tmp_path: Path) -> None:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
    assert "2007" in str(refusal(written(tmp_path / "a.doc", ole)).reason)
    encrypted = make_compound_file(tmp_path / "a.docx", {"EncryptedPackage": bytes(600)})
    assert "password" in str(refusal(encrypted).reason)
    book = make_epub(tmp_path / "a.epub", ["<p>x</p>"])
    with zipfile.ZipFile(book, "a") as archive:
        archive.writestr("META-INF/rights.xml", "<rights/>")
    assert "copy-protected" in str(refusal(book).reason)


def test_other_kinds_are_refused_by_content_whatever_the_name(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.txt", {"b.txt": "hello"})
    assert "archive" in str(refusal(archive).remedy)
    for data in (
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a",
        b"\x1f\x8b\x08",
        b"MZ\x90\x00",
        b"\x7fELF",
    ):
        assert "not supported" in str(refusal(written(tmp_path / "a.txt", data + b"\0" * 50)).reason)
    assert "not supported" in str(refusal(written(tmp_path / "a.xyz", b"some text")).reason)


def test_a_wrong_name_is_seen_through_and_noted(tmp_path: Path) -> None:
    html = written(tmp_path / "a.pdf", "<!DOCTYPE html><html><body><h1>标题</h1></body></html>".encode())
    assert load_file(html).pages[0].text == "标题"
    assert str(load_file(html).note) == "Read as html, although the name ends in .pdf."
    document = make_docx(tmp_path / "b.txt")
    assert load_file(document).pages[0].headings[0].text == "员工手册"
    assert "docx" in str(load_file(document).note)
    plain = written(tmp_path / "README", b"no ending at all")
    assert (load_file(plain).pages[0].text, load_file(plain).note) == ("no ending at all", None)


def zip_bomb(path: Path, name: str, megabytes: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open(name, "w", force_zip64=True) as part:
            for _ in range(megabytes):
                part.write(b"\0" * 1_000_000)
    return path


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("a.docx", "word/document.xml"),
        ("a.xlsx", "xl/workbook.xml"),
        ("a.pptx", "ppt/presentation.xml"),
        ("a.epub", "META-INF/container.xml"),
    ],
)
def test_zip_bombs_are_refused_before_they_are_unpacked(tmp_path: Path, name: str, part: str) -> None:
    path = zip_bomb(tmp_path / name, part, 150)
    tracemalloc.start()
    assert "too large when unpacked" in str(refusal(path).reason)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.parametrize("layers", [1, 2])
def test_pdf_bombs_are_refused_before_they_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layers: int
) -> None:
    monkeypatch.setattr("minicpm_rag.loaders.pdf.expansion.MOST_BYTES", 8_000_000)
    packed = bytes(20_000_000)
    for _ in range(layers):
        packed = zlib.compress(packed)
    head = f"%PDF-1.7\n4 0 obj\n<< /Filter [{' /FlateDecode' * layers} ] /Length {len(packed)} >>\nstream\n"
    path = written(tmp_path / "a.pdf", head.encode() + packed + b"\nendstream\nendobj\n")
    tracemalloc.start()
    assert "too large when unpacked" in str(refusal(path).reason)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    data = bytearray(zip_bomb(tmp_path / "a.docx", "word/document.xml", 5).read_bytes())
    real, claimed = (5_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    assert real in data
    path = written(tmp_path / "b.docx", bytes(data).replace(real, claimed))
    assert "damaged" in str(refusal(path).reason)


def test_xml_entities_are_refused(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "boom">{levels}]><x>&e11;</x>'
    for name, part in [("a.docx", "word/document.xml"), ("a.epub", "META-INF/container.xml")]:
        assert "entities" in str(refusal(make_zip(tmp_path / name, {part: bomb})).reason)


def test_an_html_page_with_entity_bomb_stays_small(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    path = written(tmp_path / "a.html", f'<!DOCTYPE x [<!ENTITY e0 "boom">{levels}]><p>&e11; text</p>'.encode())
    assert len(load_file(path).pages[0].text) < 5000


def test_a_stray_cell_at_the_far_end_of_a_sheet_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import openpyxl

    workbook = openpyxl.Workbook()
    for row in (["name", "room"], ["Ann", 12]):
        workbook.active.append(row)
    workbook.active["XFD1048576"] = "stray"
    path = tmp_path / "a.xlsx"
    workbook.save(path)
    assert load_file(path).pages[0].text == "| name | room |\n| Ann | 12 |\n|  |  | stray |"
    monkeypatch.setitem(bounds.MOST, "cells", 10_000)
    assert "too many cells" in str(refusal(path).reason)


def test_a_pdf_page_that_inflates_to_fifty_megabytes_is_read(tmp_path: Path) -> None:
    stream = zlib.compress(b"BT /F1 12 Tf 50 700 Td (Hello) Tj ET\n" + b" " * 50_000_000, 9)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        f"<</Filter/FlateDecode/Length {len(stream)}>>stream\n".encode() + stream + b"\nendstream",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body = b"".join(f"{n} 0 obj".encode() + one + b"endobj\n" for n, one in enumerate(objects, start=1))
    path = written(tmp_path / "a.pdf", b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\n")
    assert load_file(path).pages[0].text == "Hello"


def test_a_five_megabyte_line_is_read(tmp_path: Path) -> None:
    line = "没有句号的一行文字，" * 160_000
    assert load_file(written(tmp_path / "a.txt", line.encode())).pages[0].text == line


def test_a_csv_cell_of_a_megabyte_is_read(tmp_path: Path) -> None:
    cell = "长" * 400_000
    assert cell in load_file(written(tmp_path / "a.csv", f"a,b\n1,{cell}\n".encode())).pages[0].text


def test_pictures_without_text_recognition_name_the_line_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.png", png_of((200, 100)))
    monkeypatch.setattr(ocr, "is_available", lambda: False)
    assert str(refusal(path).remedy) == 'Install text recognition: pip install ".[ocr]"'


def test_a_damaged_notebook_and_mail_are_refused(tmp_path: Path) -> None:
    assert "notebook is damaged" in str(refusal(written(tmp_path / "a.ipynb", b'{"cells": [')).reason)
    assert "damaged" in str(refusal(written(tmp_path / "a.mhtml", b"nothing like a saved page")).reason)
