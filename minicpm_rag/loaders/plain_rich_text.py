"""Writes the text of rich text (rtf) without LibreOffice: paragraphs and tables, neither headings nor merged cells."""

from __future__ import annotations

from itertools import accumulate, groupby

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import damaged
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.text.table_headers import header_rows_of

_DEEPEST = 1000  # groups inside groups; Word writes some ten
_NO_BRACES = bytes(byte for byte in range(256) if byte not in b"{}")


def check_nesting(data: bytes) -> None:
    """Refuse rich text whose groups are nested deeper than any program writes them."""
    braces = data.translate(None, _NO_BRACES)
    if max(accumulate(1 if brace == ord("{") else -1 for brace in braces), default=0) > _DEEPEST:
        raise DocumentError("loaders.nested_too_deeply")


def write_plainly(data: bytes, writer: PageWriter) -> None:
    """Write the paragraphs and tables of rich text, without headings. Raises DocumentError."""
    from striprtf.striprtf import rtf_to_text

    check_nesting(data)
    try:
        # Characters beyond ASCII are written in codes, by the code page that the file names.
        text = rtf_to_text(data.decode("latin-1"), errors="replace")
    except (ValueError, TypeError, KeyError, IndexError, LookupError, AttributeError, OverflowError) as exc:
        raise damaged(Message("loaders.rich_text_file")) from exc
    count("characters", len(text))
    for is_table, lines in groupby(text.split("\n"), key=lambda line: line.endswith("|")):
        if is_table:
            _write_table(list(lines), writer)
        else:
            for line in lines:
                writer.paragraph(line)


def _write_table(lines: list[str], writer: PageWriter) -> None:
    """Write rows whose cells end with a bar each."""
    rows = [line.removesuffix("|").split("|") for line in lines]
    if len(rows) < 2 or max(map(len, rows)) < 2:
        for row in rows:
            writer.paragraph(" ".join(row))
        return
    count("cells", sum(map(len, rows)))
    writer.table(list(enumerate(rows, start=1)), header_rows=header_rows_of(rows[:4]))
