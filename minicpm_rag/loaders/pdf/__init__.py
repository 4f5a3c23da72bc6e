"""Reads PDF files into pages, scanned ones and pictures of text through text recognition where that is installed.

Does not know how characters become text (`finished`, `layout`) or how pictures do (`scans`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import ocr as recognition
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.pdf.finished import FinishedPage, finished
from minicpm_rag.loaders.pdf.pages import Pdf, RawPage, damaged, open_pdf
from minicpm_rag.loaders.pdf.sanity import is_poor
from minicpm_rag.loaders.pdf.scans import INSTALL_OCR, page_of, part_of, recognised_glyphs, recognised_text, scan_note
from minicpm_rag.loaders.writer import one_line
from minicpm_rag.messages import Message, joined
from minicpm_rag.records import LoadedFile, Page

_DOTS_PER_INCH = 200  # of a page drawn for text recognition
_MOST_CHARACTERS = 30_000_000  # of a whole file; a book has one million
_MOST_WAITING_TEXT = 2_000  # characters of the page that a form in Adobe's XML language shows instead of itself
_PLEASE_WAIT = re.compile(
    r"please wait|adobe (?:acrobat )?reader|acrobat reader|如果此消息|请稍候|請稍候|お待ちください|잠시"
    r"|bitte warten|veuillez patienter|espere|aguarde|attendere|подождите",
    re.IGNORECASE,
)


def read(path: Path, *, ocr: bool, recognised: Callable[[], None], password: str) -> LoadedFile:
    """Read a PDF; pages without text are counted but not returned. Calls `recognised` after each scan.

    A page that cannot be read, or whose text is not what it shows, is left out and named in the note.
    """
    with open_pdf(path, password) as pdf:
        reading = _Reading(pdf, ocr and recognition.is_available(), recognised)
        pages = list(reading.pages())
        shown = " ".join(page.text for page in pages)
        stands_in = pdf.has_pages_of_xfa or not shown or _PLEASE_WAIT.search(shown)
        if pdf.has_xfa and stands_in and len(shown) < _MOST_WAITING_TEXT:
            raise DocumentError("loaders.pdf_xfa")
        names = list(filter(None, map(one_line, pdf.attachments())))
        embedded = Message("loaders.embedded_not_read", names=names) if names else None
        note, remedy = reading.note(len(pdf)), reading.remedy()
        if not pages:
            reason = note or Message("loaders.no_text")
            raise DocumentError(joined(reason, embedded) or reason, remedy)
        return LoadedFile(path.name, tuple(pages), len(pdf), note=joined(note, embedded), remedy=remedy)


class _Reading:
    """One file being read, and what the user should know of it."""

    def __init__(self, pdf: Pdf, ocr: bool, recognised: Callable[[], None]) -> None:
        self._pdf = pdf
        self._ocr = ocr
        self._recognised = recognised
        self._by_recognition: set[int] = set()  # page numbers
        self._unread: list[str] = []  # labels of scans
        self._poor: list[str] = []
        self._pictured: list[str] = []
        self._damaged: list[str] = []

    def pages(self) -> Iterator[Page]:
        """The pages that have text."""
        if not len(self._pdf):
            raise damaged()
        characters = 0
        for page in finished(self._raw_pages()):
            characters += len(page.text.text)
            count("characters", len(page.text.text))
            if characters > _MOST_CHARACTERS:
                raise DocumentError("loaders.pdf_too_much_text")
            made = self._page(page)
            if made is not None and made.text.strip():
                yield made

    def note(self, present: int) -> Message | None:
        """What the user should know of the file's pages."""
        return joined(
            scan_note(self._unread, len(self._by_recognition), present),
            Message("loaders.pdf_pages_poor", pages=self._poor) if self._poor else None,
            Message("loaders.pdf_pictures_unread", pages=self._pictured) if self._pictured else None,
            Message("loaders.pdf_pages_damaged", pages=self._damaged) if self._damaged else None,
        )

    def remedy(self) -> Message | None:
        """What would help."""
        wants_ocr = (self._unread or self._poor or self._pictured) and not self._ocr
        return INSTALL_OCR if wants_ocr else Message("loaders.pdf_page_damaged.remedy") if self._damaged else None

    def _raw_pages(self) -> Iterator[RawPage]:
        for index in range(len(self._pdf)):
            try:
                raw = self._pdf.page(index)
            except DocumentError as exc:
                if exc.reason.key != "loaders.pdf_page_damaged":
                    raise
                self._damaged.append(str(index + 1))
                continue
            if raw.pictures and not raw.is_scan:
                raw = self._with_pictures(raw)
            yield raw

    def _with_pictures(self, raw: RawPage) -> RawPage:
        """A page of text with the text of its pictures, where they hold some."""
        if not self._ocr:
            self._pictured.append(raw.label)
            return raw
        whole = self._pdf.draw(raw.number - 1, _DOTS_PER_INCH / 72)
        glyphs = raw.glyphs
        for picture in raw.pictures:
            part = part_of(whole, raw, picture.box)
            glyphs = glyphs.with_more(recognised_glyphs(part, raw, picture.box), raw.turns)
            self._recognised()
        if len(glyphs.texts) > len(raw.glyphs.texts):
            self._by_recognition.add(raw.number)
        return replace(raw, glyphs=glyphs)

    def _page(self, page: FinishedPage) -> Page | None:
        """The page as it is stored; None where it has no text that can be trusted."""
        raw = page.raw
        poor = not raw.is_scan and is_poor(page.text.text[: page.own_end])
        if raw.is_scan or poor:
            if self._ocr:
                found = recognised_text(self._pdf.draw(raw.number - 1, _DOTS_PER_INCH / 72))
                self._recognised()
                if found.text and not is_poor(found.text):
                    self._by_recognition.add(raw.number)
                    return replace(page_of(raw.number, page.label, found), recognised=True)
            if poor or not raw.is_legible:
                self._poor.append(page.label)
                return None
            own = page.text.text
            if not (self._ocr and own.strip()):
                self._unread.append(page.label)
            if is_poor(own):
                return None
        made = page_of(raw.number, page.label, page.text)
        runs_over = (page.own_end, page.next_label) if page.next_label else None
        whole = (page.body_start, page.body_end) == (0, len(made.text))
        body = None if whole else (page.body_start, page.body_end)
        return replace(made, body=body, runs_over=runs_over, recognised=raw.number in self._by_recognition)
