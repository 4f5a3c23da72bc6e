"""Word documents as people have them: what Word shows is what is read."""

from __future__ import annotations

from pathlib import Path

import docx
import pytest
from conftest import DATA
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from minicpm_rag.loaders import SUFFIXES, load_file
from minicpm_rag.loaders.word.equations import equation_text
from minicpm_rag.loaders.word.numbering import read_numbering, written
from minicpm_rag.loaders.word.runs import Runs
from minicpm_rag.messages import Message
from minicpm_rag.text.table_headers import header_rows_of, is_value, joined_header

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
M = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def text_of(name: str) -> str:
    (page,) = load_file(DATA / "word" / name).pages
    return page.text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("word_numbered_articles.docx", "第三条 乙方违约的，应支付违约金三万元。"),
        ("word_equation.docx", "Q=120/35+2^10"),
        ("word_altchunk.docx", "The deposit is 900 euros."),
        ("word_checkboxes.docx", "☒ I agree to the data processing\n\n☐ I want the newsletter\n\nDelivery: courier"),
        ("word_ruby.docx", "東京支社の営業時間は九時からです。"),
        ("word_macro_enabled.docm", "The monthly rent is 4,750 euros"),
        ("word_template_type.docx", "The monthly rent is 4,750 euros"),
        ("word_strict.docx", "The monthly rent is 4,750 euros"),
        ("word_bad_crc_theme.docx", "The monthly rent is 4,750 euros"),
    ],
)
def test_what_word_shows_is_read(name: str, words: str) -> None:
    assert words in text_of(name)


def test_headers_footers_and_comments_stand_apart_behind_the_text() -> None:
    paragraphs = text_of("word_header_footer_comment.docx").split("\n\n")
    assert paragraphs[0] == "The supplier delivers within 30 days."
    assert paragraphs[1:] == [
        "Contract no. HX-2291, confidential", "Version 7 of 3 March 2024", "Ana: Legal wants 14 days here.",
    ]  # fmt: skip


def test_hidden_text_is_left_out() -> None:
    assert text_of("word_hidden_text.docx") == "The offer is valid until May."


def test_the_table_of_contents_is_left_out() -> None:
    page = load_file(DATA / "word" / "word_toc.docx").pages[0]
    assert page.text.count("Warranty") == 1
    assert [heading.text for heading in page.headings] == ["Introduction", "Warranty"]


def test_the_kin_of_word_files_are_taken() -> None:
    assert {".docm", ".dotx", ".dotm", ".pptm", ".ppsx", ".potx", ".xltx", ".xltm"} <= SUFFIXES


# Numbers


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (3, "decimal", "3"), (4, "decimalZero", "04"), (14, "upperRoman", "XIV"), (9, "lowerRoman", "ix"),
        (28, "lowerLetter", "bb"), (10, "chineseCounting", "十"), (12, "chineseCountingThousand", "十二"),
        (20, "chineseCountingThousand", "二十"), (105, "chineseCountingThousand", "一百零五"),
        (110, "chineseCountingThousand", "一百一十"), (1024, "chineseCountingThousand", "一千零二十四"),
        (3, "chineseLegalSimplified", "叁"), (3, "ideographTraditional", "丙"), (3, "decimalEnclosedCircle", "③"),
        (7, "no such format", "7"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_word_writes_them(value: int, form: str, text: str) -> None:
    assert written(value, form) == text


NUMBERING = f"""<w:numbering {W}>
<w:abstractNum w:abstractNumId="0">
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCountingThousand"/><w:lvlText w:val="第%1章"/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:isLgl/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1.%2"/></w:lvl>
<w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="(%3)"/></w:lvl>
</w:abstractNum>
<w:abstractNum w:abstractNumId="1">
<w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="·"/></w:lvl>
</w:abstractNum>
<w:num w:numId="5"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="6"><w:abstractNumId w:val="0"/>
<w:lvlOverride w:ilvl="1"><w:startOverride w:val="7"/></w:lvlOverride></w:num>
<w:num w:numId="9"><w:abstractNumId w:val="1"/></w:num>
</w:numbering>"""
STYLES = f"""<w:styles {W}><w:style w:styleId="Chapter"><w:pPr><w:numPr><w:numId w:val="5"/></w:numPr></w:pPr></w:style>
<w:style w:styleId="Annex"><w:basedOn w:val="Chapter"/></w:style></w:styles>"""


def test_lists_are_counted_by_level_style_and_override() -> None:
    from lxml import etree

    numbering = read_numbering(etree.fromstring(NUMBERING), etree.fromstring(STYLES))

    def label(number: str, level: int = 0, style: str = "") -> str | None:
        own = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>' if number else ""
        return numbering.label(etree.fromstring(f"<w:p {W}><w:pPr>{own}</w:pPr></w:p>"), style)

    assert [label("5"), label("5", 1), label("5", 1), label("5", 2)] == ["第一章", "1.1", "1.2", "(a)"]
    assert [label("", style="Annex"), label("5", 1)] == ["第二章", "2.1"]
    assert [label("6", 1), label("6", 1)] == ["2.7", "2.8"]
    assert label("9") == "-"
    assert [label("0", style="Chapter"), label("")] == [None, None]


# Equations


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>", "(a+b)/2"),
        ("<m:rad><m:deg/><m:e><m:r><m:t>x+1</m:t></m:r></m:e></m:rad>", "√(x+1)"),
        ("<m:sSub><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sub><m:r><m:t>10</m:t></m:r></m:sub></m:sSub>", "x_10"),
        (
            '<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub><m:r><m:t>i=1</m:t></m:r></m:sub>'
            "<m:sup><m:r><m:t>n</m:t></m:r></m:sup><m:e><m:r><m:t>i</m:t></m:r></m:e></m:nary>",
            "∑_(i=1)^n i",
        ),
        (
            "<m:d><m:e><m:m><m:mr><m:e><m:r><m:t>1</m:t></m:r></m:e><m:e><m:r><m:t>0</m:t></m:r></m:e></m:mr></m:m></m:e></m:d>",
            "([1, 0])",
        ),
    ],
)
def test_equations_are_written_so_that_no_number_changes(markup: str, text: str) -> None:
    from lxml import etree

    assert equation_text(etree.fromstring(f"<m:oMath {M}>{markup}</m:oMath>")) == text


def test_equations_below_each_other_stand_on_lines_of_their_own() -> None:
    from lxml import etree

    one, two = (f"<m:oMath><m:r><m:t>{text}</m:t></m:r></m:oMath>" for text in ("a=1", "b=2"))
    below = etree.fromstring(f"<w:p {W} {M}><m:oMathPara><m:oMathParaPr/>{one}{two}</m:oMathPara></w:p>")
    beside = etree.fromstring(f"<w:p {W} {M}>{one}{two}</w:p>")
    assert Runs().text(below).strip() == "a=1\nb=2"
    assert Runs().text(beside) == "a=1b=2"


# Headers of tables


def test_a_row_of_groups_above_the_columns_belongs_to_the_header() -> None:
    rows = [
        ["Region", "2023", "", "2024", ""],
        ["", "Sales", "Costs", "Sales", "Costs"],
        ["North", "10", "7", "12", "8"],
    ]
    assert header_rows_of(rows) == 2
    assert joined_header(rows[:2]) == ["Region", "2023 Sales", "2023 Costs", "2024 Sales", "2024 Costs"]


@pytest.mark.parametrize(
    "rows",
    [
        [["Item", "Price", "Stock"], ["Valve", "", "17"], ["Pump", "90", ""]],
        [["品名", "单价", "库存"], ["阀门", "", "17 台"], ["水泵", "90 元", ""]],
        [["Item", "Note", ""], ["Valve", "old", "12"], ["Pump", "new", "9"]],
    ],
)
def test_a_first_row_of_values_is_no_header(rows: list[list[str]]) -> None:
    assert header_rows_of(rows) == 1


@pytest.mark.parametrize(
    "cell", ["17", "4,750.00", "¥1,234.50", "17.5%", "2024-03-01", "90 元", "-", "10 kg", "12:30", "☒"]
)
def test_values_are_told_from_names(cell: str) -> None:
    assert is_value(cell)


@pytest.mark.parametrize("cell", ["", "Sales", "2023", "单价（元）", "Q3 result", "Model 7 pump"])
def test_names_of_columns_are_no_values(cell: str) -> None:
    assert not is_value(cell)


def test_a_two_row_header_of_a_word_table_names_each_column(tmp_path: Path) -> None:
    import docx

    document = docx.Document()
    table = document.add_table(rows=3, cols=3)
    for row, texts in enumerate([("Region", "2023", ""), ("", "Sales", "Costs"), ("North", "10", "7")]):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    document.save(tmp_path / "table.docx")
    (page,) = load_file(tmp_path / "table.docx").pages
    assert page.tables[0].header == "| Region | 2023 Sales | 2023 Costs |"
    assert [number for _, number in page.tables[0].rows] == [3]


def embedding(tmp_path: Path, name: str, content: bytes, kind: str) -> Path:
    """A document that holds another file, which Word merges when it opens it."""
    document = docx.Document()
    document.add_paragraph("The rent is 4,750 euros.")
    part = Part(PackURI(f"/word/{name}"), kind, content, document.part.package)
    relation = document.part.relate_to(
        part, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/aFChunk"
    )
    chunk = OxmlElement("w:altChunk")
    chunk.set(qn("r:id"), relation)
    document.element.body.insert(1, chunk)
    path = tmp_path / "outer.docx"
    document.save(str(path))
    return path


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SAVED_PAGE = (
    b'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n--b\r\n'
    b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>The deposit is 900 euros.</p>\r\n--b--\r\n"
)


def test_a_document_inside_a_document_is_read_where_word_shows_it(tmp_path: Path) -> None:
    inner = docx.Document()
    inner.add_heading("Deposit", 1)
    inner.add_paragraph("押金为九百欧元。")
    inner.save(str(tmp_path / "inner.docx"))
    file = load_file(embedding(tmp_path, "inner.docx", (tmp_path / "inner.docx").read_bytes(), WORD))
    assert file.pages[0].text == "The rent is 4,750 euros.\n\nDeposit\n\n押金为九百欧元。"
    assert file.note is None


def test_a_saved_page_inside_a_document_is_read(tmp_path: Path) -> None:
    file = load_file(embedding(tmp_path, "page.mht", SAVED_PAGE, "message/rfc822"))
    assert "The deposit is 900 euros." in file.pages[0].text


def test_rich_text_inside_a_document_is_read(tmp_path: Path) -> None:
    file = load_file(embedding(tmp_path, "inner.rtf", b"{\\rtf1\\pard The deposit is 900 euros.\\par}", "text/rtf"))
    assert file.pages[0].text == "The rent is 4,750 euros.\n\nThe deposit is 900 euros."
    assert file.note is None


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("inner.rtf", b"{" * 2000, "application/rtf"),
        ("inner.docx", b"PK\x03\x04 damaged", WORD),
        ("page.mht", b"MIME-Version: 1.0\r\n\r\nno page", "message/rfc822"),
    ],
)
def test_an_embedded_part_that_is_not_read_is_named(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    file = load_file(embedding(tmp_path, name, content, kind))
    assert file.pages[0].text == "The rent is 4,750 euros."
    assert file.note == Message("loaders.embedded_not_read", names=[name])


def test_bullets_that_are_ticks_say_what_is_done(tmp_path: Path) -> None:
    import docx
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls

    document = docx.Document()
    numbering = document.part.numbering_part.element
    for number, bullet in [("77", "☒"), ("78", "☐"), ("79", "•")]:
        level = f'<w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="{bullet}"/></w:lvl>'
        names = nsdecls("w")
        numbering.insert(0, parse_xml(f'<w:abstractNum {names} w:abstractNumId="{number}">{level}</w:abstractNum>'))
        numbering.append(parse_xml(f'<w:num {names} w:numId="{number}"><w:abstractNumId w:val="{number}"/></w:num>'))
        own = f'<w:numPr {names}><w:ilvl w:val="0"/><w:numId w:val="{number}"/></w:numPr>'
        document.add_paragraph(f"培训{number}")._p.get_or_add_pPr().append(parse_xml(own))
    document.save(str(tmp_path / "a.docx"))
    assert load_file(tmp_path / "a.docx").pages[0].text == "- ☒ 培训77\n- ☐ 培训78\n- 培训79"
