"""Small PDF files of the kinds that people have: each is read right, or its verdict says which pages were not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from minicpm_rag.chunking import split_pages
from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import isolated, load_file
from minicpm_rag.loaders import ocr as recognition
from minicpm_rag.loaders.pdf.marked import page_picture
from minicpm_rag.messages import LANGUAGES, text
from minicpm_rag.records import Chunk, ChunkSize, LoadedFile

FILES = Path(__file__).parents[1] / "data" / "pdf"
needs_ocr = pytest.mark.skipif(not recognition.is_available(), reason="the ocr extra is not installed")


def loaded(name: str, *, ocr: bool = False) -> LoadedFile:
    return load_file(FILES / f"pdf_{name}.pdf", ocr=ocr)


def text_of(name: str) -> str:
    [page] = loaded(name).pages
    return page.text


def chunks_of(file: LoadedFile) -> list[Chunk]:
    tokens = SimpleNamespace(count_tokens=lambda text: len(text) // 4, limit_tokens=500)
    return split_pages(file.pages, file.title, tokens, ChunkSize())


def test_a_page_turned_sideways_is_read_in_lines() -> None:
    assert text_of("rotated_page") == (
        "Quarterly report of the northern branch Sales rose to 4,750 units in the third quarter. "
        "The branch employs 37 people at two sites. A new warehouse opens in June next year."
    )


def test_a_quote_is_marked_on_a_page_turned_sideways() -> None:
    assert page_picture(FILES / "pdf_rotated_page.pdf", 1, ["The branch employs 37 people"], width_pixels=300)[1]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("rotated_table", ["| Item | Price | Stock |", "| Pump | 120 | 4 |", "| Filter | 18 | 40 |"]),
        (
            "table_drawn_by_column",
            ["| Company | City | Employees | Date |", "| Hilton | San Francisco | 78 | 4 August |"],
        ),
        ("table_empty_cells", ["| Item | Price | Stock | Site |", "| Valve |  | 17 |  |", "| Filter |  |  | Lyon |"]),
        ("table_two_rows", ["| Item | Price | Stock |", "| Pump | 120 | 4 |"]),
        ("table_two_row_header", ["| Region | Sales | Costs | Sales | Costs |", "| East | 7 | 3 | 8 | 4 |"]),
    ],
)
def test_a_table_keeps_its_rows_and_empty_cells(name: str, rows: list[str]) -> None:
    [page] = loaded(name).pages
    [table] = page.tables
    lines = page.text[table.start : table.end].split("\n")
    assert [row for row in rows if row not in lines] == []
    assert [page.text[offset:].partition("\n")[0] for offset, _ in table.rows] == lines[-len(table.rows) :]


def test_two_header_rows_name_the_columns_together() -> None:
    [table] = loaded("table_two_row_header").pages[0].tables
    assert table.header == "| Region | 2023 Sales | 2023 Costs | 2024 Sales | 2024 Costs |"
    assert len(table.rows) == 3


def test_a_table_without_a_header_loses_no_row_to_it() -> None:
    [page] = loaded("price_list_right_aligned").pages
    [table] = page.tables
    assert table.header == ""
    assert len(table.rows) == 5
    assert page.text.startswith("| Pump | 4,750 |")
    assert "| Pump | 4,750 |" in chunks_of(loaded("price_list_right_aligned"))[0].text


def test_form_values_are_read_beside_their_labels() -> None:
    lines = text_of("form_values").split("\n")
    assert lines[1:4] == ["Name: Ana Soto", "Amount: 4,750 euros", "Start: 1 June 2024"]
    assert lines[-1] == "I agree  ☒"


def test_reviewers_boxes_and_notes_are_read() -> None:
    found = text_of("freetext_annotation")
    assert "Approved by Ms Roth on 3 March" in found
    assert "The limit is 20,000 euros, see the minutes." in found


def test_a_form_that_pages_do_not_show_is_refused_with_a_remedy() -> None:
    with pytest.raises(DocumentError) as caught:
        loaded("xfa_form")
    assert caught.value.reason.key == "loaders.pdf_xfa"
    assert caught.value.remedy is not None


def test_one_damaged_page_does_not_refuse_the_rest() -> None:
    file = isolated.load_file(FILES / "pdf_one_damaged_page.pdf")
    assert [page.number for page in file.pages] == [1, 3]
    assert file.pages_present == 3
    assert file.note is not None
    assert file.note.values["pages"] == ("2",)


def test_headings_are_told_by_boldness_where_the_size_is_the_same() -> None:
    [page] = loaded("bold_headings_same_size").pages
    assert [heading.text for heading in page.headings] == ["1 Scope", "2 Warranty", "3 Liability"]


def test_a_tracked_heading_is_words() -> None:
    assert [heading.text for heading in loaded("tracked_heading").pages[0].headings] == ["WARRANTY TERMS"]


def test_a_sentence_over_a_page_end_is_whole_and_cites_both_pages() -> None:
    file = loaded("sentence_over_pages")
    [chunk] = [chunk for chunk in chunks_of(file) if "extension 4711" in chunk.text]
    assert "the main valve within ninety seconds and call the fire brigade on extension 4711." in chunk.text
    assert chunk.metadata["page"] == 1
    assert chunk.metadata["page_label"] == "1–2"
    assert chunk.text == file.pages[0].text[chunk.metadata["start"] : chunk.metadata["end"]]
    assert len(file.pages) == 2
    quote = "the main valve within ninety seconds and call the fire brigade on extension 4711."
    assert page_picture(FILES / "pdf_sentence_over_pages.pdf", 1, [quote], width_pixels=200)[1]


def test_text_that_fonts_do_not_tell_or_that_is_drawn_is_never_indexed_in_silence() -> None:
    for name in ("wrong_tounicode", "text_as_outlines", "scan_sideways"):
        with pytest.raises(DocumentError) as caught:
            loaded(name)
        for language in LANGUAGES:
            assert "1" in text(language, caught.value.reason)
            assert caught.value.remedy is not None
            assert "ocr" in text(language, caught.value.remedy)


def test_a_picture_of_text_on_a_page_of_text_is_named_where_it_is_not_read() -> None:
    file = loaded("text_and_picture_of_text")
    assert file.note is not None
    assert file.note.key == "loaders.pdf_pictures_unread"
    assert file.note.values["pages"] == ("1",)
    assert file.remedy is not None


@needs_ocr
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrong_tounicode", "warranty"),
        ("text_as_outlines", "warranty"),
        ("scan_sideways", "warranty"),
        ("text_and_picture_of_text", "Pump | 4,750 euros"),
    ],
)
def test_what_is_no_text_is_recognised(name: str, words: str) -> None:
    file = loaded(name, ocr=True)
    assert words.lower() in file.pages[0].text.lower()
    assert file.pages[0].recognised


@pytest.mark.parametrize("name", ["two_columns", "three_columns"])
def test_columns_are_read_one_after_the_other(name: str) -> None:
    found = text_of(name)
    places = [found.index(f"COL{number} BEGINS") for number in range(1, 4 if name == "three_columns" else 3)]
    assert places == sorted(places)
    assert "\n" not in found[: places[1]].strip()


def test_columns_drawn_by_row_are_read_one_after_the_other() -> None:
    found = text_of("two_columns_drawn_by_row")
    assert max(found.rindex(f"left{number:02}") for number in range(12)) < found.index("right00")


def test_hebrew_and_vertical_chinese_are_read_in_order() -> None:
    assert text_of("hebrew_visual_order") == "החוזה בתוקף לשנים עשר חודשים\nהתשלום עד החמישי בחודש"
    places = [text_of("vertical_chinese").index(words) for words in ("本合同自签字", "租金每月五日", "违约者应付")]
    assert places == sorted(places)


def book(path: Path, pages: int, first: int = 1) -> Path:
    """Write pages with a running head, text, and a page number at the foot; pages differ left and right."""
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), pagesize=(595, 842))
    for number in range(1, pages + 1):
        canvas.setFont("Helvetica", 9)
        canvas.drawString(50, 810, "Northwind Manual" if number % 2 else "Operation of the pump")
        canvas.drawRightString(545, 810, "Revision 4")
        canvas.drawCentredString(297, 30, f"- {first + number - 1} -")
        canvas.setFont("Helvetica", 11)
        for line in range(12):
            canvas.drawString(
                50, 760 - 14 * line, f"Line {line} of chapter {chr(64 + number)} says what the operator does."
            )
        canvas.showPage()
    canvas.save()
    return path


def test_running_heads_and_page_numbers_stay_out_of_chunks(tmp_path: Path) -> None:
    file = load_file(book(tmp_path / "a.pdf", 6))
    for chunk in chunks_of(file):
        assert "Northwind" not in chunk.text
        assert "Revision" not in chunk.text
        assert "Operation of the pump" not in chunk.text
        assert f"- {chunk.metadata['page']} -" not in chunk.text
    assert all("Revision 4" in page.text for page in file.pages), "the stored page keeps them"
    assert len(chunks_of(file)) >= 6


def test_pages_are_called_by_the_numbers_printed_on_them(tmp_path: Path) -> None:
    file = load_file(book(tmp_path / "a.pdf", 6, first=41))
    assert [page.label for page in file.pages] == ["41", "42", "43", "44", "45", "46"]
    assert [page.number for page in file.pages] == [1, 2, 3, 4, 5, 6]


def test_a_quote_is_marked_on_a_page_with_running_heads(tmp_path: Path) -> None:
    path = book(tmp_path / "a.pdf", 6)
    for chunk in chunks_of(load_file(path)):
        assert page_picture(path, chunk.metadata["page"], [chunk.text], width_pixels=200)[1]


def cells_drawn_one_by_one(path: Path) -> Path:
    """Write a table as Word does: cell by cell, each with its lines, with a border around each cell."""
    from reportlab.pdfgen.canvas import Canvas

    rows = [
        [["Article"], ["Price"], ["Remarks"]],
        [["Stainless steel tank,", "200 litres"], ["1,190"], ["delivered within", "six weeks"]],
        [["Pump"], ["4,750"], []],
    ]
    canvas = Canvas(str(path), pagesize=(595, 842))
    canvas.setFont("Helvetica", 10)
    y = 700
    for row in rows:
        height = 6 + 13 * max(len(cell) for cell in row)
        for column, cell in enumerate(row):
            canvas.rect(50 + 150 * column, y - height, 150, height)
            for number, line in enumerate(cell):
                canvas.drawString(54 + 150 * column, y - 13 - 13 * number, line)
        y -= height
    canvas.save()
    return path


def test_wrapped_cells_of_a_bordered_table_stay_whole(tmp_path: Path) -> None:
    [page] = load_file(cells_drawn_one_by_one(tmp_path / "a.pdf")).pages
    assert page.text == (
        "| Article | Price | Remarks |\n"
        "| Stainless steel tank, 200 litres | 1,190 | delivered within six weeks |\n"
        "| Pump | 4,750 |  |"
    )


def test_a_first_column_that_wraps_without_borders_is_one_row(tmp_path: Path) -> None:
    from office_files import make_pdf

    texts = [
        (50.0, 700.0, "Article"), (250.0, 700.0, "Price"), (350.0, 700.0, "Stock"),
        (50.0, 680.0, "Stainless steel tank,"), (250.0, 680.0, "1,190"), (350.0, 680.0, "4"),
        (50.0, 668.0, "200 litres"),
        (50.0, 648.0, "Pump"), (250.0, 648.0, "4,750"), (350.0, 648.0, "2"),
        (50.0, 628.0, "Valve"), (250.0, 628.0, "35"), (350.0, 628.0, "17"),
    ]  # fmt: skip
    [page] = load_file(make_pdf(tmp_path / "a.pdf", [[(x, y, 10.0, words) for x, y, words in texts]])).pages
    assert "| Stainless steel tank, 200 litres | 1,190 | 4 |" in page.text
    assert "| Pump | 4,750 | 2 |" in page.text


def test_three_columns_drawn_line_by_line_are_read_one_after_the_other(tmp_path: Path) -> None:
    from office_files import make_pdf

    names = ("left", "middle", "right")
    page = [
        (50.0 + 180 * column, 700.0 - 13 * line, 9.0, f"{name}{line:02} the lessee keeps the rooms")
        for line in range(12)
        for column, name in enumerate(names)
    ]
    [read] = load_file(make_pdf(tmp_path / "a.pdf", [page])).pages
    places = [read.text.index(f"{name}{line:02}") for name in names for line in range(12)]
    assert places == sorted(places)


def test_a_stamp_turned_sideways_on_an_upright_page_is_a_paragraph_of_its_own(tmp_path: Path) -> None:
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "a.pdf"
    canvas = Canvas(str(path), pagesize=(595, 842))
    for line in range(5):
        canvas.drawString(90, 700 - 14 * line, f"Line {line} of the upright text of this page.")
    canvas.rotate(90)
    canvas.drawString(300, -40, "Confidential until March")
    canvas.save()
    [page] = load_file(path).pages
    assert "Confidential until March" in page.text.split("\n\n")[-1]
    assert page.text.startswith("Line 0 of the upright text")


def test_text_of_single_letters_or_of_shifted_ones_is_poor() -> None:
    from minicpm_rag.loaders.pdf.sanity import is_poor

    assert is_poor("\n\n".join("Quarterly report"))
    assert is_poor("Wkh zduudqwb ri wkh sxps uxqv iru 24 prqwkv iurp wkh gdwh ri gholyhub dqg hqgv wkhuhdiwhu zlwkrxw")
    assert is_poor("7KH ZDUUDQW RI WKH SXPS UXQV IRU PRQWKV IURP WKH GDWH RI GHOLYHU DQG HQGV WKHUHDIWHU LQ DOO " * 4)
    for good in (
        "The warranty of the pump runs for 24 months from the date of delivery, and PDF or XML files come with it.",
        "Gwarancja na pompę trwa 24 miesiące od dnia dostawy; w przypadku źdźbeł i chrząszczy nie obowiązuje wcale.",
        "def get_value(self, my_param): return fooBar + someThing if otherName else lastOne[firstTwo] or nothing",
        "WBC 5.2 NEU 3.1 LYM 1.4 MON 0.3 RBC 4.6 HGB 141 HCT 0.42 MCV 90 MCH 30 MCHC 334 PLT 210 PCT 0.2 PDW 16 MPV 9"
        * 3,
        "白细胞计数(WBC) 中性粒细胞(NEU) 淋巴细胞(LYM) 血小板(PLT) 红细胞(RBC) 血红蛋白(HGB) CRP MCH MCHC RDW PDW",
        "公告见 www.cninfo.com.cn 和 www.hkexnews.hk。" * 8,
        "公司规定员工每年享有十天带薪年假，申请须提前两周提交给部门经理。",
        "| 1 | 2 | 3 |\n| 4 | 5 | 6 |\n" * 20,
    ):
        assert not is_poor(good)


def test_letters_of_no_size_are_no_defect() -> None:
    from minicpm_rag.loaders.pdf.glyphs import Glyph, glyphs_of
    from minicpm_rag.loaders.pdf.layout import lay_out

    dots = [Glyph(letter, 0.001 * number, 0.0, 0.001 * number, 0.0) for number, letter in enumerate("tiny words")]
    assert lay_out(glyphs_of(dots)).text.replace(" ", "") == "tinywords"


def test_notes_in_the_margin_do_not_run_into_the_lines_beside_them(tmp_path: Path) -> None:
    from office_files import make_pdf

    body = [
        (50.0, 700.0 - 14 * line, 10.0, f"Line {line} of a long paragraph that says what the operator does with it")
        for line in range(10)
    ]
    notes = [(450.0, 672.0, 10.0, "Shift work"), (450.0, 658.0, 10.0, "163")]
    [page] = load_file(make_pdf(tmp_path / "a.pdf", [[*body, *notes]])).pages
    paragraph, *rest = page.text.split("\n\n")
    assert paragraph.count("Line") == 10
    assert "Shift work" in rest[-1]


@pytest.mark.parametrize("name", ["arabic_by_browser", "arabic_ligatures"])
def test_arabic_is_read_in_order_whoever_wrote_the_file(name: str) -> None:
    found = text_of(name)
    assert found.startswith("دليل الموظف\nيحق لكل موظف إجازة سنوية مدتها 21 يوماً مدفوعة الأجر.\nساعات العمل")
    assert "وتنتهي في الرابعة مساءً." in found
    assert "| القسم | المدير |\n| المبيعات | ليلى حسن |\n| الدعم | سامي علي |" in found


def test_an_arabic_quote_is_marked() -> None:
    assert page_picture(FILES / "pdf_arabic_by_browser.pdf", 1, ["إجازة سنوية مدتها 21 يوماً"], width_pixels=300)[1]


@pytest.mark.parametrize("name", ["table_lines_below_cells", "table_frames_of_cells"])
def test_lines_below_or_around_single_cells_part_the_columns(name: str) -> None:
    [page] = loaded(name).pages
    [table] = page.tables
    rows = page.text[table.start : table.end].split("\n")
    assert rows[0] == "| Plant | Jan | Feb | Mar | Apr | May | Jun | Jul | Aug | Sep | Oct | Nov | Dec | Total |"
    assert rows[1] == "| Gdańsk North | 310 | 298 |  | 322 | 330 | 341 | 350 |  | 333 | 320 | 305 | 301 | 3210 |"


def test_a_sidebar_is_read_apart_from_the_text_beside_it() -> None:
    found = text_of("sidebar")
    assert found.index("Spanish, English, Catalan") < found.index("María López")
    assert "Analyst, Aguas de Levante  2021 – today\nBuilt the forecast of water demand" in found


def test_a_watermark_is_no_heading_and_in_no_chunk() -> None:
    file = loaded("watermark")
    assert [heading.text for page in file.pages[1:] for heading in page.headings] == [
        "1 Pump", "1.1 Starting", "1.2 Stopping", "2 Maintenance", "2.1 Every month", "2.2 Every year",
    ]  # fmt: skip
    assert not any("DRAFT" in chunk.text for chunk in chunks_of(file))


def test_headers_that_reach_into_the_next_column_stand_over_their_own() -> None:
    found = text_of("table_close_headers")
    assert (
        "| Site | Samples taken | Mean (mg/l) | Std. dev. | Passed |\n| Upper dam | 1,204 | 0.31 | 0.05 | yes |"
        in found
    )
    assert "| E03 | Leak at the flange between the tank and the outlet pipe | Tighten the six bolts to 24 Nm |" in found


def test_latin_words_numbers_and_brackets_in_hebrew_keep_their_places() -> None:
    assert text_of("hebrew_with_latin") == (
        "הסכם שירות\n"
        'הספק Acme Ltd יספק 250 יחידות עד ה-15 במרץ 2026 (כולל מע"מ).\n'
        "| פריט | מחיר |\n| משאבה PX-200 | ₪ 1,450 |\n| מסנן | ₪ 89.90 |"
    )


def test_brackets_numbers_and_latin_names_in_hebrew_arabic_and_persian_stand_where_they_are_read() -> None:
    hebrew, arabic, persian = map(text_of, ("hebrew_brackets", "arabic_with_latin", "persian_numbers"))
    assert "במהלך השנה (לעומת 980 בשנה הקודמת) במחיר ממוצע של 475.50 ש״ח." in hebrew
    assert "support@example.org או באתר Example Pumps Ltd. בכל יום." in hebrew
    assert "خلال العام (مقابل 980 في العام السابق) بسعر متوسط قدره 475.50 يورو." in arabic
    assert "للاستفسار: support@example.org أو Example Pumps Ltd." in arabic
    assert persian.startswith("گزارش سالانه ۱۴۰۳\nشرکت در طول سال ۱۲۵۰ پمپ (در مقایسه با ۹۸۰ پمپ سال قبل) فروخت.")
    assert "قیمت هر پمپ ۴٬۷۵۰ یورو است و مدل آن P-10 نام دارد." in persian
    assert "| پمپ | ۴ | ۴٬۷۵۰ |" in persian


@pytest.mark.parametrize(
    ("name", "labels", "after"),
    [
        ("chart_of_bars", ["Revenue by region", "143", "North  South  West  East", "2023  2024"], "The next paragraph"),
        ("chart_chinese", ["各地区销售额", "143", "华北  华南  西部  东部"], "下一段在图的下面，与图无关。"),
    ],
)
def test_labels_of_a_chart_are_no_rows_of_a_table(name: str, labels: list[str], after: str) -> None:
    [page] = loaded(name).pages
    assert page.tables == ()
    places = [page.text.index(label) for label in [*labels, after]]
    assert places == sorted(places)


@pytest.mark.parametrize("way", ["upward", "downward"])
def test_names_of_columns_in_several_sideways_lines_are_read_in_order(way: str) -> None:
    [page] = loaded(f"table_names_{way}").pages
    assert page.tables[0].header == "| Item | Delivery time in days | Unit price in euros | Stock in Hamburg |"
    assert "| Pump | 14 | 4750 | 3 |" in page.text


def test_sections_of_a_chinese_document_are_headings_in_the_usual_font() -> None:
    [page] = loaded("chinese_sections").pages
    assert [heading.text for heading in page.headings] == [
        "第三季度工作会议纪要",
        "一、会议议题",
        "二、决定事项",
        "三、待办",
    ]
