"""Messages saved by Outlook: people, text in any encoding, messages inside, attachments by their names."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from compound_files import Folder, make_compound_file, message_of

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import load_file
from minicpm_rag.loaders.mail import outlook

SUBJECT, BODY, HTML, SENDER, ADDRESS, TO, SENT, FILE_NAME, CODE_PAGE = (
    *(0x0037, 0x1000, 0x1013, 0x0C1A, 0x0C1F, 0x0E04, 0x0039, 0x3707, 0x3FFD),
)
OFFER = "The price of the pump is 4,750 euros, delivery in week 37."


def written(folder: Path, message: Folder) -> Path:
    return make_compound_file(folder / "a.msg", message)


def test_subject_people_date_and_text_are_read_and_attachments_named(tmp_path: Path) -> None:
    texts = {SUBJECT: "报价", BODY: OFFER, SENDER: "Ann", ADDRESS: "ann@example.org", TO: "Bob"}
    sent = {SENT: (0x0040, 133_500_000_000_000_000)}
    message = message_of(texts, fixed=sent, attachments=[message_of({FILE_NAME: "drawing.dwg"}, head_bytes=8)])
    loaded = load_file(written(tmp_path, message))
    assert (
        loaded.pages[0].text == f"报价\n\nFrom: Ann <ann@example.org>\nTo: Bob\nDate: 2024-01-17 21:20 UTC\n\n{OFFER}"
    )
    assert loaded.pages[0].headings[0].text == "报价"
    assert str(loaded.note) == "Attachments were not read: drawing.dwg."


def test_text_of_old_programs_is_read_by_its_code_page(tmp_path: Path) -> None:
    message = message_of(
        {}, fixed={CODE_PAGE: (3, 936)}, old_texts={SUBJECT: "会议".encode("gbk"), BODY: "明天开会".encode("gbk")}
    )
    assert load_file(written(tmp_path, message)).pages[0].text == "会议\n\n明天开会"


def test_html_is_read_where_the_plain_text_says_nothing(tmp_path: Path) -> None:
    message = message_of({SUBJECT: "x", BODY: "Use another program."}, binaries={HTML: f"<p>{OFFER}</p>".encode()})
    assert load_file(written(tmp_path, message)).pages[0].text == f"x\n\n{OFFER}"


def test_a_message_inside_stands_under_its_own_subject(tmp_path: Path) -> None:
    inner = message_of({SUBJECT: "Offer", BODY: OFFER}, head_bytes=24)
    attachment = message_of({FILE_NAME: "Offer"}, head_bytes=8) | {"__substg1.0_3701000D": inner}
    (page,) = load_file(
        written(tmp_path, message_of({SUBJECT: "Fwd", BODY: "See below."}, attachments=[attachment]))
    ).pages
    assert [(heading.level, heading.text) for heading in page.headings] == [(1, "Fwd"), (2, "Offer")]
    assert page.text.endswith(f"See below.\n\nOffer\n\n{OFFER}")


# The example of MS-OXRTFCP, 4.1.1
PACKED = "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
RICH = 0x1009


def test_a_message_with_nothing_but_rich_text_is_read(tmp_path: Path) -> None:
    message = message_of({SUBJECT: "x"}, binaries={RICH: bytes.fromhex(PACKED)})
    assert load_file(written(tmp_path, message)).pages[0].text == "x\n\nhello world"


def test_rich_text_that_is_not_packed_is_read_by_its_code_page(tmp_path: Path) -> None:
    rich = rb"{\rtf1\ansi\ansicpg936\pard Delivery \'bd\'bb\'bb\'f5\par}"
    data = struct.pack("<IIII", len(rich) + 12, len(rich), 0x414C454D, 0) + rich
    message = message_of({SUBJECT: "x"}, binaries={RICH: data})
    assert load_file(written(tmp_path, message)).pages[0].text == "x\n\nDelivery 交货"


@pytest.mark.parametrize("end", [17, 30, 40])
def test_rich_text_cut_off_is_damage_or_short(tmp_path: Path, end: int) -> None:
    message = message_of({SUBJECT: "x"}, binaries={RICH: bytes.fromhex(PACKED)[:end]})
    try:
        assert load_file(written(tmp_path, message)).pages[0].text.startswith("x")
    except DocumentError as exc:
        assert exc.reason.key == "loaders.damaged"


def test_an_appointment_says_where_and_when(tmp_path: Path) -> None:
    names = [(0x8208, "place"), (0x820D, "start")]
    entries = b"".join(struct.pack("<IHH", name, 2 << 1, place) for place, (name, _) in enumerate(names))
    start = {0x8001: (0x0040, 133_500_000_000_000_000)}
    message = message_of({SUBJECT: "评审会", BODY: "请准时。", 0x8000: "三楼会议室"}, fixed=start)
    message["__nameid_version1.0"] = {"__substg1.0_00030102": entries}
    text = load_file(written(tmp_path, message)).pages[0].text
    assert text == "评审会\n\nLocation: 三楼会议室\nStart: 2024-01-17 21:20 UTC\n\n请准时。"


def test_a_contact_says_how_to_reach_it(tmp_path: Path) -> None:
    message = message_of({SUBJECT: "Ann Lee", 0x3A16: "Pumps Ltd", 0x3A1C: "+49 170 1234567"})
    text = load_file(written(tmp_path, message)).pages[0].text
    assert text == "Ann Lee\n\nCompany: Pumps Ltd\nMobile: +49 170 1234567"


def test_large_properties_lie_in_sectors_of_their_own(tmp_path: Path) -> None:
    message = message_of({SUBJECT: "x", BODY: OFFER * 500})
    assert load_file(written(tmp_path, message)).pages[0].text.count(OFFER) == 500


def test_a_property_too_large_to_be_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "_MOST_BYTES", 1000)
    with pytest.raises(DocumentError, match="too large"):
        load_file(written(tmp_path, message_of({BODY: "x" * 1000})))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_message_cut_off_is_called_damaged(tmp_path: Path, share: float) -> None:
    data = written(tmp_path, message_of({SUBJECT: "x", BODY: OFFER * 500})).read_bytes()
    path = tmp_path / "b.msg"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DocumentError, match=r"damaged|2007"):
        load_file(path)
