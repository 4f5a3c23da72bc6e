"""Lines through the text of a PDF: they strike it out where they go from its first letter to its last."""

from __future__ import annotations

from pathlib import Path

import pytest
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from minicpm_rag.loaders import load_file

_SIZE = 11.0
_BELOW = "The second paragraph stands below it."


def page_with_line(
    folder: Path,
    before: str,
    under: str,
    behind: str,
    *,
    height: float = 0.28,
    more: float = 0,
    font: str = "Helvetica",
) -> str:
    """The text of a page with a line at that height, in sizes of the font, under or through the middle part."""
    if font != "Helvetica":
        pdfmetrics.registerFont(UnicodeCIDFont(font))
    canvas = Canvas(str(folder / "page.pdf"))
    canvas.setFont(font, _SIZE)
    canvas.drawString(72, 700, before + under + behind)
    start = 72 + canvas.stringWidth(before, font, _SIZE)
    end = start + canvas.stringWidth(under, font, _SIZE)
    canvas.line(start - more, 700 + height * _SIZE, end + more, 700 + height * _SIZE)
    canvas.drawString(72, 600, _BELOW)
    canvas.save()
    (page,) = load_file(folder / "page.pdf").pages
    return page.text.removesuffix(_BELOW).strip()


def test_text_under_a_line_of_its_length_is_struck_out(tmp_path: Path) -> None:
    said = page_with_line(tmp_path, "The mooring costs ", "340", " 365 pounds a season.")
    assert said == "The mooring costs ~~340~~ 365 pounds a season."


def test_chinese_text_under_a_line_is_struck_out(tmp_path: Path) -> None:
    said = page_with_line(tmp_path, "泊位费每季", "三百四十元", "三百六十五元。", font="STSong-Light", height=0.34)
    assert said == "泊位费每季~~三百四十元~~三百六十五元。"


@pytest.mark.parametrize(
    ("height", "more"),
    [(-0.12, 0), (0.02, 0), (0.28, 60)],
    ids=["underlined", "underlined closely", "a line that goes on"],
)
def test_other_lines_strike_nothing_out(tmp_path: Path, height: float, more: float) -> None:
    said = page_with_line(tmp_path, "The mooring costs ", "340", " pounds.", height=height, more=more)
    assert said == "The mooring costs 340 pounds."


def test_hatching_strikes_nothing_out(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "hatched.pdf"))
    canvas.setFont("Helvetica", _SIZE)
    canvas.drawString(72, 700, "The mooring costs 340 pounds.")
    width = canvas.stringWidth("The mooring costs 340 pounds.", "Helvetica", _SIZE)
    for number in range(60):
        canvas.line(72, 702.5 + number * 0.03, 72 + width, 702.5 + number * 0.03)
    canvas.save()
    (page,) = load_file(tmp_path / "hatched.pdf").pages
    assert page.text == "The mooring costs 340 pounds."
