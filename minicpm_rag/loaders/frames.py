"""What passes between this process and a child that reads files: frames of bytes that hold JSON or a picture.

Never pickle: a child that a hostile file has taken over can send wrong text, but no objects. What comes back is
therefore checked again: types, offsets, and that a message can be said in both languages.
"""

from __future__ import annotations

import json
import struct
import traceback
from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.encodings import without_surrogates
from minicpm_rag.messages import LANGUAGES, Message, core, placeholders, text
from minicpm_rag.records import LoadedFile, Page

if TYPE_CHECKING:
    from pydantic import TypeAdapter

# A frame: one letter that says what it is, the number of bytes that follow, the bytes.
_HEAD = struct.Struct(">cQ")
_MOST_BYTES = 1 << 30
_CHARACTERS, _ROWS = 1 << 20, 10_000  # of a slice

WORK = b"w"  # parent to child: what to do
STARTED = b"s"  # the child has the work
RECOGNISED = b"r"  # a page went through text recognition, which takes seconds
LOADED = b"l"  # a LoadedFile
PICTURE = b"p"  # b"1" where all quotes were found, else b"0"; then the PNG
REFUSED = b"x"  # a DocumentError
OUT_OF_MEMORY = b"m"
DEFECT = b"d"  # the reader raised something else: its name, its words, its traceback


class BrokenFrameError(Exception):
    """The other side does not keep to the format."""


@dataclass(frozen=True)
class _Sent:
    """A LoadedFile in types that JSON has."""

    title: str
    pages: tuple[Page, ...]
    pages_present: int
    encoding: str
    note: str
    remedy: str


def send(stream: IO[bytes], kind: bytes, payload: bytes | bytearray = b"") -> None:
    """Write one frame."""
    stream.write(_HEAD.pack(kind, len(payload)))
    stream.write(payload)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[bytes, bytes] | None:
    """Read one frame as (kind, payload); None at the end of the stream.

    Raises BrokenFrameError for a frame that would take too much memory.
    """
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, length = _HEAD.unpack(head)
    if length > _MOST_BYTES:
        raise BrokenFrameError(f"a frame of {length:,} bytes")
    payload = stream.read(length)
    return (kind, payload) if len(payload) == length else None


def from_loaded(loaded: LoadedFile) -> bytearray:
    """A LoadedFile as JSON. Lone surrogates, which no store takes, become U+FFFD; offsets stay as they are.

    Texts and rows are written slice by slice: a sheet of 50 MB and 350,000 rows is held once more, not three times.
    """
    written = bytearray()

    def write(json_text: str) -> None:
        written.extend(without_surrogates(json_text).encode())

    note, remedy = (said.as_json() if said else "" for said in (loaded.note, loaded.remedy))
    write(_object(loaded, "pages", note=note, remedy=remedy))
    for number, page in enumerate(loaded.pages):
        write("," * (number > 0) + _object(page, "tables"))
        for place, table in enumerate(page.tables):
            write("," * (place > 0) + _object(table, "rows"))
            for start in range(0, len(table.rows), _ROWS):
                write("," * (start > 0) + json.dumps(table.rows[start : start + _ROWS])[1:-1])
            write("]}")
        write('],"text":"')
        for start in range(0, len(page.text), _CHARACTERS):
            write(json.dumps(page.text[start : start + _CHARACTERS], ensure_ascii=False)[1:-1])
        write('"}')
    write("]}")
    return written


def _object(record: object, last: str, **values: str) -> str:
    """A record as the beginning of a JSON object: without its text, ready for the items of its `last` field."""
    fields = {name: value for name, value in vars(record).items() if name not in (last, "text")}
    return f'{json.dumps(fields | values, default=vars, ensure_ascii=False)[:-1]},"{last}":['


@cache
def _adapter() -> TypeAdapter[_Sent]:
    """Kept, because it takes longer to make than to read a small file with."""
    from pydantic import TypeAdapter

    return TypeAdapter(_Sent)


def to_loaded(payload: bytes | bytearray) -> LoadedFile:
    """Read what `from_loaded` wrote, strictly; raises BrokenFrameError for anything else."""
    try:
        sent = _adapter().validate_json(payload, strict=True)
    except ValueError as exc:
        raise BrokenFrameError("not a loaded file") from exc
    for page in sent.pages:
        places = [(heading.start, heading.start) for heading in page.headings]
        places += [(table.start, table.end) for table in page.tables]
        places += [(offset, offset) for table in page.tables for offset, _ in table.rows]
        places += [page.body] if page.body else []
        places += [(page.runs_over[0], page.runs_over[0])] if page.runs_over else []
        if any(not 0 <= start <= end <= len(page.text) for start, end in places):
            raise BrokenFrameError("an offset outside of its page")
    note, remedy = _message(sent.note), _message(sent.remedy)
    return LoadedFile(sent.title, sent.pages, sent.pages_present, sent.encoding, note, remedy)


def from_error(error: DocumentError) -> bytes:
    """The reason and the remedy of a DocumentError as JSON."""
    said = [error.reason.as_json(), error.remedy.as_json() if error.remedy else ""]
    return without_surrogates(json.dumps(said, ensure_ascii=False)).encode()


def to_error(payload: bytes) -> DocumentError:
    """Read what `from_error` wrote; raises BrokenFrameError for anything else."""
    try:
        reason, remedy = map(_message, json.loads(payload))
    except (ValueError, TypeError, RecursionError) as exc:
        raise BrokenFrameError("not a document error") from exc
    if reason is None:
        raise BrokenFrameError("a document error without a reason")
    return DocumentError(reason, remedy)


def from_defect(error: Exception) -> bytes:
    """The name, the words and the traceback of any other error as JSON."""
    said = [
        type(error).__name__,
        " ".join(str(error).split())[:200],
        "".join(traceback.format_exception(error))[-8000:],
    ]
    return without_surrogates(json.dumps(said, ensure_ascii=False)).encode()


def to_defect(payload: bytes) -> tuple[str, str, str]:
    """Read what `from_defect` wrote; raises BrokenFrameError for anything else."""
    try:
        name, words, trace = json.loads(payload)
    except (ValueError, TypeError, RecursionError) as exc:
        raise BrokenFrameError("not an error") from exc
    return str(name), str(words), str(trace)


def to_picture(payload: bytes) -> tuple[bytes, bool]:
    """The PNG in a PICTURE frame, and whether all quotes were found on it."""
    if payload[1:9] != b"\x89PNG\r\n\x1a\n":
        raise BrokenFrameError("not a picture")
    return payload[1:], payload[:1] == b"1"


def _message(written: str) -> Message | None:
    """Read a message; raises BrokenFrameError where its values do not fill its text."""
    message = Message.from_json(written)
    if message is not None:
        try:
            for template in core().texts[message.key]:
                if not placeholders(template) <= message.values.keys():
                    raise KeyError(message.key)
            for language in LANGUAGES:
                text(language, message)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError, RecursionError) as exc:
            raise BrokenFrameError(f"a message that cannot be said: {message.key[:100]}") from exc
    return message
