"""Mailboxes: many messages in one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import bounds, load_file

FIRST = """From MAILER@example.org Mon Mar  2 08:00:00 2026
From: 张三 <z@example.cn>
Subject: Pump
Date: Mon, 2 Mar 2026 08:00:00 +0800
Content-Type: text/plain; charset=utf-8

水泵的价格是 4,750 欧元。

>From this week on the office is closed.
From 08:30 the pump runs.
"""
SECOND = """
From - Tue Mar 03 08:00:00 2026
From: b@example.org
Subject: Code
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain

The code is 7781.
--x
Content-Type: application/dwg; name=a.dwg

xx
--x--
"""


@pytest.mark.parametrize("name", ["2026.mbox", "Inbox", "old.mbx"])
def test_each_message_of_a_mailbox_is_a_page_headed_by_its_subject(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(FIRST + SECOND, encoding="utf-8")
    loaded = load_file(path)
    assert [[heading.text for heading in page.headings] for page in loaded.pages] == [["Pump"], ["Code"]]
    assert "张三" in loaded.pages[0].text and "4,750" in loaded.pages[0].text
    assert "7781" in loaded.pages[1].text and [page.number for page in loaded.pages] == [1, 2]
    assert loaded.note is not None and loaded.note.key == "loaders.attachments"


def test_a_sentence_that_begins_with_from_begins_no_message(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    path.write_text(FIRST, encoding="utf-8")
    (page,) = load_file(path).pages
    assert "\nFrom this week on" in page.text and "From 08:30 the pump runs." in page.text


def test_a_message_without_head_and_text_is_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    path.write_text(FIRST + "\nFrom x Tue Mar 03 08:00:00 2026\nContent-Type: application/x\n\nx\n", encoding="utf-8")
    loaded = load_file(path)
    assert len(loaded.pages) == 1 and "1" in str(loaded.note)
    assert loaded.note is not None and loaded.note.key == "loaders.messages_left_out"


def test_parts_are_counted_for_each_message_not_for_the_mailbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(bounds.MOST, "parts", 3)  # as many as the second message has
    path = tmp_path / "a.mbox"
    path.write_text(FIRST + SECOND * 5, encoding="utf-8")
    assert len(load_file(path).pages) == 6
    monkeypatch.setitem(bounds.MOST, "parts", 2)
    loaded = load_file(path)
    assert len(loaded.pages) == 1 and "5" in str(loaded.note)


def test_a_message_whose_text_is_none_does_not_keep_the_others_out(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    junk = b"\nFrom x Tue Mar 03 08:00:00 2026\nSubject: j\nContent-Type: text/plain\n\n" + bytes(range(1, 9)) * 40
    path.write_bytes(FIRST.encode() + junk + b"\n" + SECOND.encode())
    loaded = load_file(path)
    assert [page.headings[0].text for page in loaded.pages] == ["Pump", "Code"]
    assert "1" in str(loaded.note)


def test_a_text_called_mbox_is_no_mailbox(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    path.write_text("Dear all, the pump is here.", encoding="utf-8")
    with pytest.raises(DocumentError) as caught:
        load_file(path)
    assert caught.value.reason.key == "loaders.misnamed"
