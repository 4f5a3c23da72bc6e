"""Reads mailboxes (mbox): many messages in one file, each after a line that begins with "From " (RFC 4155).

One page a message. A message that cannot be read is left out and counted, the others stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.bounds import count, one_message
from minicpm_rag.loaders.files import loaded
from minicpm_rag.loaders.kinds import ENVELOPE
from minicpm_rag.loaders.mail import judged, write_message
from minicpm_rag.loaders.mail.letter import Letter, attachments_note
from minicpm_rag.messages import Message, joined
from minicpm_rag.records import LoadedFile, Page

_QUOTED = re.compile(rb">+From ")  # such a line of the text itself
_MOST_MESSAGE_BYTES = 100_000_000
# What concerns the mailbox: the next message would be too much as well.
_TOO_MUCH = frozenset({"loaders.too_many_characters", "loaders.too_many_cells", "loaders.too_many_pages"})


def read(path: Path) -> LoadedFile:
    """Read a mailbox, one page a message, with a note that names attachments and says how many were left out."""
    pages: list[Page] = []
    attachments: list[str] = []
    left_out = 0
    for number, data in enumerate(_messages(path), start=1):
        count("pages")
        letter = Letter()
        try:
            with one_message(), judged("loaders.mail"):
                write_message(data, letter)
        except DocumentError as exc:
            if exc.reason.key in _TOO_MUCH:
                raise
            left_out += 1
            continue
        pages.append(letter.page(number))
        attachments += letter.attachments
    if not pages:
        raise DocumentError("loaders.damaged", what=Message("loaders.mailbox"))
    note = Message("loaders.messages_left_out", number=left_out) if left_out else None
    return loaded(path.name, pages, note=joined(note, attachments_note(attachments)))


def _messages(path: Path) -> Iterator[bytes]:
    """The messages, without the lines that part them."""
    own = bytearray()
    after_blank = True
    with path.open("rb") as file:
        for line in file:
            if after_blank and ENVELOPE.fullmatch(line):
                if own.strip():
                    yield bytes(own)
                own.clear()
                continue
            own += line[1:] if _QUOTED.match(line) else line
            if len(own) > _MOST_MESSAGE_BYTES:
                raise DocumentError("loaders.too_large", size=path.stat().st_size)
            after_blank = not line.strip()
    if own.strip():
        yield bytes(own)
