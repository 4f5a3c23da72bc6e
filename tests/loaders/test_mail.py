"""Messages as people have them: forwarded, in several parts, with a plain text that says nothing."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from conftest import DATA

from minicpm_rag.loaders import load_file
from minicpm_rag.records import LoadedFile

MAIL = DATA / "mail"
OFFER = "The price of the pump is 4,750 euros, delivery in week 37."
HEAD = "From: a@example.org\nSubject: Offer\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"


def load(folder: Path, text: str) -> LoadedFile:
    path = folder / "a.eml"
    path.write_text(text, encoding="utf-8")
    return load_file(path)


def parts(*bodies: str) -> str:
    return HEAD + "".join(f"--x\n{body}\n" for body in bodies) + "--x--\n"


@pytest.mark.parametrize("name", ["mail_forwarded_message.eml", "mail_plain_stub.eml"])
def test_the_offer_of_a_forwarded_or_html_message_is_read(name: str) -> None:
    loaded = load_file(MAIL / name)
    assert OFFER in loaded.pages[0].text
    assert loaded.note is None


def test_a_forwarded_message_stands_under_its_own_subject() -> None:
    (page,) = load_file(MAIL / "mail_forwarded_message.eml").pages
    assert [(heading.level, heading.text) for heading in page.headings] == [(1, "Fwd: Offer"), (2, "Offer")]
    assert page.text.index("See below.") < page.text.index("From: c@example.org") < page.text.index("4,750")


def test_a_message_forwarded_as_base64_is_read_and_its_attachment_named(tmp_path: Path) -> None:
    inner = parts("Content-Type: text/plain\n\n" + OFFER, "Content-Type: a/b; name=drawing.dwg\n\nxx")
    packed = base64.encodebytes(inner.encode()).decode()
    loaded = load(tmp_path, parts(f"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{packed}"))
    assert OFFER in loaded.pages[0].text
    assert str(loaded.note) == "Attachments were not read: drawing.dwg."


def test_each_text_part_is_read_in_turn(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        parts(
            "Content-Type: text/plain\n\nBefore the picture.",
            "Content-Type: image/png; name=plan.png\nContent-Disposition: inline\n\nxx",
            "Content-Type: text/html\n\n<p>Between <b>both</b>.</p>",
            "Content-Type: text/plain; charset=utf-8\n\n图片之后。",
            "Content-Type: text/plain\nContent-Disposition: attachment; filename=list.txt\n\nunread",
        ),
    )
    assert loaded.pages[0].text.endswith("Before the picture.\n\nBetween both.\n\n图片之后。")
    assert str(loaded.note) == "Attachments were not read: plan.png, list.txt."


def test_plain_text_that_says_the_same_as_the_html_is_preferred(tmp_path: Path) -> None:
    text = HEAD.replace("mixed", "alternative")
    text += f"--x\nContent-Type: text/plain\n\n{OFFER}\n--x\nContent-Type: text/html\n\n<p>{OFFER} rich</p>\n--x--\n"
    assert "rich" not in load(tmp_path, text).pages[0].text


def test_attachments_beside_the_html_form_are_named(tmp_path: Path) -> None:
    text = HEAD.replace("mixed", "alternative")
    text += f"--x\nContent-Type: text/plain\n\n{OFFER}\n--x\nContent-Type: multipart/mixed; boundary=y\n\n"
    text += "--y\nContent-Type: text/html\n\n<p>x</p>\n--y\nContent-Type: a/b\n"
    text += "Content-Disposition: attachment; filename=plan.dwg\n\nx\n--y--\n--x--\n"
    loaded = load(tmp_path, text)
    assert OFFER in loaded.pages[0].text
    assert "plan.dwg" in str(loaded.note)


def test_parts_inside_parts_without_end_are_read_as_far_as_anyone_writes_them(tmp_path: Path) -> None:
    text = "Content-Type: message/rfc822\n\n" * 60 + "Subject: last\n\ntext"
    loaded = load(tmp_path, f"From: a@b\nSubject: first\n{text}")
    assert loaded.pages[0].text.startswith("first")
