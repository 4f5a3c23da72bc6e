"""Migration 5: what ledgers up to schema 4 stored as English sentences becomes messages, which have two languages.

Sentences that are not listed here stay as they are, as the words of a message.
"""

from __future__ import annotations

import json
import re
from functools import cache

from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.messages import Message, joined

# The sentences of old programs; `{name}` stands for a value. Frozen: what they became may be reworded, not this.
SENTENCES = {
    "The file contains no text.": "loaders.no_text",
    "No text was found in it.": "indexing.no_text",
    "The file does not contain readable text.": "loaders.not_text",
    "The file is nested too deeply.": "loaders.nested_too_deeply",
    "The file needs more memory than there is.": "loaders.needs_memory",
    "The {what} is damaged or cut off.": "loaders.damaged",
    "The {what} is protected by a password.": "loaders.protected",
    "The file declares XML entities, which can be an attack.": "loaders.entities",
    "The file is in the format of Office before 2007.": "loaders.old_office",
    "The book is copy-protected.": "loaders.copy_protected",
    "The workbook has too many cells.": "loaders.too_many_cells_then",  # the limit is not known any more
    "The PDF holds too much text.": "loaders.pdf_too_much_text",
    "A page of the PDF holds too much text.": "loaders.pdf_page_too_much_text",
    "{unread} of {present} pages are scans without text.": "loaders.scans_unread",
    "{read} of {present} pages were read by text recognition.": "loaders.scans_read",
    "Pictures need text recognition, which is not installed or is off.": "loaders.picture_needs_ocr",
    "No text was recognised in the picture.": "loaders.no_text_in_picture",
    "The picture has too many pixels.": "loaders.too_many_pixels",
    "The address is not a web address.": "loaders.no_address",
    "The page is too large or comes too slowly.": "loaders.page_too_large",
    "The version indexed on {day} still answers.": "indexing.still_answers",
    # Remedies
    "Open it in the program that made it and save it as text.": "loaders.not_text.remedy",
    "Split it into smaller files.": "loaders.too_large.remedy",
    "Save it as plain text or PDF.": "loaders.nested_too_deeply.remedy",
    "Get the file again, or save it again with its program.": "loaders.damaged.remedy",
    "Get the file again, or save it again with a PDF program.": "loaders.damaged.remedy",
    "Get the file again.": "loaders.misnamed.remedy",
    "Save a copy without a password and add that.": "loaders.protected.remedy",
    "Save it again with its program.": "loaders.entities.remedy",
    "Add a copy without protection.": "loaders.copy_protected.remedy",
    "Save it as docx, pptx or xlsx.": "loaders.old_office.remedy",
    "Save the part that matters as a file of its own.": "loaders.too_many_cells.remedy",
    'Install text recognition: pip install ".[ocr]"': "loaders.install_ocr",
    "Save it smaller.": "loaders.too_many_pixels.remedy",
    "Save it in a browser and add the file.": "loaders.page_too_large.remedy",
}
# What may stand for {what}.
KINDS = {
    "PDF": "loaders.pdf",
    "Word document": "loaders.word_document",
    "presentation": "loaders.presentation",
    "workbook": "loaders.workbook",
    "book": "loaders.book",
    "picture": "loaders.picture",
    "notebook": "loaders.notebook",
    "message": "loaders.mail",
    "saved web page": "loaders.saved_page",
    "file": "loaders.file",
}


def migrate(connection: Connection) -> None:
    """Rewrite the reasons of documents, jobs and failed answers."""
    for table, column in (("documents", "reason"), ("documents", "remedy"), ("jobs", "error")):
        rows = connection.execute(f"SELECT id, {column} FROM {table} WHERE {column} <> ''").fetchall()
        for row_id, sentences in rows:
            message = message_of(sentences).as_json()
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (message, row_id))
    for row_id, answer in connection.execute("SELECT id, answer FROM exchanges WHERE answer IS NOT NULL").fetchall():
        values = json.loads(answer)
        if values.get("error"):
            values["error"] = message_of(values["error"]).as_json()
            encoded = json.dumps(values, ensure_ascii=False)
            connection.execute("UPDATE exchanges SET answer = ? WHERE id = ?", (encoded, row_id))


def message_of(sentences: str) -> Message:
    """One or several sentences of an old program as a message."""
    found: list[Message] = []
    rest = sentences.strip()
    while rest:
        matches = [(match, key) for pattern, key in _patterns() if (match := pattern.match(rest))]
        if not matches:
            break
        match, key = matches[0]
        found.append(Message(key, **{name: _value(words) for name, words in match.groupdict().items()}))
        rest = rest[match.end() :]
    whole = joined(*found)
    return Message("system.words", words=sentences) if rest or whole is None else whole


def _value(words: str) -> str | int | Message:
    if words in KINDS:
        return Message(KINDS[words])
    return int(words) if words.isdecimal() else words


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^.]+?)", re.escape(sentence)) + r"(?:\s+|$)"), key)
        for sentence, key in SENTENCES.items()
    )
