from __future__ import annotations

from typing import Any

from langchain_core.documents import Document

from minicpm_rag.text.places import place_of


def passage(**metadata: Any) -> Document:
    return Document("", metadata={"page": 3, "page_kind": "page", "page_label": "3"} | metadata)


def test_pages_and_slides_are_named_by_their_labels() -> None:
    assert place_of(passage(page_label="iv"), "en") == "page iv" and place_of(passage(), "zh") == "第3页"
    assert place_of(passage(page_kind="slide"), "en") == "slide 3"
    assert place_of(passage(page_kind="text"), "zh") == ""


def test_rows_of_a_sheet_are_named() -> None:
    rows = {"page_kind": "sheet", "row_start": 2, "row_end": 6}
    assert place_of(passage(**rows, page_label="Prices"), "en") == "sheet Prices rows 2–6"
    one = rows | {"row_end": rows["row_start"], "page_label": ""}
    assert place_of(passage(**one), "en") == "row 2" and place_of(passage(**one), "zh") == "第2行"
    assert place_of(passage(**rows, page_label=""), "zh") == "第2–6行"
