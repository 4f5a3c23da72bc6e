"""A damaged or missing part keeps nothing else of a file out, and the verdict names what may be lost."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from office_files import make_docx, make_epub, make_pptx, make_zip

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import load_file

Members = dict[str, bytes | str]
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def make_full_docx(path: Path) -> Path:
    import docx

    document = docx.Document(str(make_docx(path)))
    document.add_paragraph("第一项", style="List Number")
    document.sections[0].header.paragraphs[0].text = "内部资料"
    commented = document.add_paragraph("一段有批注的话。")
    document.add_comment(commented.runs[0], text="请核对", author="王敏", initials="W")
    document.save(str(path))
    return path


def make_full_xlsx(path: Path) -> Path:
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("销售")
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    sheet.write_row("A1", ["季度", "销售额", "日期"])
    for row in range(1, 4):
        sheet.write_row(row, 0, [f"{row}季度", row * 100])
        sheet.write_number(row, 2, 46000 + row, day)
    sheet.write_comment("B2", "核对过")
    sheet.insert_textbox("E2", "提示文字")
    for title in ("走势图", "全年图"):
        chart = book.add_chart({"type": "column"})
        chart.add_series({"values": "=销售!$B$2:$B$4"})
        chart.set_title({"name": title})
        if title == "走势图":
            sheet.insert_chart("E9", chart)
        else:
            book.add_chartsheet("图表页").set_chart(chart)
    sheet.add_table("H1:I2", {"data": [["x", 1]], "columns": [{"header": "k"}, {"header": "v"}]})
    book.add_worksheet("第二").write("A1", "另一张表")
    book.close()
    return path


def make_two_chapters(path: Path) -> Path:
    return make_epub(path, [f"<html><body><h1>第{number}章</h1><p>内容。</p></body></html>" for number in "一二"])


MAKERS: dict[str, Callable[[Path], Path]] = {
    "a.docx": make_full_docx, "a.pptx": make_pptx, "a.xlsx": make_full_xlsx, "a.epub": make_two_chapters,
}  # fmt: skip
# Parts without which there is no document: they hold its text or say where it is.
NEEDED = (
    "word/document.xml", "ppt/presentation.xml", "ppt/_rels/presentation.xml.rels", "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels", "META-INF/container.xml",
)  # fmt: skip
# That a slide has notes is written nowhere else.
KNOWN_BY_ITSELF = "ppt/slides/_rels/slide1.xml.rels"


def members_of(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def broken(members: Members, name: str) -> Iterator[Members]:
    """The file with one part gone, cut in half, not XML at all, empty, and another document."""
    content = members[name]
    others = {other: data for other, data in members.items() if other != name}
    yield others
    for changed in (content[: len(content) // 2], b"\0\1 no XML", b"", b"<html><p>x</p></html>"):
        yield members | {name: changed}


@pytest.mark.parametrize("name", MAKERS)
def test_no_part_but_the_main_one_refuses_a_file_and_no_loss_is_silent(tmp_path: Path, name: str) -> None:
    members = members_of(MAKERS[name](tmp_path / name))
    whole = sum(len(page.text) for page in load_file(tmp_path / name).pages)
    wrong = []
    parts = [part for part in members if part not in NEEDED and not part.endswith(("mimetype", "/"))]
    for part in [part for part in parts if "ayout" not in part or part.endswith("t1.xml")]:
        for number, changed in enumerate(broken(members, part)):
            try:
                loaded = load_file(make_zip(tmp_path / f"broken-{name}", changed))
            except DocumentError as exc:
                wrong.append(f"{part} ({number}) refuses the file: {exc}")
                continue
            is_less = sum(len(page.text) for page in loaded.pages) < whole
            another_page = name == "a.epub" and number == 4  # any page of HTML is a chapter
            if is_less and loaded.note is None and part != KNOWN_BY_ITSELF and not another_page:
                wrong.append(f"{part} ({number}) is lost in silence")
    assert wrong == []


def test_a_deck_with_a_broken_chart_is_read_without_it(tmp_path: Path) -> None:
    members = members_of(make_pptx(tmp_path / "a.pptx"))
    chart = next(part for part in members if part.startswith("ppt/charts/chart"))
    loaded = load_file(make_zip(tmp_path / "b.pptx", members | {chart: "<c:chartSpace"}))
    assert "第一季度发布 2.0 版。" in loaded.pages[0].text
    assert chart.rsplit("/", 1)[-1] in str(loaded.note)


def test_a_missing_slide_is_named_by_its_number_and_the_others_keep_theirs(tmp_path: Path) -> None:
    members = members_of(make_pptx(tmp_path / "a.pptx"))
    del members["ppt/slides/slide1.xml"]
    loaded = load_file(make_zip(tmp_path / "b.pptx", members))
    assert [page.label for page in loaded.pages] == ["3"]
    assert "slide 1" in str(loaded.note)


def test_a_frame_of_a_kind_that_nobody_knows_is_named(tmp_path: Path) -> None:
    members = members_of(make_pptx(tmp_path / "a.pptx"))
    slide = bytes(members["ppt/slides/slide1.xml"]).decode()  # type: ignore[arg-type]
    frame = (
        '<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="99" name="Map 7"/><p:cNvGraphicFramePr/><p:nvPr/>'
        '</p:nvGraphicFramePr><p:xfrm/><a:graphic><a:graphicData uri="urn:odd"><odd/></a:graphicData></a:graphic>'
        "</p:graphicFrame></p:spTree>"
    )
    members["ppt/slides/slide1.xml"] = slide.replace("</p:spTree>", frame)
    loaded = load_file(make_zip(tmp_path / "b.pptx", members))
    assert "第一季度发布 2.0 版。" in loaded.pages[0].text
    assert str(loaded.note) == "Embedded parts that were not read: Map 7."


def test_a_document_cut_off_inside_is_read_up_to_there(tmp_path: Path) -> None:
    members = members_of(make_full_docx(tmp_path / "a.docx"))
    text = bytes(members["word/document.xml"])  # type: ignore[arg-type]
    members["word/document.xml"] = text[: text.index(b"Leave")]
    loaded = load_file(make_zip(tmp_path / "b.docx", members))
    assert "试用期为三个月。" in loaded.pages[0].text
    assert str(loaded.note) == "Damaged or missing parts, of which text may be lost: document.xml."


def test_cells_keep_their_dates_where_other_styles_are_damaged(tmp_path: Path) -> None:
    members = members_of(make_full_xlsx(tmp_path / "a.xlsx"))
    styles = bytes(members["xl/styles.xml"])  # type: ignore[arg-type]
    members["xl/styles.xml"] = styles.replace(b"<fills ", b'<fills odd="1" ').replace(b"patternType", b"odd")
    assert "| 2025-12-10 |" in load_file(make_zip(tmp_path / "b.xlsx", members)).pages[0].text


def test_shared_texts_that_are_cut_off_keep_the_others_in_their_cells(tmp_path: Path) -> None:
    members = members_of(make_full_xlsx(tmp_path / "a.xlsx"))
    texts = bytes(members["xl/sharedStrings.xml"])  # type: ignore[arg-type]
    members["xl/sharedStrings.xml"] = texts[: texts.index("2季度".encode())]
    loaded = load_file(make_zip(tmp_path / "b.xlsx", members))
    assert "| 1季度 | 100 | 2025-12-10 |" in loaded.pages[0].text
    assert "sharedStrings.xml" in str(loaded.note)


def test_what_a_workbook_has_that_openpyxl_does_not_know_costs_no_comment(tmp_path: Path) -> None:
    members = members_of(make_full_xlsx(tmp_path / "a.xlsx"))
    sheet = bytes(members["xl/worksheets/sheet1.xml"]).decode()  # type: ignore[arg-type]
    rule = '<conditionalFormatting sqref="?"><cfRule type="odd" priority="x"/></conditionalFormatting><drawing '
    members["xl/worksheets/sheet1.xml"] = sheet.replace("<drawing ", rule)
    (page, *_) = load_file(make_zip(tmp_path / "b.xlsx", members)).pages
    assert "B2: 核对过" in page.text
    assert "提示文字" in page.text


def test_a_chart_sheet_is_a_page_of_its_titles(tmp_path: Path) -> None:
    pages = load_file(make_full_xlsx(tmp_path / "a.xlsx")).pages
    assert [(page.label, page.text) for page in pages][1:] == [("第二", "| 另一张表 |"), ("图表页", "全年图")]


@pytest.mark.parametrize("part", ["word/header1.xml", "word/document.xml"])
def test_a_wrong_checksum_is_named_and_the_text_read(tmp_path: Path, part: str) -> None:
    with zipfile.ZipFile(make_full_docx(tmp_path / "a.docx")) as archive:
        checksum = archive.getinfo(part).CRC.to_bytes(4, "little")
    data = (tmp_path / "a.docx").read_bytes()
    (tmp_path / "b.docx").write_bytes(data.replace(checksum, b"\1\2\3\4"))
    loaded = load_file(tmp_path / "b.docx")
    assert "试用期为三个月。" in loaded.pages[0].text
    assert "内部资料" in loaded.pages[0].text
    assert str(loaded.note) == f"Damaged or missing parts, of which text may be lost: {part.rsplit('/', 1)[-1]}."


@pytest.mark.parametrize(
    ("name", "part"),
    [("a.docx", "word/styles.xml"), ("a.pptx", "ppt/theme/theme1.xml"), ("a.xlsx", "xl/worksheets/sheet2.xml")],
)
def test_damage_before_the_data_of_a_part_keeps_nothing_else_out(tmp_path: Path, name: str, part: str) -> None:
    path = MAKERS[name](tmp_path / name)
    first = load_file(path).pages[0].text
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo(part).header_offset
    data = path.read_bytes()
    path.write_bytes(data[:start] + b"XXXX" + data[start + 4 :])
    loaded = load_file(path)
    assert first.splitlines()[0] in loaded.pages[0].text
    assert loaded.note is not None or part == "ppt/theme/theme1.xml"


def test_relations_to_very_many_missing_parts_cost_little(tmp_path: Path) -> None:
    members = members_of(make_full_docx(tmp_path / "a.docx"))
    relations = bytes(members["word/_rels/document.xml.rels"])  # type: ignore[arg-type]
    many = "".join(f'<Relationship Id="x{n}" Type="{RELATIONS}/image" Target="media/{n}.png"/>' for n in range(100_000))
    members["word/_rels/document.xml.rels"] = relations.replace(b"</Relationships>", f"{many}</Relationships>".encode())
    assert "员工手册" in load_file(make_zip(tmp_path / "b.docx", members)).pages[0].text
