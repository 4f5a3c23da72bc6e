"""Reads PDF files and pictures into pages, scanned ones through text recognition where that is installed.

Does not know how characters become text (`pdf`, `pdf_layout`) or how pictures do (`ocr`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import ocr as recognition
from minicpm_rag.loaders.encodings import clean
from minicpm_rag.loaders.pdf import pages as pdf
from minicpm_rag.loaders.pdf.layout import PageText, lay_out
from minicpm_rag.loaders.pdf.lines import Glyph
from minicpm_rag.messages import Message, joined
from minicpm_rag.records import LoadedFile, Page

if TYPE_CHECKING:
    from PIL.Image import Image

OCR_REMEDY = Message("loaders.install_ocr")
_DOTS_PER_INCH = 200  # our sample pages read alike from 150 to 300, which takes longer
_MOST_FRAMES = 500  # of a TIFF fax


def load_pdf(path: Path, *, ocr: bool, recognised: Callable[[], None] = lambda: None) -> LoadedFile:
    """Read a PDF; pages without text are counted but not returned. Calls `recognised` after each scan."""
    ocr = ocr and recognition.is_available()
    pages: list[Page] = []
    present = unread = read_scans = 0
    for page in pdf.read_pages(path, scan_dots_per_inch=_DOTS_PER_INCH if ocr else 0):
        present += 1
        text = page.text
        if page.picture is not None:
            found = _recognised(page.picture)
            recognised()
            read_scans += bool(found.text)
            text = found if found.text else text
        unread += page.is_scan and not (ocr and text.text)
        if text.text.strip():
            pages.append(_page(page.number, page.label, text))
    note = _note(unread, read_scans, present)
    remedy = OCR_REMEDY if unread and not ocr else None
    if not pages:
        raise DocumentError(note or Message("loaders.no_text"), remedy)
    return LoadedFile(path.name, tuple(pages), present, note=note, remedy=remedy)


def load_picture(path: Path, *, ocr: bool, recognised: Callable[[], None] = lambda: None) -> LoadedFile:
    """Read the text in a picture; a TIFF may have several pages. Calls `recognised` after each."""
    from PIL import Image, ImageOps, ImageSequence

    if not (ocr and recognition.is_available()):
        raise DocumentError("loaders.picture_needs_ocr")
    pages: list[Page] = []
    present = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                for number, frame in enumerate(ImageSequence.Iterator(image), start=1):
                    if number > _MOST_FRAMES or (number > 1 and image.format != "TIFF"):
                        break  # an animation repeats itself
                    present = number
                    text = _recognised(ImageOps.exif_transpose(frame.convert("RGB")))
                    recognised()
                    if text.text:
                        pages.append(_page(number, str(number), text))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise DocumentError("loaders.too_many_pixels") from exc
    except (OSError, SyntaxError, ValueError, EOFError) as exc:
        raise DocumentError("loaders.damaged", what=Message("loaders.picture")) from exc
    if not pages:
        raise DocumentError("loaders.no_text_in_picture")
    return LoadedFile(path.name, tuple(pages), present, note=_note(0, len(pages), present))


def _page(number: int, label: str, text: PageText) -> Page:
    return Page(number, text.text, "page", label, tuple(text.headings), tuple(text.tables))


def _note(unread: int, recognised: int, present: int) -> Message | None:
    return joined(
        Message("loaders.scans_unread", unread=unread, present=present) if unread else None,
        Message("loaders.scans_read", read=recognised, present=present) if recognised else None,
    )


def _recognised(image: Image) -> PageText:
    """Lay recognised lines out as a page; each character gets its share of its line's box."""
    glyphs: list[Glyph] = []
    lines = recognition.recognise(image)
    usual = median(line.bottom - line.top for line in lines) if lines else 0.0
    for line in lines:
        text = clean(line.text)
        height = line.bottom - line.top
        if 0.75 * usual < height < 1.3 * usual:
            height = usual  # boxes of one text size vary by what hangs above and below
        middle = -(line.top + line.bottom) / 2
        bottom, top = middle - height / 2, middle + height / 2
        widths = [1.0 if character.isascii() else 2.0 for character in text]
        unit = (line.right - line.left) / max(sum(widths), 1.0)
        left = line.left
        for character, width in zip(text, widths, strict=True):
            right = left + width * unit
            glyphs.append(Glyph(len(glyphs), character, left, bottom, right, top))
            left = right
        glyphs.append(Glyph(len(glyphs), "\n", left, bottom, left, top))
    return lay_out(glyphs)
