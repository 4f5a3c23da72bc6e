"""Small files that would become gigabytes are stopped by their readers, not only by the process they run in."""

from __future__ import annotations

from pathlib import Path

import pytest
from attacks import ATTACKS
from children import small_bounds  # noqa: F401 (a fixture)

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import isolated
from minicpm_rag.loaders.bounds import MOST, count, number_of, one_document

BY_THE_PROCESS = {"loaders.needs_memory", "loaders.reader_died", "loaders.reader_overran", "loaders.reader_failed"}


@pytest.mark.usefixtures("small_bounds")
@pytest.mark.parametrize("name", ATTACKS)
def test_a_bomb_is_stopped_by_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = ATTACKS[name](tmp_path)
    monkeypatch.setattr(isolated, "MEMORY_BYTES", 500_000_000)
    monkeypatch.setattr(isolated, "FILE_SECONDS", 60)
    try:
        loaded = isolated.load_file(path, ocr=False)
    except DocumentError as exc:
        assert exc.reason.key not in BY_THE_PROCESS, exc
    else:
        assert sum(len(page.text) for page in loaded.pages) <= MOST["characters"]


def test_what_one_document_makes_is_counted_anew_for_the_next() -> None:
    for _ in range(2):
        with one_document():
            count("pages", MOST["pages"])
            with pytest.raises(DocumentError) as caught:
                count("pages")
            assert caught.value.reason.key == "loaders.too_many_pages"
            assert caught.value.remedy is not None
    count("pages", MOST["pages"] + 1)  # outside of a document


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("", 7), (None, 7), ("²", 7), ("-1", 7), ("9" * 5000, 7), ("1.5", 7)]
)
def test_a_number_in_digits_is_read_and_anything_else_is_not(text: str | None, number: int) -> None:
    assert number_of(text, 7) == number
