"""Reads e-mail (eml) and web pages saved as one file (mhtml), which are built the same way.

Attachments are named, not opened; pictures and whatever else a page refers to are never loaded.
"""

from __future__ import annotations

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
from minicpm_rag.loaders.encodings import decode
from minicpm_rag.loaders.files import bytes_of, loaded
from minicpm_rag.loaders.html import decode_html, write_html
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile

_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
_LONGEST_HEADER = 10_000  # characters; encoded words in one of 480 KB took the standard library 5 GB
_NAMED_ATTACHMENTS = 20


@contextmanager
def _judged(what: str) -> Iterator[None]:
    """The standard library raises various errors for headers that are malformed in ways it did not think of."""
    try:
        yield
    except (ValueError, IndexError, AttributeError, TypeError, LookupError, email.errors.MessageError) as exc:
        raise DocumentError("loaders.damaged", what=Message(what)) from exc


@_judged("loaders.mail")
def read(path: Path) -> LoadedFile:
    """Read a message as a page headed by its subject, with a note that names its attachments."""
    message = _message(bytes_of(path))
    writer = PageWriter()
    writer.heading(_header(message, "Subject"), 1)
    headers = [f"{name}: {_header(message, name)}" for name in _SHOWN_HEADERS if _header(message, name)]
    writer.paragraph("\n".join(headers))
    body = message.get_body(preferencelist=("plain", "html"))
    if body is not None:
        _write_part(body, writer)
    elif not headers:
        raise DocumentError("loaders.damaged", what=Message("loaders.mail"))
    attachments = [_name(part) for part in message.iter_attachments()]
    if len(attachments) > _NAMED_ATTACHMENTS:
        attachments[_NAMED_ATTACHMENTS:] = ["…"]
    note = Message("loaders.attachments", names=attachments) if attachments else None
    return loaded(path.name, [writer.page(1)], note=note)


def _name(part: MIMEPart) -> str:
    return one_line(part.get_filename() or part.get_content_type())


class _BoundedPolicy(email.policy.EmailPolicy):
    """The default policy, which cuts long headers before it parses them."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_LONGEST_HEADER]


def _counted_part(policy: email.policy.Policy | None = None) -> EmailMessage:
    count("parts")
    return EmailMessage(policy)


@_judged("loaders.saved_page")
def read_saved_page(path: Path) -> LoadedFile:
    """Read the web page inside an mhtml file: its first HTML part."""
    message = _message(bytes_of(path))
    for part in message.walk():
        if part.get_content_type() in ("text/html", "application/xhtml+xml"):
            writer = PageWriter()
            _write_part(part, writer)
            return loaded(path.name, [writer.page(1)])
    raise DocumentError("loaders.damaged", what=Message("loaders.saved_page"))


def _message(data: bytes) -> EmailMessage:
    # The parser never raises for bad input; it notes defects and keeps what it can read.
    policy: Any = _BoundedPolicy(message_factory=_counted_part)
    message: EmailMessage = email.message_from_bytes(data, policy=policy)
    return message


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, "") or "").strip()
    except (ValueError, IndexError, AttributeError, email.errors.MessageError):
        # The standard library's header parser fails on some malformed addresses; the raw value is there.
        return next((str(raw).strip() for key, raw in message.raw_items() if key.lower() == name.lower()), "")


def _write_part(part: MIMEPart, writer: PageWriter) -> None:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset() or ""
    if part.get_content_type() == "text/plain":
        writer.paragraph(decode(data, charset).text)
    else:
        write_html(decode_html(data, charset).text, writer)
