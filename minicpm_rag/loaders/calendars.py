"""Reads calendars (ics) and address cards (vcf): events, tasks and people, each under its own heading.

Both are lines of a name, parameters and a value (RFC 5545, RFC 6350; cards of version 2.1 write bytes as codes).
"""

from __future__ import annotations

import quopri
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.encodings import decode
from minicpm_rag.loaders.files import read_text
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.records import LoadedFile, Page

_KINDS = frozenset(["VEVENT", "VTODO", "VJOURNAL", "VCARD"])
_TITLES = ("SUMMARY", "FN")
_TEXTS = ("DESCRIPTION", "NOTE")
_LABELS = {
    "DTSTART": "Start", "DTEND": "End", "DUE": "Due", "RRULE": "Repeats", "LOCATION": "Location", "STATUS": "Status",
    "ORGANIZER": "Organizer", "ATTENDEE": "Attendee", "ORG": "Company", "TITLE": "Job title", "TEL": "Phone",
    "EMAIL": "E-mail", "ADR": "Address", "URL": "URL", "BDAY": "Birthday",
}  # fmt: skip
_LINE_END = re.compile(r"\r?\n")
_CODED = "QUOTED-PRINTABLE"
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")
_ESCAPED = re.compile(r"\\([\\,;nN])")
_HEAD = re.compile(r'((?:[^":]|"[^"]*")*):')
_PEOPLE = ("ORGANIZER", "ATTENDEE")


@dataclass
class Entry:
    """An event, task or person: what it is called, what is said of it line by line, and its text."""

    title: str = ""
    facts: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All that is written in it; a card may have several notes."""
        return "\n\n".join(self.texts)


def read(path: Path) -> LoadedFile:
    """Read a calendar or cards as one page."""
    return read_text(path, _page)


def _page(text: str) -> Page:
    writer = PageWriter()
    for entry in entries(text):
        writer.heading(entry.title, 1)
        writer.paragraph("\n".join(entry.facts))
        writer.paragraph(entry.text)
    return writer.page(1)


def entries(text: str) -> Iterator[Entry]:
    """The entries of a calendar or of cards."""
    inside: list[str] = []  # what has begun, within an entry
    entry = Entry()
    for name, parameters, value in _lines(text):
        if name == "BEGIN" and value.upper() in _KINDS:
            if inside:  # the end of the one before is missing
                yield entry
            inside, entry = [value], Entry()
        elif name == "BEGIN":
            inside += [value] if inside else []
        elif name == "END" and inside:
            inside.pop()
            if not inside:
                yield entry
                entry = Entry()
        elif len(inside) == 1:  # an alarm within an event says nothing of it
            _take(entry, name, parameters, value)
    if inside:  # the file is cut off
        yield entry


def _take(entry: Entry, name: str, parameters: dict[str, str], value: str) -> None:
    if name in _TITLES:
        entry.title = entry.title or one_line(value)
    elif name in _TEXTS:
        entry.texts += [value] if value else []
    elif name in _LABELS:
        if name in _PEOPLE:
            address = re.sub(r"(?i)^mailto:", "", value)
            value = f"{parameters['CN']} <{address}>" if "CN" in parameters else address
        elif name in ("ADR", "ORG"):
            value = ", ".join(filter(None, (part.strip() for part in value.split(";"))))
        elif found := _TIME.fullmatch(value):
            year, month, day, hour, minute, utc = found.groups()
            zone = "UTC" if utc else parameters.get("TZID", "")
            value = f"{year}-{month}-{day}" + (f" {hour}:{minute} {zone}".rstrip() if hour else "")
        if value.strip():
            entry.facts.append(f"{_LABELS[name]}: {one_line(value)}")


def _lines(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Name, parameters and value of each line, long ones put together again."""
    for line in _whole_lines(text):
        head, value = _parted(line)
        name, *rest = head.split(";")
        parameters = {}
        for part in rest:
            key, sign, own = part.partition("=")
            parameters[key.upper() if sign else "ENCODING"] = (own if sign else key).strip('"')
        if parameters.get("ENCODING", "").upper() == _CODED:
            with suppress(DocumentError):  # a value that is damaged stays as it is written
                value = decode(quopri.decodestring(value.encode()), parameters.get("CHARSET", "")).text
        value = _ESCAPED.sub(lambda found: "\n" if found.group(1) in "nN" else found.group(1), value)
        yield name.rpartition(".")[2].strip().upper(), parameters, value.strip()


def _whole_lines(text: str) -> Iterator[str]:
    """The lines: one that begins with a blank goes on with that before, as does one after "=" in coded values.

    Behind a picture "=" means nothing: it fills up the code that pictures are written in.
    """
    parts: list[str] = []
    is_coded = False
    for line in _LINE_END.split(text):
        if is_coded and parts[-1].endswith("="):
            parts[-1] = parts[-1][:-1]
            parts.append(line)
        elif parts and line.startswith((" ", "\t")):
            parts.append(line[1:])
        else:
            yield "".join(parts)
            parts = [line]
            is_coded = _CODED in line.partition(":")[0].upper()
    yield "".join(parts)


def _parted(line: str) -> tuple[str, str]:
    """A line before and behind its first colon that stands in no quotes, or in quotes that nothing ends."""
    found = _HEAD.match(line)
    head, _, value = line.partition(":")
    return (found.group(1), line[found.end() :]) if found else (head, value)
