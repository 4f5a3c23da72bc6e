from __future__ import annotations

import inspect

import pytest

from minicpm_rag.loaders.formats import FORMATS, KIND_BY_SUFFIX, reader_of
from minicpm_rag.messages import core


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_has_a_reader_that_takes_what_the_table_says(kind: str) -> None:
    scans = ["ocr", "recognised"] if FORMATS[kind].has_scans else []
    password = ["password"] if FORMATS[kind].may_be_encrypted else []
    assert list(inspect.signature(reader_of(kind)).parameters) == ["path", *scans, *password]


def test_no_ending_belongs_to_two_formats() -> None:
    assert len(KIND_BY_SUFFIX) == sum(len(entry.suffixes) for entry in FORMATS.values())


def test_formats_told_by_content_can_be_named_in_both_languages() -> None:
    told = [entry for entry in FORMATS.values() if entry.what]
    assert {entry.what for entry in told} <= core().texts.keys()
    assert all(entry.what for entry in FORMATS.values() if entry.part)
