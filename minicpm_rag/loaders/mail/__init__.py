"""Reads e-mail (eml) and web pages saved as one file (mhtml), which are built the same way.

Forwarded messages are read where they stand. Attachments are named, not opened; pictures and whatever else a page
refers to are never loaded.
"""

from __future__ import annotations

import binascii
import email
import email.errors
import email.policy
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage, MIMEPart
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.calendars import entries
from minicpm_rag.loaders.encodings import decode
from minicpm_rag.loaders.files import bytes_of, loaded
from minicpm_rag.loaders.html import decode_html, write_html
from minicpm_rag.loaders.mail.letter import Letter, attachments_note, is_stub, text_of_html
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile

_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
_LONGEST_HEADER = 10_000  # characters; encoded words in one of 480 KB took the standard library 5 GB
_DEEPEST = 50  # parts inside parts; a message forwarded ten times has 30
_CALENDAR = "text/calendar"
_HTML = ("text/html", "application/xhtml+xml")


@contextmanager
def judged(what: str) -> Iterator[None]:
    """The standard library raises various errors for headers that are malformed in ways it did not think of."""
    try:
        yield
    except (ValueError, IndexError, AttributeError, TypeError, LookupError, email.errors.MessageError) as exc:
        raise DocumentError("loaders.damaged", what=Message(what)) from exc


@judged("loaders.mail")
def read(path: Path) -> LoadedFile:
    """Read a message as a page headed by its subject, with a note that names its attachments."""
    letter = Letter()
    write_message(bytes_of(path), letter)
    return loaded(path.name, [letter.page()], note=attachments_note(letter.attachments))


def write_message(data: bytes, letter: Letter) -> None:
    """Write a message, its head first. Raises DocumentError where it has neither a head nor text."""
    message = _message(data)
    _write_head(message, letter)
    if not _write(message, letter, depth=0) and not letter.has_head:
        raise DocumentError("loaders.damaged", what=Message("loaders.mail"))


class _BoundedPolicy(email.policy.EmailPolicy):
    """The default policy, which cuts long headers before it parses them."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_LONGEST_HEADER]


def _counted_part(policy: email.policy.Policy | None = None) -> EmailMessage:
    count("parts")
    return EmailMessage(policy)


@judged("loaders.saved_page")
def read_saved_page(path: Path) -> LoadedFile:
    """Read the web page inside an mhtml file: its first HTML part."""
    letter = Letter()
    if write_saved_page(bytes_of(path), letter.writer):
        return loaded(path.name, [letter.page()])
    raise DocumentError("loaders.damaged", what=Message("loaders.saved_page"))


def write_saved_page(data: bytes, writer: PageWriter) -> bool:
    """Write the first HTML part of an mhtml file; False where it has none."""
    for part in _message(data).walk():
        if part.get_content_type() in _HTML:
            write_html(_html(part), writer, is_page=True)
            return True
    return False


def _message(data: bytes) -> EmailMessage:
    # The parser never raises for bad input; it notes defects and keeps what it can read.
    policy: Any = _BoundedPolicy(message_factory=_counted_part)
    message: EmailMessage = email.message_from_bytes(data, policy=policy)
    return message


def _write_head(message: EmailMessage | MIMEPart, letter: Letter) -> None:
    letter.head(_header(message, "Subject"), [(name, _header(message, name)) for name in _SHOWN_HEADERS])


def _header(message: MIMEPart, name: str) -> str:
    try:
        return str(message.get(name, "") or "").strip()
    except (ValueError, IndexError, AttributeError, email.errors.MessageError):
        # The standard library's header parser fails on some malformed addresses; the raw value is there.
        return next((str(raw).strip() for key, raw in message.raw_items() if key.lower() == name.lower()), "")


def _write(part: MIMEPart, letter: Letter, depth: int) -> bool:
    """Write what a reader of the message sees of a part; returns whether that was text."""
    kind = part.get_content_type()
    inside = part.get_payload() if part.is_multipart() else []
    parts = [one for one in inside if isinstance(one, MIMEPart)] if isinstance(inside, list) else []
    if depth > _DEEPEST:
        return False
    if kind == "message/rfc822" and parts:
        message = _forwarded(part, parts[0])
        with letter.forwarded():
            _write_head(message, letter)
            _write(message, letter, depth + 1)
        return True
    if kind == "multipart/alternative" and parts:
        return _write_alternative(parts, letter, depth + 1)
    if kind == "multipart/related" and parts:
        wrote = _write(parts[0], letter, depth + 1)
        for other in parts[1:]:
            if other.get_content_disposition() == "attachment":
                letter.attachments.append(_name(other))
        return wrote
    if parts:
        written = [_write(one, letter, depth + 1) for one in parts]
        return any(written)
    if part.get_content_disposition() == "attachment" or not _is_text(kind):
        if kind != "multipart/mixed":
            letter.attachments.append(_name(part))
        return False
    if kind in _HTML:
        write_html(_html(part), letter.writer)
    elif kind == _CALENDAR:
        for entry in entries(_text(part)):
            letter.writer.paragraph("\n".join(entry.facts))
            letter.writer.paragraph(entry.text)
    else:
        letter.writer.paragraph(_text(part))
    return True


def _write_alternative(parts: list[MIMEPart], letter: Letter, depth: int) -> bool:
    """Of several forms of the same text write the plain one, unless it only says that there is another."""
    plain = next((part for part in parts if part.get_content_type() == "text/plain"), None)
    rich = next((part for part in reversed(parts) if _holds_html(part)), None)
    if plain is None:
        chosen = rich or parts[-1]
    elif rich is None:
        chosen = plain
    else:
        html = next(part for part in rich.walk() if part.get_content_type() in _HTML)
        chosen = rich if is_stub(_text(plain), text_of_html(_html(html))) else plain
    for part in parts:  # some programs put attachments among the forms
        attached = (one for one in part.walk() if one.get_content_disposition() == "attachment")
        if part is not chosen:
            letter.attachments += [_name(one) for one in attached]
    written = _write(chosen, letter, depth)
    for part in parts:  # an invitation: its text is the same, but only here it says when and where
        if part is not chosen and part.get_content_type() == _CALENDAR:
            for entry in entries(_text(part)):
                letter.writer.paragraph("\n".join(entry.facts))
    return written


def _holds_html(part: MIMEPart) -> bool:
    return any(one.get_content_type() in _HTML for one in part.walk())


def _is_text(kind: str) -> bool:
    return kind in ("text/plain", "text/enriched", _CALENDAR, *_HTML) or kind.startswith("multipart/")


def _forwarded(part: MIMEPart, message: MIMEPart) -> MIMEPart:
    """The message inside a part; the parser has not unpacked one in base64, although some programs send it so."""
    if str(part.get("Content-Transfer-Encoding", "")).strip().lower() != "base64":
        return message
    return _message(binascii.a2b_base64(str(message.get_payload())))


def _name(part: MIMEPart) -> str:
    inner = part.get_payload()
    subject = (
        _header(inner[0], "Subject") if isinstance(inner, list) and inner and isinstance(inner[0], MIMEPart) else ""
    )
    return one_line(part.get_filename() or subject or part.get_content_type())


def _bytes(part: MIMEPart) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: MIMEPart) -> str:
    return decode(_bytes(part), part.get_content_charset() or "").text


def _html(part: MIMEPart) -> str:
    return decode_html(_bytes(part), part.get_content_charset() or "").text
