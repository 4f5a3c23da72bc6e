from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from minicpm_rag.bench import reading

FILES = Path(__file__).parents[1] / "data" / "pdf"


def test_recall_counts_each_token_as_often_as_it_is_expected() -> None:
    expected = reading.tokens_of("the pump and the valve")
    assert reading.recall(expected, reading.tokens_of("The pump, valve")) == pytest.approx(3 / 5)


def test_tokens_are_words_and_single_han_characters() -> None:
    assert reading.tokens_of("泵 Pump-200, 阀门") == ["泵", "pump", "200", "阀", "门"]


def test_order_is_the_share_of_tokens_that_keep_their_place() -> None:
    assert reading.order(["a", "b", "c", "d"], ["a", "b", "c", "d"]) == 1
    assert reading.order(["a", "b", "c", "d"], ["c", "d", "a", "b"]) == pytest.approx(1 / 2)


def test_a_folder_is_measured_by_format(tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    shutil.copy(FILES / "pdf_table_empty_cells.pdf", folder / "a.pdf")
    shutil.copy(FILES / "pdf_bold_headings_same_size.pdf", folder / "b.pdf")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    truth = tmp_path / "groundtruth"
    truth.mkdir()
    (truth / "a.md").write_text(
        "| Item | Price | Stock | Site |\n|-|-|-|-|\n| Valve | | 17 | |\n| Pump | 1 | | |\n", "utf-8"
    )
    (truth / "b.md").write_text("# 1 Scope\n\n## 9 Missing\n", "utf-8")
    seen: list[int] = []
    [found] = reading.measure(folder, lambda number, total, path: seen.append(number))
    assert (found.format, found.files, found.read, found.refused, found.crashed, found.hung) == ("pdf", 3, 2, 1, 0, 0)
    assert (found.headings_found, found.headings) == (1, 2)
    assert (found.rows_exact, found.rows) == (2, 3)
    assert found.pages == 2
    assert seen == [1, 2, 3]
    if shutil.which("pdftotext"):
        assert found.recall == [1.0]  # the other has too few words to tell
