"""OpenDocument texts and presentations: what a reader of them sees, in order, with numbers and tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import DATA
from office_files import make_open_document

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import load_file
from minicpm_rag.records import Page

OFFICE = DATA / "office"


def page(folder: Path, body: str, styles: str = "", extra: dict[str, bytes | str] | None = None) -> Page:
    (only,) = load_file(make_open_document(folder / "a.odt", body, styles=styles, extra=extra)).pages
    return only


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("articles.odt", "第三条 乙方违约的，应支付违约金三万元。"),
        ("header_footer_comment.odt", "Contract no. HX-2291, confidential\n\nVersion 7 of 3 March 2024\n\nAna: Legal"),
        ("checkboxes.odt", "☒ I agree to the data processing\n\n☐ I want the newsletter\n\nDelivery: courier"),
    ],
)
def test_texts_made_from_word_documents_say_the_same(name: str, text: str) -> None:
    assert text in load_file(OFFICE / name).pages[0].text


def test_slides_have_titles_tables_and_notes() -> None:
    (slide,) = load_file(OFFICE / "roadmap.odp").pages
    assert (slide.kind, slide.label, slide.headings[0].text) == ("slide", "1", "产品路线图")
    assert "第一季度发布 2.0 版。" in slide.text
    assert slide.tables[0].header == "| Item | Price |"
    assert slide.text.endswith("记得提到折扣。")


def test_headings_paragraphs_and_blanks(tmp_path: Path) -> None:
    body = (
        '<text:h text:outline-level="2">Scope</text:h><text:p>One\n  two<text:s text:c="2"/>three<text:line-break/>four'
    )
    body += "<text:span>, <text:a>link</text:a></text:span><text:tab/>end</text:p>"
    only = page(tmp_path, body)
    assert [(heading.level, heading.text) for heading in only.headings] == [(2, "Scope")]
    assert only.text == "Scope\n\nOne two three\nfour, link\tend".replace("two three", "two  three")


def test_deleted_and_hidden_text_and_contents_stay_out_and_notes_stand_apart(tmp_path: Path) -> None:
    styles = '<style:style style:name="T"><style:text-properties text:display="none"/></style:style>'
    styles += '<style:style style:name="T2" style:parent-style-name="T"/>'
    body = "<text:tracked-changes><text:p>no1</text:p></text:tracked-changes>"
    body += "<text:table-of-content><text:index-body><text:p>no2</text:p></text:index-body></text:table-of-content>"
    body += '<text:p>Seen<text:span text:style-name="T2">no3</text:span>'
    body += "<text:note><text:note-citation>1</text:note-citation>"
    body += "<text:note-body><text:p>A note.</text:p></text:note-body></text:note>, after"
    body += "<office:annotation><dc:creator>Ana</dc:creator><text:p>Really?</text:p></office:annotation></text:p>"
    body += (
        '<text:p text:style-name="T">no4</text:p><text:section text:display="none"><text:p>no5</text:p></text:section>'
    )
    assert page(tmp_path, body, styles).text == "Seen, after\n\n1 A note.\n\nAna: Really?"


def test_lists_are_numbered_as_their_style_says(tmp_path: Path) -> None:
    def level(number: int, form: str, before: str, after: str, shown: int) -> str:
        return (
            f'<text:list-level-style-number text:level="{number}" style:num-format="{form}" '
            f'style:num-prefix="{before}" style:num-suffix="{after}" text:display-levels="{shown}"/>'
        )

    styles = (
        '<text:list-style style:name="L">' + level(1, "1", "", ".", 1) + level(2, "1", "", "", 2) + "</text:list-style>"
    )
    styles += '<text:list-style style:name="C">' + level(1, "一, 二, 三, ...", "第", "条", 1) + "</text:list-style>"

    def item(text: str, inner: str = "") -> str:
        return f"<text:list-item><text:p>{text}</text:p>{inner}</text:list-item>"

    inner = f"<text:list>{item('a')}{item('b')}</text:list>"
    body = f'<text:list text:style-name="L">{item("one")}{item("two", inner)}</text:list><text:p>Between.</text:p>'
    body += f'<text:list text:style-name="L" text:continue-numbering="true">{item("three", inner)}</text:list>'
    body += f'<text:list text:style-name="C">{item("甲方")}</text:list><text:list>{item("mark")}</text:list>'
    assert page(tmp_path, body, styles).text.split("\n") == [
        *("1. one", "2. two", "2.1 a", "2.2 b", "", "Between.", "3. three", "3.1 a", "3.2 b", "第一条 甲方", "- mark"),
    ]


def test_tables_keep_merged_cells_and_two_header_rows(tmp_path: Path) -> None:
    def cell(text: str, name: str = "columns-spanned", number: int = 1) -> str:
        return f'<table:table-cell table:number-{name}="{number}"><text:p>{text}</text:p></table:table-cell>'

    def row(*cells: str) -> str:
        return f"<table:table-row>{''.join(cells)}</table:table-row>"

    covered = "<table:covered-table-cell/>"
    head = row(cell("Region"), cell("2023", number=2), covered) + row(cell(""), cell("Sales"), cell("Costs"))
    body = f"<table:table><table:table-header-rows>{head}</table:table-header-rows>"
    body += row(cell("North", "rows-spanned", 2), cell("10"), cell("4")) + row(
        covered, cell("7", "columns-repeated", 2)
    )
    body += '<table:table-row table:number-rows-repeated="1048000"><table:table-cell '
    body += 'table:number-columns-repeated="16000"/></table:table-row></table:table>'
    only = page(tmp_path, body)
    assert only.tables[0].header == "| Region | 2023 Sales | 2023 Costs |"
    assert only.text.endswith("| North | 10 | 4 |\n| North | 7 | 7 |")


def test_formulas_charts_and_text_boxes_are_read_where_they_stand(tmp_path: Path) -> None:
    math = '<math xmlns="http://www.w3.org/1998/Math/MathML"><mfrac><mn>120</mn><mn>35</mn></mfrac></math>'
    chart = (
        '<o:document-content xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:t="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:x="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
        "<t:table><t:table-row><t:table-cell/><t:table-cell><x:p>Sales</x:p></t:table-cell></t:table-row>"
        "<t:table-row><t:table-cell><x:p>2023</x:p></t:table-cell><t:table-cell><x:p>1.5</x:p></t:table-cell>"
        "</t:table-row></t:table></o:document-content>"
    )
    body = '<text:p>Q=<draw:frame><draw:object xlink:href="./Object 1"/></draw:frame> pieces</text:p>'
    body += '<text:p><draw:frame><draw:object xlink:href="./Object 2"/></draw:frame></text:p>'
    body += "<text:p>Text<draw:frame><draw:text-box><text:p>Boxed.</text:p></draw:text-box></draw:frame></text:p>"
    extra: dict[str, bytes | str] = {"Object 1/content.xml": math, "Object 2/content.xml": chart}
    only = page(tmp_path, body, extra=extra)
    assert only.text == "Q=120/35 pieces\n\n|  | Sales |\n| 2023 | 1.5 |\n\nText\n\nBoxed."


def test_an_encrypted_text_says_that_it_wants_a_copy_without_a_password(tmp_path: Path) -> None:
    path = make_open_document(tmp_path / "a.odt", "", extra={"META-INF/manifest.xml": "<m:encryption-data/>"})
    with pytest.raises(DocumentError, match="protected by a password") as caught:
        load_file(path)
    assert "without a password" in str(caught.value.remedy)


def test_a_document_is_told_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    path = make_open_document(tmp_path / "a.odp", "<text:p>Text</text:p>")
    assert str(load_file(path).note) == "Read as odt, although the name ends in .odp."


@pytest.mark.parametrize("kind", ["text", "presentation"])
def test_a_document_without_a_body_is_damaged(tmp_path: Path, kind: str) -> None:
    path = make_open_document(tmp_path / "a.odt", "", kind=kind, extra={"content.xml": "<broken"})
    with pytest.raises(DocumentError, match="damaged"):
        load_file(path)


_FLAT_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"'
    for name, space in [("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"), ("c", "chart")]
)
_CHART = (
    "<draw:frame><draw:object><office:document><c:chart><c:title><text:p>走势</text:p></c:title><table:table>"
    "<table:table-row><table:table-cell/><table:table-cell><text:p>额</text:p></table:table-cell></table:table-row>"
    "<table:table-row><table:table-cell><text:p>一月</text:p></table:table-cell>"
    "<table:table-cell><text:p>7</text:p></table:table-cell></table:table-row>"
    "</table:table></c:chart></office:document></draw:object></draw:frame>"
)
_CELL = "<table:table-cell><text:p>{}</text:p>{}</table:table-cell>"


@pytest.mark.parametrize(
    ("ending", "body", "expected"),
    [
        (
            ".fodt",
            f"<office:text><text:h>总则</text:h>{_CHART}</office:text>",
            "总则\n\n走势\n\n|  | 额 |\n| 一月 | 7 |",
        ),
        (
            ".fodp",
            "<office:presentation><draw:page><draw:frame><draw:text-box><text:p>第一页</text:p></draw:text-box>"
            "</draw:frame></draw:page></office:presentation>",
            "第一页",
        ),
        (
            ".fods",
            '<office:spreadsheet><table:table table:name="表"><table:table-row>'
            f"{_CELL.format('品名', _CHART)}{_CELL.format('价格', '')}</table:table-row><table:table-row>"
            f"{_CELL.format('泵', '')}{_CELL.format('120', '')}</table:table-row></table:table></office:spreadsheet>",
            "| 品名 | 价格 |\n| 泵 | 120 |",
        ),
    ],
    ids=["text", "slides", "sheet"],
)
def test_a_flat_document_is_read_as_a_packed_one(tmp_path: Path, ending: str, body: str, expected: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_text(f"<office:document {_FLAT_NAMES}><office:body>{body}</office:body></office:document>", "utf-8")
    loaded = load_file(path)
    assert (loaded.pages[0].text, loaded.note) == (expected, None)
    path.write_text(path.read_text("utf-8").partition("</office:body>")[0], "utf-8")
    assert load_file(path).pages[0].text == expected
    assert path.name in str(load_file(path).note)


@pytest.mark.parametrize("suffix", ["fodt", "fods"])
def test_what_entities_stand_for_is_not_lost_in_silence(tmp_path: Path, suffix: str) -> None:
    names = "urn:oasis:names:tc:opendocument:xmlns"
    kind = {"fodt": "text", "fods": "spreadsheet"}[suffix]
    said = "<text:p>by &firm; Co</text:p>"
    if suffix == "fods":
        said = (
            f"<table:table><table:table-row><table:table-cell>{said}</table:table-cell></table:table-row></table:table>"
        )
    path = tmp_path / f"a.{suffix}"
    path.write_text(
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY firm "Alder">]><office:document xmlns:office="{names}:office:1.0" '
        f'xmlns:text="{names}:text:1.0" xmlns:table="{names}:table:1.0" '
        f'office:mimetype="application/vnd.oasis.opendocument.{kind}"><office:body><office:{kind}>{said}'
        f"</office:{kind}></office:body></office:document>",
        encoding="utf-8",
    )
    loaded = load_file(path)
    assert "by" in loaded.pages[0].text
    assert path.name in str(loaded.note)
