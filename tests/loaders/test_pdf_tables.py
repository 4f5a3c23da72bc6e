from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from office_files import make_pdf

from minicpm_rag.loaders import load_file
from minicpm_rag.loaders.pdf import glyphs
from minicpm_rag.loaders.pdf.drawing import Rule, Rules
from minicpm_rag.loaders.pdf.glyphs import Glyph, glyphs_of
from minicpm_rag.loaders.pdf.layout import lay_out

COLUMNS = (60.0, 130.0, 330.0)
ROWS = [
    ("4.1", ["The tenant pays the rent", "before the third working day"], "3"),
    ("4.2", ["The landlord returns the", "deposit once the keys are back", "and the flat was seen by both"], "30"),
    ("4.3", ["Notice is given in writing"], "90"),
    ("4.4", ["Repairs of more than one", "hundred are for the landlord"], "14"),
]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0], ids=["top", "middle", "bottom"])
def test_short_cells_may_stand_anywhere_in_a_row_whose_other_cells_wrap(tmp_path: Path, share: float) -> None:
    page = [(x, 700.0, 10.0, text) for x, text in zip(COLUMNS, ("Clause", "Meaning", "Days"), strict=True)]
    y = 682.0
    for first, texts, last in ROWS:
        page += [(COLUMNS[1], y - 12 * number, 10.0, text) for number, text in enumerate(texts)]
        beside = y - share * 12 * (len(texts) - 1)
        page += [(COLUMNS[0], beside, 10.0, first), (COLUMNS[2], beside, 10.0, last)]
        y -= 12 * len(texts) + 6
    [read] = load_file(make_pdf(tmp_path / "a.pdf", [page])).pages
    assert read.text.splitlines() == [
        "| Clause | Meaning | Days |",
        *(f"| {first} | {' '.join(texts)} | {last} |" for first, texts, last in ROWS),
    ]
    assert [table.header for table in read.tables] == ["| Clause | Meaning | Days |"]


def test_notes_in_the_margin_of_prose_are_no_column(tmp_path: Path) -> None:
    page = [(140.0, 700.0 - 12 * line, 10.0, f"Line {line} of a text that goes on over the page") for line in range(12)]
    page += [(60.0, 700.0, 10.0, "ER"), (60.0, 676.0, 10.0, "29,2"), (60.0, 592.0, 10.0, "170")]
    [read] = load_file(make_pdf(tmp_path / "a.pdf", [page])).pages
    assert not read.tables


def test_columns_closer_than_cells_usually_are_are_told_by_the_space_that_all_rows_have(tmp_path: Path) -> None:
    page = [(60.0, 700.0, 12.0, "Code"), (104.0, 700.0, 12.0, "City"), (162.0, 700.0, 12.0, "Rate")]
    for number in range(113, 119):
        y = 700.0 - 18 * (number - 112)
        page += [(60.0, y, 12.0, f"K{number}"), (104.0, y, 12.0, f"City {number}"), (160.0, y, 12.0, f"{number}.50")]
    [read] = load_file(make_pdf(tmp_path / "a.pdf", [page])).pages
    assert "| K113 | City 113 | 113.50 |" in read.text.splitlines()


def test_text_drawn_from_right_to_left_is_read_from_left_to_right(tmp_path: Path) -> None:
    page = [(60.0 + 120 * x, 700.0, 10.0, word) for x, word in reversed([*enumerate(("Site", "Jan", "Feb", "Mar"))])]
    [read] = load_file(make_pdf(tmp_path / "a.pdf", [page])).pages
    assert read.text.split() == ["Site", "Jan", "Feb", "Mar"]


def _word(x: float, y: float, text: str) -> list[Glyph]:
    return [Glyph(c, x + 5 * n, y, x + 5 * n + 5, y + 10, 10) for n, c in enumerate(text)] + [Glyph("\n", x, y, x, y)]


def _frame(xs: tuple[float, ...], ys: tuple[float, ...]) -> Rules:
    return Rules([Rule(y, xs[0], xs[-1]) for y in ys], [Rule(x, ys[-1], ys[0]) for x in xs])


def test_rows_without_lines_between_them_inside_of_a_grid_stay_rows() -> None:
    cells = [("Site", "Flow", "Head"), ("Linz", "12.5", "30"), ("Wels", "18.0", "22"), ("Steyr", "9.5", "41")]
    letters = [
        glyph
        for row, texts in enumerate(cells)
        for column, text in enumerate(texts)
        for glyph in _word(60 + 100 * column, 700 - 16 * row, text)
    ]
    page = lay_out(glyphs_of(letters), _frame((50, 150, 250, 350), (715, 696, 640)))
    assert page.text.splitlines() == [f"| {' | '.join(texts)} |" for texts in cells]


def test_a_cell_that_reaches_over_several_rows_of_a_grid_is_said_in_each() -> None:
    letters = [*_word(60, 720, "部门"), *_word(160, 720, "姓名"), *_word(60, 692, "工程部")]
    letters += [*_word(160, 700, "王强"), *_word(160, 684, "李娜"), *_word(60, 668, "财务部"), *_word(160, 668, "张敏")]
    rules = _frame((50, 150, 250), (735, 715, 680, 664))
    rules.level.append(Rule(697, 150, 250))
    page = lay_out(glyphs_of(letters), rules)
    assert page.text.splitlines() == ["| 部门 | 姓名 |", "| 工程部 | 王强 |", "| 工程部 | 李娜 |", "| 财务部 | 张敏 |"]


def test_a_list_item_goes_on_below_its_words(tmp_path: Path) -> None:
    page = [
        (60.0, 700.0, 10.0, "3."),
        (76.0, 700.0, 10.0, "Children under eight swim with an adult who stays within reach and does not"),
        (76.0, 687.0, 10.0, "leave the pool before them."),
        (60.0, 674.0, 10.0, "4."),
        (76.0, 674.0, 10.0, "No glass."),
    ]
    [read] = load_file(make_pdf(tmp_path / "a.pdf", [page])).pages
    assert "within reach and does not leave the pool before them.\n4. No glass." in read.text


def test_letters_of_formulas_are_stored_as_plain_ones() -> None:
    texts, _ = glyphs._texts(numpy.frombuffer("𝐸=𝑚".encode("utf-16-le"), numpy.uint16).astype(numpy.uint32))
    assert "".join(texts) == "E=m"


def test_headers_on_the_left_of_numbers_and_a_foot_across_columns_leave_each_number_in_its_column(
    tmp_path: Path,
) -> None:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(str(tmp_path / "a.pdf"))
    canvas.setFont("STSong-Light", 10)
    names = [("姓名", "部门", "基本工资", "奖金", "扣款", "实发")]
    rows = [("张三", "生产部", "5000", "800", "120.5", "5679.5"), ("李四", "生产部", "5200", "0", "0", "5200")]
    rows += [("王五", "行政部", "6000", "1000", "300", "6700"), ("合计", "", "16200", "1800", "420.5", "17579.5")]
    for number, row in enumerate([*names, *rows]):
        for column, text in enumerate(cell or " " for cell in row):
            left, height = 60 + 64 * column, 760 - 14 * number
            if text[0].isdigit():
                canvas.drawRightString(left + 62, height, text)
            else:
                canvas.drawString(left, height, text)
    canvas.drawString(60, 760 - 14 * 5, "制表人：王敏明")
    canvas.drawString(60 + 64 * 3, 760 - 14 * 5, "审核人：赵六六")
    canvas.save()
    (page,) = load_file(tmp_path / "a.pdf").pages
    table, foot = page.text.split("\n\n")
    assert table.split("\n") == [f"| {' | '.join(row)} |" for row in [*names, *rows]]
    assert foot == "制表人：王敏明  审核人：赵六六"
