"""Text that is struck out by its format: what was withdrawn is not joined with what stands instead."""

from __future__ import annotations

from pathlib import Path

import docx
import openpyxl
import pptx
import pytest
from docx.oxml import OxmlElement
from openpyxl.styles import Font

from minicpm_rag.loaders import load_file


def text_of(path: Path) -> str:
    return "\n".join(page.text for page in load_file(path).pages)


def test_word_text_is_marked_by_its_run_and_its_style(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("苗圃浇水每周")
    paragraph.add_run("2").font.strike = True
    paragraph.add_run("3次")
    paragraph = document.add_paragraph("Seedlings cost ")
    paragraph.add_run("4").font.double_strike = True
    paragraph.add_run(" 5 euros a tray.")
    style = document.styles.add_style("Withdrawn", 1)
    style.font.strike = True
    kept = document.add_paragraph("The greenhouse is closed. ", style="Withdrawn")
    kept.add_run("Open again!").font.strike = False
    document.save(tmp_path / "nursery.docx")
    assert text_of(tmp_path / "nursery.docx").split("\n\n") == [
        "苗圃浇水每周~~2~~3次", "Seedlings cost ~~4~~ 5 euros a tray.", "~~The greenhouse is closed.~~ Open again!",
    ]  # fmt: skip


def test_a_strike_that_is_off_is_none(tmp_path: Path) -> None:
    document = docx.Document()
    run = document.add_paragraph().add_run("Open daily.")
    off = OxmlElement("w:strike")
    off.set(docx.oxml.ns.qn("w:val"), "0")
    run._element.get_or_add_rPr().append(off)
    document.save(tmp_path / "open.docx")
    assert text_of(tmp_path / "open.docx") == "Open daily."


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>门票<del>30</del>45元</p>", "门票~~30~~45元"),
        ("<p>From <s>May</s> June on</p>", "From ~~May~~ June on"),
        ("<p>Room <span style='color:red;text-decoration: line-through'>12</span> 14</p>", "Room ~~12~~ 14"),
        ("<p>Room <span style='text-decoration:underline'>12</span></p>", "Room 12"),
        ("<ul><li><del>Order soil</del></li><li>Mow</li></ul>", "- ~~Order soil~~\n- Mow"),
        ("<del><p>No dogs.</p><p>No bikes.</p></del><p>Welcome.</p>", "~~No dogs.~~\n\n~~No bikes.~~\n\nWelcome."),
        (
            "<table><tr><th>Item</th><th>Price</th></tr><tr><td>Spade</td><td><s>19</s> 17</td></tr></table>",
            "| Item | Price |\n| Spade | ~~19~~ 17 |",
        ),
    ],
)
def test_web_pages_strike_out_by_elements_and_style(html: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(f"<html><head><meta charset='utf-8'></head><body>{html}</body></html>")
    assert text_of(tmp_path / "page.html") == expected


def test_open_document_text_is_marked(tmp_path: Path) -> None:
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "style", "text")
    )
    styles = "".join(
        f'<style:style style:name="{name}" style:family="text">'
        f'<style:text-properties style:text-line-through-style="{line}"/></style:style>'
        for name, line in (("T1", "solid"), ("T2", "none"))
    )
    (tmp_path / "note.fodt").write_text(
        f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document {names} office:mimetype="application/vnd.oasis.opendocument.text">
<office:automatic-styles>{styles}</office:automatic-styles><office:body><office:text>
<text:p>堆肥<text:span text:style-name="T1">六</text:span>八周，<text:span text:style-name="T2">翻两次</text:span>
</text:p>
</office:text></office:body></office:document>""",
        encoding="utf-8",
    )
    assert text_of(tmp_path / "note.fodt") == "堆肥~~六~~八周，翻两次"


def test_slides_mark_text_and_cells(tmp_path: Path) -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Harvest"
    table = slide.shapes.add_table(2, 2, 0, 2_000_000, 4_000_000, 800_000).table
    for cell, text in zip(table.iter_cells(), ["Crop", "Crates", "Leeks", "30"], strict=True):
        cell.text = text
    table.cell(1, 1).text_frame.paragraphs[0].runs[0]._r.get_or_add_rPr().set("strike", "sngStrike")
    table.cell(1, 1).text_frame.paragraphs[0].add_run().text = " 34"
    presentation.save(str(tmp_path / "harvest.pptx"))
    assert "| Leeks | ~~30~~ 34 |" in text_of(tmp_path / "harvest.pptx")


def test_cells_of_workbooks_are_marked(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["品种", "株数"], ["月季", 120], ["绣球", 80]):
        sheet.append(row)
    sheet["B3"].font = Font(strike=True)
    book.save(tmp_path / "plants.xlsx")
    assert text_of(tmp_path / "plants.xlsx").splitlines()[-1] == "| 绣球 | ~~80~~ |"
