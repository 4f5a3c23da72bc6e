"""Reads messages saved by Outlook (msg): the same page as of any other message, forwarded ones inside it.

The format is MS-OXMSG; the numbers of properties are those of MS-OXPROPS.
"""

from __future__ import annotations

import datetime
import struct
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import damaged, is_the_disks_fault
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.encodings import clean, decode
from minicpm_rag.loaders.files import loaded
from minicpm_rag.loaders.html import decode_html, write_html
from minicpm_rag.loaders.mail.letter import Letter, attachments_note, is_stub, text_of_html
from minicpm_rag.loaders.mail.packed_text import unpacked
from minicpm_rag.loaders.plain_rich_text import write_plainly
from minicpm_rag.loaders.writer import one_line
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile

_WHAT = Message("loaders.mail")
_SUBJECT, _BODY, _HTML, _RICH = 0x0037, 0x1000, 0x1013, 0x1009
_SENDER, _SENDER_ADDRESS, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_TO, _CC = 0x0E04, 0x0E03
_COMPANY, _TITLE, _PHONE, _MOBILE = 0x3A16, 0x3A17, 0x3A08, 0x3A1C  # of a contact
# Properties that a file numbers itself, by what MS-OXPROPS calls them (PidLid)
_LOCATION, _START, _END, _DUE, _E_MAIL = 0x8208, 0x820D, 0x820E, 0x8105, 0x8083
_SENT, _RECEIVED, _CODE_PAGE = 0x0039, 0x0E06, 0x3FFD
_FILE_NAME, _SHORT_NAME, _SHOWN_NAME = 0x3707, 0x3704, 0x3001
_NAMES = "__nameid_version1.0/__substg1.0_00030102"  # which number the file gives to which name
_INSIDE = "__substg1.0_3701000D"  # of an attachment: the message that it is
_MOST_BYTES = 50_000_000  # of one property that is read
_DEEPEST = 10  # messages inside messages
_TEXT, _OLD_TEXT, _BINARY, _TIME = 0x001F, 0x001E, 0x0102, 0x0040
_EPOCH = datetime.datetime(1601, 1, 1, tzinfo=datetime.timezone.utc)


def read(path: Path) -> LoadedFile:
    """Read a message as a page headed by its subject, with a note that names its attachments."""
    import olefile

    letter = Letter()
    try:
        with olefile.OleFileIO(path) as container:
            _write(_Storage(container, []), letter, depth=0)
    except (OSError, ValueError, TypeError, IndexError, AttributeError, KeyError, struct.error) as exc:
        if is_the_disks_fault(exc):
            raise
        raise damaged(_WHAT) from exc
    return loaded(path.name, [letter.page()], note=attachments_note(letter.attachments))


class _Storage:
    """A message, recipient or attachment: a folder of the file that holds properties."""

    def __init__(self, container: Any, folder: list[str], code_page: str = "") -> None:
        self._container = container
        self._folder = folder
        self._fixed = self._bytes("__properties_version1.0")
        self._named = _named(container)
        self.code_page = code_page or self._own_code_page()

    def storages(self, prefix: str) -> list[str]:
        """The names of the folders inside that begin so, in their order."""
        depth = len(self._folder)
        entries = self._container.listdir(streams=False, storages=True)
        names = {entry[depth] for entry in entries if len(entry) > depth and entry[:depth] == self._folder}
        return sorted(name for name in names if name.startswith(prefix))

    def inside(self, *names: str) -> _Storage:
        """A folder inside this one."""
        return _Storage(self._container, [*self._folder, *names], self.code_page)

    def has(self, name: str) -> bool:
        """Whether there is a folder or stream of that name inside."""
        return bool(self._container.exists("/".join([*self._folder, name])))

    def text(self, number: int) -> str:
        """A property of characters, "" where there is none."""
        if data := self._property(number, _TEXT):
            return clean(data.decode("utf-16-le", "replace")).rstrip("\0")
        data = self._property(number, _OLD_TEXT).rstrip(b"\0")
        return decode(data, self.code_page).text if data.strip() else ""

    def binary(self, number: int) -> bytes:
        """A property of bytes, b"" where there is none."""
        return self._property(number, _BINARY)

    def named(self, name: int) -> int:
        """The number under which this file keeps a property that has a name; 0 where it has none."""
        return self._named.get(name, 0)

    def time(self, number: int) -> str:
        """A property that is a time, in UTC; "" where there is none."""
        value = self._fixed_value(number, _TIME)
        if not value:
            return ""
        try:
            moment = _EPOCH + datetime.timedelta(microseconds=value // 10)
        except OverflowError:
            return ""
        return f"{moment:%Y-%m-%d %H:%M} UTC"

    def _own_code_page(self) -> str:
        number = self._fixed_value(_CODE_PAGE, 0x0003) & 0xFFFF
        return {0: "", 65001: "utf-8", 936: "gb18030", 54936: "gb18030"}.get(number, f"cp{number}")

    def _fixed_value(self, number: int, kind: int) -> int:
        """A property of at most eight bytes, which lie one after the other behind a head of 8, 24 or 32 bytes."""
        tag = struct.pack("<I", number << 16 | kind)
        for head in (32, 24, 8):
            for place in range(head, len(self._fixed) - 15, 16):
                if self._fixed[place : place + 4] == tag:
                    return int(struct.unpack_from("<Q", self._fixed, place + 8)[0])
        return 0

    def _property(self, number: int, kind: int) -> bytes:
        return self._bytes(f"__substg1.0_{number:04X}{kind:04X}")

    def _bytes(self, name: str) -> bytes:
        path = [*self._folder, name]
        if not self._container.exists("/".join(path)):
            return b""
        if self._container.get_size(path) > _MOST_BYTES:
            raise DocumentError("loaders.too_large", size=self._container.get_size(path))
        return bytes(self._container.openstream(path).read(_MOST_BYTES))


def _write(message: _Storage, letter: Letter, depth: int) -> None:
    count("parts")
    address = message.text(_SENDER_SMTP) or message.text(_SENDER_ADDRESS)
    sender = message.text(_SENDER)
    if "@" in address and address != sender:
        sender = f"{sender} <{address}>".strip()
    people = [("From", sender), ("To", message.text(_TO)), ("Cc", message.text(_CC))]
    dates = [("Date", message.time(_SENT) or message.time(_RECEIVED))]
    letter.head(message.text(_SUBJECT), [*people, *dates, *_item(message)])
    _write_body(message, letter)
    for name in message.storages("__attach_version1.0_"):
        count("parts")
        attachment = message.inside(name)
        if attachment.has(_INSIDE) and depth < _DEEPEST:
            with letter.forwarded():
                _write(attachment.inside(_INSIDE), letter, depth + 1)
        else:
            names = (attachment.text(number) for number in (_FILE_NAME, _SHORT_NAME, _SHOWN_NAME))
            letter.attachments.append(one_line(next(filter(None, names), name)))


def _item(message: _Storage) -> list[tuple[str, str]]:
    """What an appointment, a task or a contact says besides its text."""
    times = (("Start", _START), ("End", _END), ("Due", _DUE))
    texts = (("Company", _COMPANY), ("Job title", _TITLE), ("Phone", _PHONE), ("Mobile", _MOBILE))
    return [
        ("Location", message.text(message.named(_LOCATION))),
        *((label, message.time(message.named(name))) for label, name in times),
        *((label, message.text(number)) for label, number in texts),
        ("E-mail", message.text(message.named(_E_MAIL))),
    ]


def _named(container: Any) -> dict[int, int]:
    """The numbers that a file gives to properties with numeric names: entries of eight bytes (MS-OXMSG, 2.2.3.1.2)."""
    if not container.exists(_NAMES) or container.get_size(_NAMES) > _MOST_BYTES:
        return {}
    data = container.openstream(_NAMES).read()
    entries = struct.iter_unpack("<IHH", data[: len(data) // 8 * 8])
    return {name: 0x8000 + place for name, kind, place in entries if not kind & 1}


def _write_body(message: _Storage, letter: Letter) -> None:
    plain = message.text(_BODY)
    data = message.binary(_HTML)
    html = decode_html(data, message.code_page).text if data else message.text(_HTML)
    if html.strip() and (not plain.strip() or is_stub(plain, text_of_html(html))):
        write_html(html, letter.writer)
    elif packed := b"" if plain.strip() else message.binary(_RICH):
        write_plainly(unpacked(packed, _MOST_BYTES), letter.writer)
    else:
        letter.writer.paragraph(plain)
