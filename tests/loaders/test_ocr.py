from __future__ import annotations

from pathlib import Path

import pytest
from conftest import SHARED

from minicpm_rag.loaders import load_file, ocr
from minicpm_rag.loaders.pdf import pages as pdf

pytestmark = pytest.mark.skipif(not ocr.is_available(), reason='needs pip install ".[ocr]"')

SCAN = SHARED / "eval" / "files" / "edge" / "scanned_image_only.pdf"


def picture_of(folder: Path, name: str) -> Path:
    """Draw a page with Chinese and English text as a picture without a text layer."""
    from office_files import make_pdf

    page = [
        (60.0, 500.0, 24.0, "公司规定员工每年享有十天带薪年假"),
        (60.0, 440.0, 24.0, "Apply two weeks ahead of time"),
    ]
    path = make_pdf(folder / "text.pdf", [page])
    image = pdf.page_image(path, 1, dots_per_inch=100)
    # Chinese needs no font of its own in the test: pdfium draws it where the system has one.
    image.crop((0, 350, image.width, 650)).save(folder / name)
    return folder / name


def test_english_and_chinese_in_a_picture_are_read(tmp_path: Path) -> None:
    loaded = load_file(picture_of(tmp_path, "scan.png"))
    assert "Apply two weeks ahead of time" in loaded.pages[0].text
    assert str(loaded.note) == "1 of 1 pages were read by text recognition."


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_single_line_that_lies_on_its_side_or_head_is_read(tmp_path: Path, turn: int) -> None:
    from office_files import make_pdf
    from PIL import Image

    path = make_pdf(tmp_path / "text.pdf", [[(60.0, 500.0, 24.0, "Invoice 2024-0815: 4,750.00 EUR")]])
    image = pdf.page_image(path, 1, dots_per_inch=120)
    line: Image.Image = image.crop((0, 400, image.width, 800))
    line.rotate(turn, expand=True).save(tmp_path / "line.png")
    assert load_file(tmp_path / "line.png").pages[0].text == "Invoice 2024-0815: 4,750.00 EUR"


@pytest.mark.slow
@pytest.mark.skipif(not SCAN.exists(), reason="shared evaluation files are not here")
def test_scanned_pages_are_read_as_pages() -> None:
    loaded = load_file(SCAN)
    assert [page.number for page in loaded.pages] == [1, 2]
    assert "植物学家" in loaded.pages[0].text
    assert str(loaded.note) == "2 of 2 pages were read by text recognition."
    assert loaded.remedy is None
