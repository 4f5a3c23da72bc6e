"""Reads the text in pictures (png, jpeg, tiff and others), where text recognition is installed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import ocr as recognition
from minicpm_rag.loaders.pdf.scans import page_of, recognised_text, scan_note
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page

_MOST_FRAMES = 500  # of a TIFF fax


def read(path: Path, *, ocr: bool, recognised: Callable[[], None]) -> LoadedFile:
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
                    text = recognised_text(ImageOps.exif_transpose(frame.convert("RGB")))
                    recognised()
                    if text.text:
                        pages.append(page_of(number, str(number), text))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise DocumentError("loaders.too_many_pixels") from exc
    except (OSError, SyntaxError, ValueError, EOFError) as exc:
        raise DocumentError("loaders.damaged", what=Message("loaders.picture")) from exc
    if not pages:
        raise DocumentError("loaders.no_text_in_picture")
    return LoadedFile(path.name, tuple(pages), present, note=scan_note((), len(pages), present))
