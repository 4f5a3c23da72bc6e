from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from compound_files import make_compound_file

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.formats import FORMATS, KIND_BY_SUFFIX, reader_of
from minicpm_rag.loaders.kinds import kind_of
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


@pytest.mark.parametrize(("name", "stream"), [("a.wps", "CONTENTS"), ("b.wps", "MN0"), ("c.doc", "MN0")])
def test_documents_of_microsoft_works_are_read_like_old_word_documents(tmp_path: Path, name: str, stream: str) -> None:
    assert kind_of(make_compound_file(tmp_path / name, {stream: b"x"})).kind == "doc"


def test_a_stream_that_many_programs_have_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="before 2007"):
        kind_of(make_compound_file(tmp_path / "a.pub", {"Contents": b"x"}))
