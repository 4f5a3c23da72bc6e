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
