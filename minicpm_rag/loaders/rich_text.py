"""Reads rich text (rtf): by LibreOffice where it is installed, else without headings and merged cells."""

from __future__ import annotations

from pathlib import Path

from minicpm_rag.loaders import conversion
from minicpm_rag.loaders.files import bytes_of, loaded
from minicpm_rag.loaders.plain_rich_text import check_nesting, write_plainly
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile


def read(path: Path) -> LoadedFile:
    """Read a rich text file as one page; the note says what LibreOffice would do better."""
    data = bytes_of(path)
    if conversion.program() is not None:
        check_nesting(data)
        return conversion.read_rich_text(path)
    writer = PageWriter()
    write_plainly(data, writer)
    return loaded(path.name, [writer.page(1)], note=Message("loaders.rich_text_plain"))
