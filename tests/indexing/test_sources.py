"""What is named to ingest is listed whole, and what cannot be looked into is a verdict, never an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from other_user import open_to_others, rights_count

from minicpm_rag.indexing.sources import Found, find_sources, is_gone

SUFFIXES = [".txt", ".md"]
DEPTH = 1100


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with open_to_others() as folder:
        yield folder


def reasons(found: Found) -> dict[str, str]:
    return {verdict.source: verdict.reason.key for verdict in found.refused if verdict.reason is not None}


def test_a_folder_that_cannot_be_searched_does_not_stop_the_others(open_folder: Path) -> None:
    closed, listable = open_folder / "a closed", open_folder / "b listable"
    for folder, rights in ((closed, 0o000), (listable, 0o644)):
        folder.mkdir()
        (folder / "x.txt").write_text("x")
        folder.chmod(rights)
    (open_folder / "good.txt").write_text("good")
    with rights_count():
        found = find_sources([str(open_folder), str(closed / "x.txt")], SUFFIXES)
        gone = is_gone(str(closed / "x.txt")), is_gone(str(open_folder / "nothing.txt"))
    assert found.sources == [str(open_folder / "good.txt")]
    assert reasons(found) == {
        str(closed): "indexing.folder_closed",
        str(listable / "x.txt"): "indexing.file_closed",
        str(closed / "x.txt"): "indexing.file_closed",
    }
    assert gone == (False, True)


@pytest.fixture
def deepest(tmp_path: Path) -> Iterator[Path]:
    """A folder DEPTH below another; removed step by step, since shutil.rmtree is recursive."""
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        for _ in range(DEPTH):
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(before)
    deepest = folder = tmp_path.joinpath(*"d" * DEPTH)
    yield deepest
    for file in deepest.iterdir():
        file.unlink()
    for _ in range(DEPTH):
        folder.rmdir()
        folder = folder.parent


def test_folders_nested_a_thousand_deep_are_listed_in_order(tmp_path: Path, deepest: Path) -> None:
    for file in (tmp_path / "a.txt", tmp_path / "z.txt", deepest / "deep.txt"):
        file.write_text("x")
    names = [Path(source).name for source in find_sources([str(tmp_path)], SUFFIXES).sources]
    assert names == ["a.txt", "deep.txt", "z.txt"]


def test_names_that_are_no_text_are_refused_in_words_that_can_be_stored(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xb1\xa8.txt")).write_text("x")
    named = [str(tmp_path), str(tmp_path / os.fsdecode(b"\xcf\xfa")), str(tmp_path / "zero\0.txt")]
    found = find_sources(named, SUFFIXES)
    assert found.sources == []
    assert sorted(reasons(found).values()) == ["indexing.no_file", "indexing.odd_name", "indexing.odd_name"]
    for source in reasons(found):
        source.encode()


def test_the_librarys_own_folder_is_passed_over_inside_another_and_read_where_it_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for folder in (tmp_path, home):
        (folder / "a.txt").write_text("a", encoding="utf-8")
    (tmp_path / "linked").symlink_to(home)
    found = find_sources([str(tmp_path)], SUFFIXES, home)
    assert (found.sources, found.refused) == ([str(tmp_path / "a.txt")], [])
    assert find_sources([str(home)], SUFFIXES, home).sources == [str(home / "a.txt")]
    assert len(find_sources([str(tmp_path)], SUFFIXES, tmp_path / "elsewhere").sources) == 2


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    for made in (folder / "inner", outside):
        made.mkdir(parents=True)
        (made / "a.txt").write_text("a")
    (folder / "secret.txt").symlink_to(outside / "a.txt")
    (folder / "all").symlink_to("/", target_is_directory=True)
    (folder / "by way of.txt").symlink_to(folder / "inner" / ".." / ".." / "outside" / "a.txt")
    (folder / "endless.txt").symlink_to(folder / "endless.txt")
    (folder / "zero.txt").symlink_to("/dev/zero")
    (folder / "same.txt").symlink_to(folder / "inner" / "a.txt")
    found = find_sources([str(folder)], SUFFIXES)
    assert found.sources == [str(folder / "inner" / "a.txt"), str(folder / "same.txt")]
    assert {Path(source).name for source, key in reasons(found).items() if key == "indexing.link_outside"} == {
        "secret.txt", "all", "by way of.txt", "zero.txt",
    }  # fmt: skip
    assert len(found.refused) == 5
    assert str(folder / "secret.txt") in find_sources([str(folder), str(outside)], SUFFIXES).sources
    (tmp_path / "named").symlink_to(outside, target_is_directory=True)
    assert find_sources([str(tmp_path / "named")], SUFFIXES).sources == [str(tmp_path / "named" / "a.txt")]
