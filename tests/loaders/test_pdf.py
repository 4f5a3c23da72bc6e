from __future__ import annotations

import io
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from office_files import make_pdf

from minicpm_rag.chunking import split_pages
from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import load_file
from minicpm_rag.loaders.pdf import pages as pdf
from minicpm_rag.loaders.pdf.glyphs import Glyph, glyphs_of
from minicpm_rag.loaders.pdf.layout import lay_out
from minicpm_rag.loaders.pdf.margins import EdgeLine, running
from minicpm_rag.loaders.pdf.marked import page_picture
from minicpm_rag.loaders.pdf.scans import INSTALL_OCR
from minicpm_rag.records import ChunkSize

LEFT = [
    "The left column speaks of harbours and of the",
    "ships that leave them early in the morn-",
    "ing, long before the state-of-the-",
    "art lamps of the town go out.",
]
RIGHT = [
    "The right column speaks of mountains and of",
    "the paths that lead over them in summer, when",
    "snow has gone and shepherds climb again to",
    "the huts below the highest of the passes.",
]
ZH = [
    "　　公司规定，员工每年享有十天带薪年假，申请须",
    "提前两周提交给部门经理。未休完的假期可以顺延至",
    "次年三月。",
]


def lines(x: float, y: float, texts: list[str], size: float = 10) -> list[tuple[float, float, float, str]]:
    return [(x, y - 14 * number, size, text) for number, text in enumerate(texts)]


def interleaved(left: list[str], right: list[str]) -> list[tuple[float, float, float, str]]:
    """Draw two columns line by line across, as many programs do."""
    pairs = zip(lines(50, 700, left), lines(320, 700, right), strict=True)
    return [line for pair in pairs for line in pair]


def text_of(path: Path, page: int = 1) -> str:
    return load_file(path).pages[page - 1].text


def test_columns_are_read_one_after_the_other_and_words_made_whole(tmp_path: Path) -> None:
    title = [(50.0, 760.0, 20.0, "A Title Across Both Columns Of The Page")]
    path = make_pdf(tmp_path / "a.pdf", [title + interleaved(LEFT, RIGHT)])
    assert text_of(path) == (
        "A Title Across Both Columns Of The Page\n\n"
        "The left column speaks of harbours and of the ships that leave them early in the morning, "
        "long before the state-of-the-art lamps of the town go out.\n\n"
        "The right column speaks of mountains and of the paths that lead over them in summer, when "
        "snow has gone and shepherds climb again to the huts below the highest of the passes."
    )
    [heading] = load_file(path).pages[0].headings
    assert heading.text == "A Title Across Both Columns Of The Page"


def test_chinese_lines_are_joined_without_spaces_and_paragraphs_kept_apart(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [lines(50, 700, [*ZH, *ZH])])
    paragraph = "公司规定，员工每年享有十天带薪年假，申请须提前两周提交给部门经理。未休完的假期可以顺延至次年三月。"
    assert [line.strip() for line in text_of(path).split("\n") if line.strip()] == [paragraph, paragraph]


def test_short_lines_stay_lines(tmp_path: Path) -> None:
    items = [
        "Opening hours",
        "Monday closed",
        "Tuesday 9 to 17, with guided tours at noon",
        "1. first",
        "2. second",
    ]
    assert text_of(make_pdf(tmp_path / "a.pdf", [lines(50, 700, items)])).split("\n") == items


def test_aligned_cells_become_a_table(tmp_path: Path) -> None:
    cells = [
        ("产品", "价格", "Stock"),
        ("台灯", "29 元", "12"),
        ("书桌", "199 元", "3"),
        ("椅子", "59 元", "40"),
    ]
    page = [
        (50.0 + 120 * column, 700.0 - 16 * row, 10.0, text)
        for row, texts in enumerate(cells)
        for column, text in enumerate(texts)
    ]
    loaded = load_file(make_pdf(tmp_path / "a.pdf", [[*page, *lines(50, 600, RIGHT)]]))
    text, [table] = loaded.pages[0].text, loaded.pages[0].tables
    assert text.startswith(
        "| 产品 | 价格 | Stock |\n| 台灯 | 29 元 | 12 |\n| 书桌 | 199 元 | 3 |\n| 椅子 | 59 元 | 40 |\n\nThe"
    )
    assert table.header == "| 产品 | 价格 | Stock |"
    assert [(number, text[offset : offset + 4]) for offset, number in table.rows] == [
        (2, "| 台灯"),
        (3, "| 书桌"),
        (4, "| 椅子"),
    ]


def test_pages_are_numbered_from_one_and_carry_their_labels(tmp_path: Path) -> None:
    import pypdfium2

    path = make_pdf(tmp_path / "a.pdf", [lines(50, 700, [name]) for name in ("cover", "one", "two")])
    assert [(page.number, page.kind, page.label) for page in load_file(path).pages] == [
        (1, "page", "1"),
        (2, "page", "2"),
        (3, "page", "3"),
    ]
    data = path.read_bytes()
    labelled = data.replace(b"/Type /Catalog", b"/Type /Catalog /PageLabels <</Nums [0 <</S/r>> 1 <</S/D>>]>>")
    assert labelled != data
    path.write_bytes(labelled)
    assert [page.label for page in load_file(path).pages] == ["i", "1", "2"]
    assert pdf.page_count(path) == len(pypdfium2.PdfDocument(str(path))) == 3


def scan_page() -> io.BytesIO:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (600, 800), "grey").save(buffer, "PNG")
    buffer.seek(0)
    return buffer


def mixed_pdf(path: Path) -> Path:
    """Write a page of text, a scan, a scan with a stamp, and a blank page."""
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), pagesize=(595, 842))
    canvas.drawString(50, 700, "Text page")
    canvas.showPage()
    for stamp in ("", "Scanned with X"):
        canvas.drawImage(ImageReader(scan_page()), 0, 0, 595, 842)
        canvas.drawString(50, 20, stamp)
        canvas.showPage()
    canvas.drawString(50, 20, "")
    canvas.showPage()
    canvas.save()
    return path


def test_scans_are_counted_and_the_remedy_named(tmp_path: Path) -> None:
    loaded = load_file(mixed_pdf(tmp_path / "a.pdf"), ocr=False)
    assert loaded.pages_present == 4
    assert [page.number for page in loaded.pages] == [1, 3]
    assert str(loaded.note) == "2 of 4 pages are scans without text: 2, 3."
    assert loaded.remedy == INSTALL_OCR


def test_a_picture_of_the_page_marks_the_quote_where_it_stands(tmp_path: Path) -> None:
    from PIL import Image

    path = make_pdf(tmp_path / "a.pdf", [interleaved(LEFT, RIGHT), lines(50, 700, ZH)])
    for number, quote in [
        (1, "early in the morning, long before the state-of-the-art lamps"),
        (2, "申请须提前两周提交"),
    ]:
        png, highlighted = page_picture(path, number, [quote], width_pixels=595)
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        assert highlighted
        assert picture.size == (595, 842)
        yellow = [(x, y) for x in range(595) for y in range(842) if picture.getpixel((x, y)) == (255, 226, 90)]
        xs, ys = [x for x, _ in yellow], [y for _, y in yellow]
        assert min(ys) > 842 - 700 - 14  # page units grow upwards, pixels downwards
        assert max(ys) < 842 - 700 + 4 * 14
        assert min(xs) >= 49
        assert max(xs) < 320


def test_a_quote_that_is_not_on_the_page_is_reported(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [lines(50, 700, LEFT)])
    assert not page_picture(path, 1, ["nowhere to be found"], width_pixels=300)[1]
    assert not page_picture(path, 1, [], width_pixels=300)[1]
    with pytest.raises(DocumentError, match="no such page"):
        page_picture(path, 2, ["x"], width_pixels=300)


def test_every_sentence_of_every_chunk_can_be_marked(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [interleaved(LEFT, RIGHT), lines(50, 700, ZH)])
    pages = load_file(path).pages
    chunks = split_pages(pages, "a.pdf", SimpleNamespace(count_tokens=len, limit_tokens=200), ChunkSize(100))
    for chunk in chunks:
        assert page_picture(path, chunk.metadata["page"], [chunk.text], width_pixels=200)[1]


def test_six_threads_read_and_draw_at_once(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [lines(50, 700, LEFT)] * 10)
    expected = [page.text for page in load_file(path).pages]
    results: list[bool] = []

    def work() -> None:
        for _ in range(5):
            same = [page.text for page in load_file(path).pages] == expected
            results.append(same and page_picture(path, 3, [LEFT[0]], width_pixels=200)[1])

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 30


def test_two_thousand_pages_are_all_read(tmp_path: Path) -> None:
    path = make_pdf(tmp_path / "a.pdf", [lines(50, 700, [f"Page number {number}"]) for number in range(2000)])
    loaded = load_file(path)
    assert loaded.pages_present == 2000
    assert [page.text for page in loaded.pages] == [f"Page number {number}" for number in range(2000)]


def glyph(text: str, left: float) -> Glyph:
    return Glyph(text, left, 0, left + 5, 10)


def test_characters_without_a_meaning_are_left_out_and_quotes_still_found() -> None:
    text = lay_out(glyphs_of([glyph(character, 5.0 * index) for index, character in enumerate("a\ufffdb中")]))
    assert (text.text, text.origins) == ("ab中", [0, 2, 3])


def test_a_page_in_a_font_without_meaning_needs_text_recognition() -> None:
    meaningless = [glyph("\ufffd" if index % 2 else "x", 5.0 * index) for index in range(200)]
    assert not pdf.is_legible(glyphs_of(meaningless))


def test_what_a_browser_prints_above_and_below_a_page_is_not_its_text() -> None:
    above = EdgeLine("", 0.98, "4/11/26, 2:29 PM  Your bill", ())
    below = EdgeLine("", 0.02, "https://example.org/bill?id=7  1/2", ())
    own = EdgeLine("", 0.95, "11/04/2026 14:00 Opening of the fair", ())
    assert running([above, below], {}, 3, "3")[0] == [above, below]
    assert running([own], {}, 3, "3")[0] == [], "only with the address below"
