"""Calendars and address cards, by themselves and in messages: what, when, where, who."""

from __future__ import annotations

from pathlib import Path

from minicpm_rag.loaders import load_file

EVENT = """BEGIN:VCALENDAR
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
DTSTART;TZID="Europe/Berlin":20240305T093000
DTEND;VALUE=DATE:20240306
SUMMARY:水泵评审
LOCATION:三楼\\, 会议室
 4.12
ORGANIZER;CN="Lee: Ann":mailto:ann@example.org
DESCRIPTION:请带图纸。\\n谢谢
BEGIN:VALARM
DESCRIPTION:Reminder
END:VALARM
END:VEVENT
BEGIN:VTODO
SUMMARY:Order parts
DUE:20240401T120000Z
END:VTODO
END:VCALENDAR
"""
FACTS = (
    "Start: 2024-03-05 09:30 Europe/Berlin\nEnd: 2024-03-06\nLocation: 三楼, 会议室4.12\n"
    "Organizer: Lee: Ann <ann@example.org>"
)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_events_and_tasks_say_when_where_and_what(tmp_path: Path) -> None:
    (page,) = load_file(written(tmp_path / "a.ics", EVENT)).pages
    assert page.text == f"水泵评审\n\n{FACTS}\n\n请带图纸。\n谢谢\n\nOrder parts\n\nDue: 2024-04-01 12:00 UTC"
    assert [heading.text for heading in page.headings] == ["水泵评审", "Order parts"]


def test_a_card_says_how_to_reach_a_person(tmp_path: Path) -> None:
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:Ann Lee\nORG:Pumps Ltd;Sales\nitem1.TEL;TYPE=cell:+49 170 1234567\nEND:VCARD\n"
    (page,) = load_file(written(tmp_path / "a.vcf", card)).pages
    assert page.text == "Ann Lee\n\nCompany: Pumps Ltd, Sales\nPhone: +49 170 1234567"


def test_a_card_of_an_old_telephone_is_read(tmp_path: Path) -> None:
    name = "".join(f"={byte:02X}" for byte in "王敏".encode())
    coded = f"FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:{name[:9]}=\n{name[9:]}"
    card = f"BEGIN:VCARD\nVERSION:2.1\n{coded}\nTEL;CELL:1381234\nEND:VCARD\n"
    (page,) = load_file(written(tmp_path / "a.vcf", card)).pages
    assert page.text == "王敏\n\nPhone: 1381234"


def test_an_invitation_says_when_and_where(tmp_path: Path) -> None:
    message = (
        "Subject: Review\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n"
        "--b\nContent-Type: text/plain; charset=utf-8\n\nPlease come.\n"
        f"--b\nContent-Type: text/calendar; method=REQUEST; charset=utf-8\n\n{EVENT}\n--b--\n"
    )
    (page,) = load_file(written(tmp_path / "a.eml", message)).pages
    assert page.text == f"Review\n\nPlease come.\n\n{FACTS}\n\nDue: 2024-04-01 12:00 UTC"


def test_lines_that_mean_nothing_keep_nothing_out(tmp_path: Path) -> None:
    text = 'BEGIN:VCARD\nno colon\n"open: quote\n:\nFN:Ann\nTEL\nEND:VCARD\nEND:VCARD\nBEGIN:VEVENT\n'
    assert load_file(written(tmp_path / "a.vcf", text)).pages[0].text == "Ann"


def test_a_card_or_event_without_an_end_loses_nothing_behind_it(tmp_path: Path) -> None:
    text = "BEGIN:VCARD\nFN:Ann\nBEGIN:VCARD\nFN:Ben\nEND:VCARD\nBEGIN:VEVENT\nBEGIN:VALARM\nEND:VEVENT\n"
    text += "BEGIN:VEVENT\nSUMMARY:Review\nEND:VEVENT\nBEGIN:VTODO\nSUMMARY:Cut o"
    (page,) = load_file(written(tmp_path / "a.ics", text)).pages
    assert [heading.text for heading in page.headings] == ["Ann", "Ben", "Review", "Cut o"]


def test_a_picture_in_a_card_of_an_old_telephone_keeps_nothing_out(tmp_path: Path) -> None:
    card = "BEGIN:VCARD\nN;ENCODING=QUOTED-PRINTABLE:=C3=A4\nPHOTO;ENCODING=BASE64;JPEG:/9j/4AA=\nFN:{}\nEND:VCARD\n"
    (page,) = load_file(written(tmp_path / "a.vcf", card.format("Ann") + card.format("Ben"))).pages
    assert page.text == "Ann\n\nBen"


def test_all_notes_are_kept_and_a_quote_without_an_end_too(tmp_path: Path) -> None:
    card = 'BEGIN:VCARD\nFN:Ann\nNOTE:first\nNOTE:second\nTEL;TYPE="cell:123 45\nEND:VCARD\n'
    (page,) = load_file(written(tmp_path / "a.vcf", card)).pages
    assert page.text == "Ann\n\nPhone: 123 45\n\nfirst\n\nsecond"


def test_a_coded_value_that_is_damaged_leaves_the_others_readable(tmp_path: Path) -> None:
    coded = "NOTE;ENCODING=QUOTED-PRINTABLE:" + "=00=01=02=FF" * 40
    (page,) = load_file(written(tmp_path / "a.vcf", f"BEGIN:VCARD\n{coded}\nFN:Ann\nEND:VCARD\n")).pages
    assert page.text.startswith("Ann")
