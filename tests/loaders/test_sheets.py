"""Workbooks and slides as people have them: what Excel and PowerPoint show is what is read."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

import pytest
from conftest import DATA
from office_files import make_zip

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import load_file
from minicpm_rag.loaders.cell_values import shown
from minicpm_rag.loaders.sheets import layout
from minicpm_rag.loaders.sheets.layout import write_grid
from minicpm_rag.loaders.writer import PageWriter

OFFICE = DATA / "office"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("excel_strict.xlsx", "| Item | Price |\n| Pump | 120 |"),
        ("excel_nameless_style.xlsx", "| Item | Price |\n| Pump | 120 |"),
        ("excel_number_formats.xlsx", "| 00007 | ¥1,234.50 | 37:30 | 045 | 17.5% | 2024年3月 |"),
        ("excel_textbox.xlsx", "Prices rise by 4 percent in June."),
        ("csv_preamble.csv", "Report of the stock\nMade on 3 March 2024\n\n| Item | Price | Stock |"),
        ("csv_decimal_comma.csv", "| Pumpe | 120,50 | 4 |"),
        ("slides_3d_column_chart.pptx", "The budget for 2025 is 4.2 million euros."),
        ("slides_3d_column_chart.pptx", "| North | 10 | 12 |"),
        ("slides_picture_as_title.pptx", "The budget for 2025 is 4.2 million euros."),
        ("slides_box_with_equation.pptx", "The safety factor is S=1.5 for lifting gear."),
        ("slides_scatter_chart.pptx", "| 10 | 35.5 |\n| 20 | 31.2 |"),
        ("slides_macro_enabled.pptm", "Option A: lease\n\nLeasing costs 300 a month"),
    ],
)
def test_what_office_shows_is_read(name: str, text: str) -> None:
    assert text in "\n\n".join(page.text for page in load_file(OFFICE / name).pages)


def test_a_header_of_two_rows_names_each_column() -> None:
    (page,) = load_file(OFFICE / "excel_two_row_header.xlsx").pages
    assert page.tables[0].header == "| Region | 2023 Sales | 2023 Costs | 2024 Sales | 2024 Costs |"
    assert [number for _, number in page.tables[0].rows] == [3, 4]


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (7, "00000", "00007"), (1234.5, '"¥"#,##0.00', "¥1,234.50"), (0.175, "0.0%;[Red]-0.0%", "17.5%"),
        (datetime.timedelta(hours=37, minutes=30), "[h]:mm", "37:30"), (1234567.891, "#,##0", "1,234,568"),
        (2.5, "0", "3"), (-2.5, "0", "-3"), (0.1 + 0.2, "General", "0.3"), (1.005, "0.00", "1.01"),
        (-0.001, "0.00", "0.00"), (datetime.datetime(2024, 3, 1), 'yyyy"年"m"月"', "2024年3月"),
        (datetime.datetime(2024, 3, 1), "m/d/yyyy", "2024-03-01"),
        (datetime.datetime(2024, 3, 1, 18, 30), "General", "2024-03-01 18:30"), (datetime.time(9, 5), "h:mm", "9:05"),
        (5, "no [format", "5"), (True, "General", "TRUE"), (None, "General", ""), (1e300, "#,##0", "1e+300"),
        (7, "0" * 300, "7"),
    ],
)  # fmt: skip
def test_values_are_shown_in_their_formats(value: Any, number_format: str, text: str) -> None:
    assert shown(value, number_format) == text


def written(rows: list[list[str]]) -> PageWriter:
    writer = PageWriter()
    write_grid(list(enumerate(rows, start=1)), writer)
    return writer


def test_two_tables_on_a_sheet_have_headers_of_their_own() -> None:
    rows = [
        ["Prices", ""], ["Item", "Price"], ["Pump", "120"], ["", ""], ["Contacts", ""], ["Name", "Telephone"],
        ["Ann", "4711"],
    ]  # fmt: skip
    page = written(rows).page(1)
    assert [table.header for table in page.tables] == ["| Item | Price |", "| Name | Telephone |"]
    assert page.text.startswith("Prices\n\n| Item")
    assert "\n\nContacts\n\n| Name" in page.text or "\nContacts\n\n| Name" in page.text


@pytest.mark.parametrize("note", ["注：以上价格不含税", "* prices without tax", "周一闭馆，节日除外，请提前来电。"])
def test_a_note_below_a_table_is_no_row(note: str) -> None:
    page = written([["Item", "Price"], ["Pump", "120"], ["Valve", "35"], [note, ""]]).page(1)
    assert len(page.tables[0].rows) == 2 and page.text.endswith(f"\n\n{note}")


@pytest.mark.parametrize(
    ("lines", "tables"),
    [
        (["入园规定", "一、游客须在闭园前半小时离园。", "二、犬只一律不得入园，导盲犬除外；"], 0),
        (["House rules", "Please take your shoes off at the door.", "The kitchen closes at 9 pm."], 0),
        (["Item", "Pump", "Valve"], 1),
    ],
)
def test_sentences_typed_into_a_sheet_are_text_and_no_table(lines: list[str], tables: int) -> None:
    page = written([[line] for line in lines]).page(1)
    assert len(page.tables) == tables and all(line in page.text for line in lines)


def test_a_row_with_one_cell_that_is_no_note_stays() -> None:
    page = written([["Item", "Price"], ["Pump", "120"], ["Valve", ""], ["Seal kit no. 4", ""]]).page(1)
    assert len(page.tables[0].rows) == 3


def test_tables_side_by_side_are_parted() -> None:
    rows = [["品名", "单价", "", "姓名", "电话"], ["水泵", "120", "", "李明", "4711"]]
    assert [table.header for table in written(rows).page(1).tables] == ["| 品名 | 单价 |", "| 姓名 | 电话 |"]


def test_a_blank_row_inside_a_table_does_not_part_it() -> None:
    rows = [["Item", "Price"], ["Pump", "120"], ["", ""], ["Valve", "35"]]
    assert len(written(rows).page(1).tables) == 1


def test_comments_and_hidden_sheets_are_told(tmp_path: Path) -> None:
    import openpyxl
    from openpyxl.comments import Comment

    workbook = openpyxl.Workbook()
    workbook.active.append(["Item", "Price"])
    workbook.active.append(["Pump", 120])
    workbook.active["B2"].comment = Comment("valid until May", "Ana")
    hidden = workbook.create_sheet("Costs")
    hidden.append(["Item", "Cost"])
    hidden.sheet_state = "hidden"
    workbook.save(tmp_path / "a.xlsx")
    first, second = load_file(tmp_path / "a.xlsx").pages
    assert "B2: valid until May" in first.text
    assert second.label == "Costs (hidden / 隐藏)"


@pytest.mark.parametrize("name", ["old.xls", "open.ods"])
def test_workbooks_of_other_programs_are_read(name: str) -> None:
    (page,) = load_file(OFFICE / name).pages
    assert page.text == "| 品名 | 单价 |\n| 水泵 | 120.5 |\n| 阀门 | 35 |"
    assert (page.label, page.kind) == ("库存", "sheet")
    assert [number for _, number in page.tables[0].rows] == [2, 3]


@pytest.mark.parametrize("name", ["formats.xls", "formats.ods"])
def test_older_and_open_workbooks_show_values_in_their_formats(name: str) -> None:
    sheet, hidden = load_file(OFFICE / name).pages
    assert "| Lyon | 2019-04-01 | 1,234,567.89 € | 12.3% | 37:30 |" in sheet.text
    assert sheet.text.startswith("Ventes par magasin – exercice 2026\n\n| Magasin | Ouverture | CA | Marge | Heures |")
    assert hidden.label == "Caché (hidden / 隐藏)"
    assert name != "formats.ods" or sheet.text.endswith("C4: Chiffre provisoire")


def test_numbers_in_an_old_workbook_keep_their_zeros_and_dates() -> None:
    (page,) = load_file(OFFICE / "stock.xls").pages
    assert "| 00017 | 螺栓 | 1200 | 2026年6月3日 |" in page.text


def open_sheet(path: Path, rows: str, styles: str = "") -> Path:
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text", "style")
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr(
            "content.xml",
            f"<office:document-content {names}>{styles}<office:body><office:spreadsheet>"
            f'<table:table table:name="S">{rows}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )
    return path


def test_an_open_sheet_repeats_and_spans_cells(tmp_path: Path) -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<table:table-cell {more}><text:p>{text}</text:p></table:table-cell>"

    spanning = cell("Lyon", "table:number-rows-spanned='2'")
    repeated = cell("B", "table:number-columns-repeated='2'")
    rows = (
        f"<table:table-row>{cell('Site')}{cell('Pump')}{cell('Price')}</table:table-row>"
        f"<table:table-row>{spanning}{cell('A')}{cell('7')}</table:table-row>"
        f"<table:table-row><table:covered-table-cell/>{repeated}"
        "<table:table-cell table:number-columns-repeated='16000'/></table:table-row>"
        "<table:table-row table:number-rows-repeated='1000000'><table:table-cell/></table:table-row>"
    )
    (page,) = load_file(open_sheet(tmp_path / "a.ods", rows)).pages
    assert page.text == "| Site | Pump | Price |\n| Lyon | A | 7 |\n| Lyon | B | B |"


def test_a_long_open_sheet_shows_its_cells_as_they_are_written_there(tmp_path: Path) -> None:
    def row(*texts: str) -> str:
        cells = (f"<table:table-cell office:value='1'><text:p>{text}</text:p></table:table-cell>" for text in texts)
        return f"<table:table-row>{''.join(cells)}</table:table-row>"

    rows = (
        f"<table:table-header-rows>{row('Item', 'Share')}</table:table-header-rows>"
        f"<table:table-row-group>{''.join(row(f'Pump {number}', '12,5 %') for number in range(2, 25_000))}"
        f"</table:table-row-group>{row('Valve', '7 %')}"
    )
    path = open_sheet(tmp_path / "a.ods", rows)
    (page,) = load_file(path).pages
    assert page.text.startswith("| Item | Share |\n| Pump 2 | 12,5 % |\n")
    assert page.text.endswith("| Pump 24999 | 12,5 % |\n| Valve | 7 % |")
    assert page.tables[0].rows[-1][1] == 25_000


def test_an_open_sheet_that_stands_for_millions_of_cells_is_refused(tmp_path: Path) -> None:
    rows = (
        "<table:table-row table:number-rows-repeated='1000000'><table:table-cell table:number-columns-repeated='1000'>"
        "<text:p>x</text:p></table:table-cell></table:table-row>"
    )
    with pytest.raises(DocumentError, match="cells"):
        load_file(open_sheet(tmp_path / "a.ods", rows))


def test_a_long_sheet_is_written_as_it_would_be_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(1, ["Stock", "", ""]), (2, ["", "", ""]), (3, ["", "Item", "", "Price"])]
    rows += [(number, ["", f"Pump {number}", "", str(number)]) for number in range(4, 60)]
    pages = []
    for most in (1000, 20):
        monkeypatch.setattr(layout, "_MOST_ANALYSED_ROWS", most)
        writer = PageWriter()
        write_grid(iter(rows), writer)
        pages.append(writer.page(1))
    assert pages[0] == pages[1]
    assert pages[0].text.startswith("Stock\n\n| Item | Price |\n| Pump 4 | 4 |")


def test_what_a_late_row_has_in_a_blank_column_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_MOST_ANALYSED_ROWS", 5)
    writer = PageWriter()
    rows = [(1, ["Item", "", "Price"]), *((number, ["Pump", "", "120"]) for number in range(2, 9))]
    write_grid([*rows, (9, ["Valve", "late", "35", "far"])], writer)
    assert writer.page(1).text.endswith("| Pump | 120 |\n| Valve | 35 | far | late |")


def test_the_line_that_tells_excel_the_mark_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"sep=;\r\nName;Price\r\nBolt, M8;5\r\nNut;7\r\n")
    (page,) = load_file(path).pages
    assert page.text == "| Name | Price |\n| Bolt, M8 | 5 |\n| Nut | 7 |"
    assert [number for _, number in page.tables[0].rows] == [2, 3]


@pytest.mark.parametrize(
    ("before", "label"), [("[Threaded comment]\n\nYour version of Excel", "Comment:"), ("[线程批注]\n\n你的", "注释：")]
)
def test_a_conversation_in_a_comment_is_read_without_what_excel_says_of_it(
    tmp_path: Path, before: str, label: str
) -> None:
    import openpyxl
    from openpyxl.comments import Comment

    workbook = openpyxl.Workbook()
    workbook.active["A1"] = "价格"
    text = f"{before} https://go.microsoft.com/fwlink/?linkid=870924\n\n{label}\n    含税吗？\nReply:\n    含。"
    workbook.active["A1"].comment = Comment(text, "tc={1}")
    workbook.save(tmp_path / "a.xlsx")
    assert load_file(tmp_path / "a.xlsx").pages[0].text.endswith("\n\nA1: 含税吗？ Reply: 含。")


def test_a_formula_whose_result_is_empty_is_blank_and_one_without_a_result_is_named(tmp_path: Path) -> None:
    import openpyxl

    workbook = openpyxl.Workbook()
    for row in (["姓名", "备注", "合计"], ["张三", '=IF(1,"","")', "=1+1"], ["李四", "无", 3]):
        workbook.active.append(row)
    workbook.save(tmp_path / "a.xlsx")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        members: dict[str, bytes | str] = {name: archive.read(name) for name in archive.namelist()}
    sheet = bytes(members["xl/worksheets/sheet1.xml"]).decode()  # type: ignore[arg-type]
    assert '<c r="B2">' in sheet
    members["xl/worksheets/sheet1.xml"] = sheet.replace('<c r="B2">', '<c r="B2" t="str">')
    loaded = load_file(make_zip(tmp_path / "b.xlsx", members))
    assert loaded.pages[0].text == "| 姓名 | 备注 | 合计 |\n| 张三 |  | =1+1 |\n| 李四 | 无 | 3 |"
    assert "Sheet!C2" in str(loaded.note)
    assert "results of 1 formula " in str(loaded.note)
