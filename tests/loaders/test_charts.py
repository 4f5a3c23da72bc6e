"""Charts and diagrams in Word, Excel and PowerPoint: their titles, axes' names, values and texts are read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from office_files import make_zip

from minicpm_rag.loaders import charts, load_file
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.loaders.xml_parts import parsed

_NAMES = (
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_DIAGRAM = (
    '<dgm:dataModel xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><dgm:ptLst>'
    "<dgm:pt><dgm:t><a:p><a:r><a:t>申请</a:t></a:r></a:p></dgm:t></dgm:pt>"
    "<dgm:pt><dgm:t><a:p><a:r><a:t>部门审批</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:ptLst></dgm:dataModel>"
)


def title(text: str) -> str:
    return f"<c:title><c:tx><c:rich><a:p><a:r><a:t>{text}</a:t></a:r></a:p></c:rich></c:tx></c:title>"


def points(values: list[str], form: str = "General") -> str:
    own = "".join(f'<c:pt idx="{number}"><c:v>{value}</c:v></c:pt>' for number, value in enumerate(values))
    return f"<c:numRef><c:numCache><c:formatCode>{form}</c:formatCode>{own}</c:numCache></c:numRef>"


def chart(
    categories: str, values: str, *, name: str = "销售额", heading: str = "各季度销售", axis: str = "万元"
) -> str:
    series = f"<c:ser><c:tx><c:v>{name}</c:v></c:tx><c:cat>{categories}</c:cat><c:val>{values}</c:val></c:ser>"
    return (
        f"<c:chartSpace {_NAMES}><c:chart>{title(heading)}<c:plotArea><c:bar3DChart>{series}</c:bar3DChart>"
        f"<c:valAx>{title(axis)}</c:valAx></c:plotArea></c:chart></c:chartSpace>"
    )


def word_file(path: Path, graphic: str, kind: str, part: str) -> Path:
    """A document with one drawing between two paragraphs; the drawing refers to the part as rId99."""
    import docx

    document = docx.Document()
    for text in ("Before.", "DRAWING", "After."):
        document.add_paragraph(text)
    document.save(str(path))
    with zipfile.ZipFile(path) as archive:
        members: dict[str, bytes | str] = {name: archive.read(name) for name in archive.namelist()}

    def changed(name: str, old: str, new: str) -> None:
        text = bytes(members[name]).decode()  # type: ignore[arg-type]
        assert old in text
        members[name] = text.replace(old, new)

    changed("word/document.xml", "<w:t>DRAWING</w:t>", f"<w:drawing {_NAMES}>{graphic}</w:drawing>")
    relation = f'<Relationship Id="rId99" Type="{_RELATIONS}/{kind}" Target="extra/part.xml"/></Relationships>'
    changed("word/_rels/document.xml.rels", "</Relationships>", relation)
    override = '<Override PartName="/word/extra/part.xml" ContentType="application/x+xml"/></Types>'
    changed("[Content_Types].xml", "</Types>", override)
    members["word/extra/part.xml"] = part
    return make_zip(path, members)


def test_a_chart_in_word_is_the_table_of_its_values_where_it_stands(tmp_path: Path) -> None:
    names = "<c:strLit><c:pt idx='0'><c:v>一季度</c:v></c:pt><c:pt idx='1'><c:v>二季度</c:v></c:pt></c:strLit>"
    part = chart(names, points(["120.5", "98"]))
    path = word_file(tmp_path / "a.docx", '<c:chart r:id="rId99"/>', "chart", part)
    (page,) = load_file(path).pages
    assert page.text == "Before.\n\n各季度销售\n\n万元\n\n|  | 销售额 |\n| 一季度 | 120.5 |\n| 二季度 | 98 |\n\nAfter."
    assert page.tables[0].header == "|  | 销售额 |"


def test_a_damaged_chart_is_named_and_the_text_read(tmp_path: Path) -> None:
    loaded = load_file(word_file(tmp_path / "a.docx", '<c:chart r:id="rId99"/>', "chart", "<c:chart"))
    assert loaded.pages[0].text == "Before.\n\nAfter."
    assert "part.xml" in str(loaded.note)


def test_the_texts_of_a_diagram_in_word_are_read(tmp_path: Path) -> None:
    names = 'xmlns:d="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
    path = word_file(tmp_path / "a.docx", f'<d:relIds {names} r:dm="rId99"/>', "diagramData", _DIAGRAM)
    assert load_file(path).pages[0].text == "Before.\n\n申请\n部门审批\n\nAfter."


def test_an_object_of_another_program_in_word_is_named(tmp_path: Path) -> None:
    names = 'xmlns:o="urn:schemas-microsoft-com:office:office"'
    graphic = f'<o:OLEObject {names} ProgID="Excel.Sheet.12" r:id="rId99"/>' * 2
    loaded = load_file(word_file(tmp_path / "a.docx", graphic, "package", "x"))
    assert str(loaded.note) == "Embedded parts that were not read: Excel.Sheet.12."


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [("45292", "yyyy-mm-dd", "2024-01-01"), ("0.175", "0.0%", "17.5%"), ("2.4000000000000004", "General", "2.4")],
)
def test_values_of_a_chart_stand_as_its_formats_show_them(value: str, form: str, shown: str) -> None:
    writer = PageWriter()
    charts.write_chart(parsed(chart(points([value], form), points(["1"])).encode()), writer)
    assert f"| {shown} | 1 |" in writer.page(1).text


def test_a_chart_of_the_newer_kinds_is_the_table_of_its_values() -> None:
    data = (
        '<cx:chartSpace xmlns:cx="http://schemas.microsoft.com/office/drawing/2014/chartex"><cx:chartData>'
        '<cx:data id="0"><cx:strDim type="cat"><cx:lvl><cx:pt idx="0">期初</cx:pt><cx:pt idx="1">增加</cx:pt></cx:lvl>'
        '<cx:lvl><cx:pt idx="0">现金</cx:pt><cx:pt idx="1">现金</cx:pt></cx:lvl></cx:strDim><cx:numDim type="val">'
        '<cx:lvl formatCode="#,##0"><cx:pt idx="0">1200</cx:pt><cx:pt idx="1">300</cx:pt></cx:lvl></cx:numDim>'
        "</cx:data></cx:chartData><cx:chart><cx:title><cx:tx><cx:txData><cx:v>现金流</cx:v></cx:txData></cx:tx></cx:title>"
        "<cx:plotArea><cx:plotAreaRegion><cx:series><cx:tx><cx:txData><cx:v>万元</cx:v></cx:txData>"
        '</cx:tx><cx:dataId val="0"/></cx:series></cx:plotAreaRegion></cx:plotArea></cx:chart></cx:chartSpace>'
    )
    writer = PageWriter()
    assert charts.write_chart(parsed(data.encode()), writer)
    assert writer.page(1).text == "现金流\n\n|  | 万元 |\n| 现金 / 期初 | 1,200 |\n| 现金 / 增加 | 300 |"


def test_the_titles_of_a_sheets_chart_stand_behind_its_cells(tmp_path: Path) -> None:
    import openpyxl
    from openpyxl.chart import BarChart, Reference

    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for row in [("季度", "销售额"), ("一季度", 120.5), ("二季度", 98)]:
        sheet.append(row)
    own = BarChart()
    own.add_data(Reference(sheet, min_col=2, min_row=1, max_row=3), titles_from_data=True)
    own.title, own.y_axis.title = "销售额走势", "单位：万元"
    sheet.add_chart(own, "D2")
    workbook.save(tmp_path / "a.xlsx")
    assert load_file(tmp_path / "a.xlsx").pages[0].text.endswith("| 二季度 | 98 |\n\n销售额走势\n\n单位：万元")


def test_bubbles_have_their_sizes() -> None:
    series = (
        f"<c:ser><c:tx><c:v>门店</c:v></c:tx><c:xVal>{points(['1'])}</c:xVal><c:yVal>{points(['2'])}</c:yVal>"
        f"<c:bubbleSize>{points(['30'])}</c:bubbleSize></c:ser>"
    )
    writer = PageWriter()
    charts.write_chart(parsed(f"<c:chartSpace {_NAMES}>{series}</c:chartSpace>".encode()), writer)
    assert writer.page(1).text == "|  | 门店 | 门店 (size / 大小) |\n| 1 | 2 | 30 |"
