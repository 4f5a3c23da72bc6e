"""A scan that lies a little askew: its lines are made level before they become rows."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from minicpm_rag.loaders import load_file, ocr

ROW = [
    [(50.0, 100.0), (150.0, 100.0), (150.0, 110.0), (50.0, 110.0)],
    [(700.0, 100.0), (760.0, 100.0), (760.0, 110.0), (700.0, 110.0)],
]


def turned(boxes: list[ocr.Box], degrees: float) -> list[ocr.Box]:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [[(x * cosine - y * sine, x * sine + y * cosine) for x, y in box] for box in boxes]


@pytest.mark.parametrize("degrees", [-3.0, -0.5, 0.5, 1.2, 6.0])
def test_cells_of_a_row_come_to_one_height(degrees: float) -> None:
    first, last = ocr._levelled(turned(ROW, degrees), 400.0, 600.0)
    assert first[0][1] == pytest.approx(last[0][1], abs=0.01)
    assert last[0][0] - first[0][0] == pytest.approx(650.0, abs=0.01)


@pytest.mark.parametrize("degrees", [0.0, 0.1, 45.0, 90.0])
def test_a_level_page_and_one_that_lies_sideways_stay(degrees: float) -> None:
    boxes = turned(ROW, degrees)
    assert ocr._levelled(boxes, 400.0, 600.0) == boxes


@pytest.mark.skipif(not ocr.is_available(), reason='needs pip install ".[ocr]"')
def test_rows_of_a_table_on_an_askew_scan_stay_rows(tmp_path: Path) -> None:
    from office_files import make_pdf

    from minicpm_rag.loaders.pdf.pages import page_image

    rows = [("Item", "Quantity", "Price"), ("Pump", "4", "120.50"), ("Valve", "12", "35.00"), ("Filter", "7", "18.90")]
    cells = [(60.0 + 180 * n, 700.0 - 30 * r, 14.0, text) for r, row in enumerate(rows) for n, text in enumerate(row)]
    sentences = (
        "The stock was counted on the last day of March by two people.",
        "Prices are in euros and without any tax.",
    )
    cells += [(60.0, 780.0 - 24 * number, 14.0, text) for number, text in enumerate(sentences)]
    image = page_image(make_pdf(tmp_path / "text.pdf", [cells]), 1, dots_per_inch=150)
    image.rotate(1.2, fillcolor="white").save(tmp_path / "scan.png")
    text = load_file(tmp_path / "scan.png").pages[0].text
    assert "| Pump | 4 | 120.50 |\n| Valve | 12 | 35.00 |\n| Filter | 7 | 18.90 |" in text
