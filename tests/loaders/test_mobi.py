"""Books of the Kindle family: chapters as pages, what is protected or packed otherwise refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from office_files import make_mobi

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import load_file, mobi

BOOK = (
    "<html><body><h1>第一章</h1><p>水泵每九十天保养一次。</p><mbp:pagebreak/><h2>Two</h2><p>"
    + "The valve closes. " * 600
    + "</p></body></html>"
)


@pytest.mark.parametrize("packing", [1, 2], ids=["plain", "PalmDOC"])
def test_each_chapter_is_a_page_called_by_its_heading(tmp_path: Path, packing: int) -> None:
    first, second = load_file(make_mobi(tmp_path / "a.mobi", BOOK, packing=packing)).pages
    assert (first.label, first.text) == ("第一章", "第一章\n\n水泵每九十天保养一次。")
    assert second.text.count("The valve closes.") == 600


def test_what_stands_behind_the_text_of_a_record_is_left_out(tmp_path: Path) -> None:
    path = make_mobi(tmp_path / "a.azw3", BOOK, flags=0b10, tail=b"xyz\x84")
    assert "xyz" not in "".join(page.text for page in load_file(path).pages)


def test_copies_of_what_came_before_are_unpacked() -> None:
    target = bytearray()
    mobi._unpack(b"abc" + bytes([0x80 | 3 >> 5, (3 << 3 | 3) & 0xFF]) + bytes([ord("d") ^ 0x80]), target)
    assert bytes(target) == b"abcabcabc d"


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"encryption": 2}, "copy-protected"), ({"packing": 17480}, "HUFF"), ({"packing": 7}, "damaged")],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, options: dict[str, int], reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        load_file(make_mobi(tmp_path / "a.mobi", BOOK, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("data", [b"\x81\x00", b"\xbf\xff", b"ab\x80\x19"])
def test_a_copy_of_what_is_not_there_is_damage(data: bytes) -> None:
    with pytest.raises(DocumentError, match="damaged"):
        mobi._unpack(data, bytearray())


def test_a_book_cut_off_is_damaged(tmp_path: Path) -> None:
    data = make_mobi(tmp_path / "a.mobi", BOOK).read_bytes()
    (tmp_path / "b.mobi").write_bytes(data[:90])
    with pytest.raises(DocumentError, match="damaged"):
        load_file(tmp_path / "b.mobi")
