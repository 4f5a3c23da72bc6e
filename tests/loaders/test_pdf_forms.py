"""Forms in Adobe's XML language (XFA): refused with a remedy where the pages only stand in for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import load_file


def xfa_form(path: Path, text: str, catalogue: str = "") -> Path:
    """Write a PDF of one page that shows a text, with a form of that kind."""
    drawn = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET"
    form = "<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>"
    objects = [
        f"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[]/XFA 6 0 R>>{catalogue}>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        f"<</Length {len(form)}>>stream\n{form}\nendstream",
    ]
    written, places = "%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(written))
        written += f"{number} 0 obj{content}endobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer<</Size {len(objects) + 1}/Root 1 0 R>>"
    path.write_bytes(f"{written}{end}\nstartxref\n{len(written)}\n%%EOF".encode("latin-1"))
    return path


@pytest.mark.parametrize(
    ("text", "catalogue"),
    [
        ("Please wait...", ""),
        ("Bitte warten...", ""),
        ("Veuillez patienter...", ""),
        ("Uw programma toont dit soort document niet.", "/NeedsRendering true"),
    ],
)
def test_a_form_that_its_pages_do_not_show_is_refused(tmp_path: Path, text: str, catalogue: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load_file(xfa_form(tmp_path / "a.pdf", text, catalogue))
    assert caught.value.reason.key == "loaders.pdf_xfa"


def test_a_form_that_its_pages_show_is_read(tmp_path: Path) -> None:
    (page,) = load_file(xfa_form(tmp_path / "a.pdf", "The fee is 35 euros a year.")).pages
    assert page.text == "The fee is 35 euros a year."


def test_files_that_a_pdf_holds_are_named(tmp_path: Path) -> None:
    import pypdfium2
    from office_files import make_pdf

    document = pypdfium2.PdfDocument(make_pdf(tmp_path / "a.pdf", [[(60, 700, 12, "The fee is 35 euros.")]]))
    document.new_attachment("发票.xml").set_data(b"<x/>")
    document.save(tmp_path / "b.pdf")
    document.close()
    loaded = load_file(tmp_path / "b.pdf")
    assert loaded.pages[0].text == "The fee is 35 euros."
    assert str(loaded.note) == "Embedded parts that were not read: 发票.xml."


def test_a_held_file_whose_name_is_damaged_keeps_no_text_out(tmp_path: Path) -> None:
    import pypdfium2
    from office_files import make_pdf

    document = pypdfium2.PdfDocument(make_pdf(tmp_path / "a.pdf", [[(60, 700, 12, "The fee is 35 euros.")]]))
    document.new_attachment("发票.xml").set_data(b"<x/>")
    document.save(tmp_path / "b.pdf")
    document.close()
    sound = (tmp_path / "b.pdf").read_bytes()
    broken = sound.replace("发".encode("utf-16-be"), b"\xd8\x20")  # half of a character
    assert broken != sound
    (tmp_path / "c.pdf").write_bytes(broken)
    loaded = load_file(tmp_path / "c.pdf")
    assert loaded.pages[0].text == "The fee is 35 euros."
    assert str(loaded.note) == "Embedded parts that were not read: (1)."
