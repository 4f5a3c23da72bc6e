"""Books of the Kindle family: chapters as pages, what is protected or packed otherwise refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from office_files import huffman_tables, make_mobi

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import bounds, load_file, mobi
from minicpm_rag.loaders.huffman import Huffman

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


def test_a_book_packed_by_huffmans_codes_is_read(tmp_path: Path) -> None:
    tables = huffman_tables({1: (b"The valve closes. ", True), 2: (b"\1\1\1", False)})
    book = "<html><body><h1>第一章</h1><p>\2\1</p></body></html>"
    (page,) = load_file(make_mobi(tmp_path / "a.mobi", book, packing=17480, tables=tables)).pages
    assert page.text == "第一章\n\n" + "The valve closes. " * 3 + "The valve closes."


@pytest.mark.parametrize("phrase", [(b"\2\2", False), (b"\2" * 200, False)], ids=["itself", "itself often"])
def test_a_phrase_that_holds_itself_is_damage(tmp_path: Path, phrase: tuple[bytes, bool]) -> None:
    with pytest.raises(DocumentError, match="damaged"):
        load_file(make_mobi(tmp_path / "a.mobi", "\2", packing=17480, tables=huffman_tables({2: phrase})))


def test_phrases_that_grow_without_end_are_damage(tmp_path: Path) -> None:
    phrases = {code: (bytes([code + 1]) * 200, False) for code in range(1, 20)}
    with pytest.raises(DocumentError, match="damaged"):
        load_file(make_mobi(tmp_path / "a.mobi", "\1", packing=17480, tables=huffman_tables(phrases)))


def test_codes_of_no_length_are_damage_not_the_end_of_the_text(tmp_path: Path) -> None:
    tables, *phrases = huffman_tables({})
    tables = tables.replace(struct.pack(">I", 8 | 0x80 | 255 << 8), bytes(4))
    with pytest.raises(DocumentError, match="damaged"):
        load_file(make_mobi(tmp_path / "a.mobi", BOOK, packing=17480, tables=[tables, *phrases]))


def test_a_record_of_codes_that_is_longer_than_any_is_damage() -> None:
    with pytest.raises(ValueError, match="200000"):
        Huffman(huffman_tables({})).unpacked(bytes(200_000))


def test_records_that_each_claim_to_be_the_whole_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bounds.MOST, "characters", 1_000_000)
    count = 2000
    start = 78 + 8 * count
    head = struct.pack(">HHIHHI", 1, 0, 0, count, 4096, 0)
    places = [start, *(0 if number % 2 else start + len(head) for number in range(count - 1))]
    index = b"".join(struct.pack(">II", place, 0) for place in places)
    path = tmp_path / "note.pdb"
    path.write_bytes(bytes(60) + b"TEXtREAd" + bytes(8) + struct.pack(">H", count) + index + head + b"text")
    with pytest.raises(DocumentError) as caught:
        load_file(path)
    assert caught.value.reason.key == "loaders.too_many_characters"


def test_style_sheets_of_newer_books_are_no_text(tmp_path: Path) -> None:
    pages = load_file(make_mobi(tmp_path / "a.azw3", BOOK, styles=".basic { margin-left: 5pt }")).pages
    assert "margin-left" not in "".join(page.text for page in pages)
    assert pages[1].text.count("The valve closes.") == 600


def test_what_the_head_of_a_book_holds_is_not_shown(tmp_path: Path) -> None:
    (page,) = load_file(make_mobi(tmp_path / "a.mobi", "<html><head><title>x</title></head><p>Text.</p></html>")).pages
    assert page.text == "Text."


def test_a_chapter_that_stands_behind_its_frame_is_read(tmp_path: Path) -> None:
    frame = '<html xmlns="x"><head><link href="kindle:flow:0001"/></head><body aid="0"></body></html>'
    (page,) = load_file(make_mobi(tmp_path / "a.azw3", f"{frame}<h1>One</h1><p>Text.</p>", styles=".a {}")).pages
    assert page.text == "One\n\nText."


def test_a_note_of_plain_text_keeps_its_lines(tmp_path: Path) -> None:
    text = "水泵\n\n每九十天保养一次。\n先关阀门 < 5 bar。\n".encode("gbk")
    head = struct.pack(">HHIHHI", 1, 0, len(text), 1, 4096, 0)
    index = struct.pack(">HIIII", 2, 94, 0, 94 + len(head), 0)
    path = tmp_path / "note.pdb"
    path.write_bytes(bytes(60) + b"TEXtREAd" + bytes(8) + index + head + text)
    assert load_file(path).pages[0].text == "水泵\n\n每九十天保养一次。\n先关阀门 < 5 bar。"


def test_copies_of_what_came_before_are_unpacked() -> None:
    target = bytearray()
    mobi._unpack(b"abc" + bytes([0x80 | 3 >> 5, (3 << 3 | 3) & 0xFF]) + bytes([ord("d") ^ 0x80]), target)
    assert bytes(target) == b"abcabcabc d"


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"encryption": 2}, "copy-protected"), ({"packing": 17480}, "damaged"), ({"packing": 7}, "damaged")],
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
