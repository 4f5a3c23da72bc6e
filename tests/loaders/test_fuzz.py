"""A few inputs of the fuzz harness in every run; `python tests/support/fuzz.py 5000` reads thousands."""

from __future__ import annotations

from pathlib import Path

import fuzz
import pytest

from minicpm_rag.loaders import isolated
from minicpm_rag.loaders.formats import KIND_BY_SUFFIX


def test_the_originals_are_of_every_format_and_are_read(tmp_path: Path) -> None:
    sound = fuzz.originals()
    missing = set(KIND_BY_SUFFIX.values()) - {KIND_BY_SUFFIX[ending] for ending, _ in sound}
    assert missing == {"ppt"}  # read by the converter that reads "doc" too


def test_an_input_is_made_from_its_number_alone() -> None:
    sound = fuzz.originals()
    assert [fuzz.make(number, 7, sound) for number in (3, 40)] == [fuzz.make(number, 7, sound) for number in (3, 40)]
    assert fuzz.make(3, 8, sound) != fuzz.make(3, 7, sound)


def test_whatever_a_file_holds_it_gets_pages_or_a_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "MEMORY_BYTES", 1 << 30)
    outcome = fuzz.run(range(150), 20261129, tmp_path)
    assert not [broken for broken in outcome.broken if "reader_failed" in broken[2]]
    assert outcome.verdicts.total() == 150
    assert outcome.verdicts["read"]
