"""What stands on a page beside its content: values of form fields, text boxes of reviewers, notes.

pdfium keeps them apart as annotations (ISO 32000-1, 12.5). Values and boxes become characters at their place, so that
they are read with the labels beside them; notes have no place in the text.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy

from minicpm_rag.loaders.encodings import clean
from minicpm_rag.loaders.pdf.glyphs import Glyph, turned
from minicpm_rag.text.scripts import is_wide

LINE_HEIGHT = 1.2  # of the font size
_MOST_ANNOTATIONS = 5_000  # of a page
_MOST_CHARACTERS = 20_000  # of one
_CHECKED, _UNCHECKED = "☒", "☐"


@dataclass
class Notes:
    """What a page's annotations say."""

    placed: list[Glyph] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)  # notes, each with its author


def read_notes(page: Any, form: Any, line_height: float, turns: int) -> Notes:
    """The values, boxes and notes of a pdfium page, placed on the page turned by so many quarters.

    `form` is the document's form handle, None where it has none.
    """
    import pypdfium2.raw as pdfium

    notes = Notes()
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page.raw), _MOST_ANNOTATIONS)):
        annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            kind = pdfium.FPDFAnnot_GetSubtype(annotation)
            if pdfium.FPDFAnnot_GetFlags(annotation) & (pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW):
                continue
            if kind == pdfium.FPDF_ANNOT_WIDGET:
                notes.placed += _placed(annotation, _value(annotation, form) if form else "", line_height, turns)
            elif kind == pdfium.FPDF_ANNOT_FREETEXT:
                notes.placed += _placed(annotation, _string(annotation, b"Contents"), line_height, turns)
            elif kind not in (pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP):
                said = " ".join(_string(annotation, b"Contents").split())
                if said:
                    author = " ".join(_string(annotation, b"T").split())
                    notes.apart.append(f"{author}: {said}" if author else said)
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)
    return notes


def _value(annotation: Any, form: Any) -> str:
    """What a form field shows."""
    import pypdfium2.raw as pdfium

    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
        return _CHECKED if pdfium.FPDFAnnot_IsChecked(form, annotation) else _UNCHECKED
    if kind in (pdfium.FPDF_FORMFIELD_TEXTFIELD, pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX):
        if pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & pdfium.FPDF_FORMFLAG_TEXT_PASSWORD and (
            kind == pdfium.FPDF_FORMFIELD_TEXTFIELD
        ):
            return ""
        return _read(lambda buffer, size: pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size))
    return ""


def _string(annotation: Any, key: bytes) -> str:
    import pypdfium2.raw as pdfium

    return _read(lambda buffer, size: pdfium.FPDFAnnot_GetStringValue(annotation, key, buffer, size))


def _read(call: Callable[[Any, int], int]) -> str:
    """The text that a function of pdfium writes as UTF-16 into a buffer, whose size it tells first."""
    import pypdfium2.raw as pdfium

    size = min(call(None, 0), 2 * _MOST_CHARACTERS)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    call(ctypes.cast(buffer, ctypes.POINTER(pdfium.FPDF_WCHAR)), size)
    return clean(buffer.raw.decode("utf-16-le", errors="replace").partition("\0")[0]).replace("\r", "\n")


def _placed(annotation: Any, text: str, line_height: float, turns: int) -> list[Glyph]:
    """The characters of a text in the annotation's box, one line after the other from its top."""
    import pypdfium2.raw as pdfium

    rectangle = pdfium.FS_RECTF()
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or not pdfium.FPDFAnnot_GetRect(annotation, rectangle):
        return []
    (left, right), (bottom, top) = (
        sorted((rectangle.left, rectangle.right)),
        sorted((rectangle.bottom, rectangle.top)),
    )
    left, bottom, right, top = turned(numpy.array([(left, bottom, right, top)], numpy.float32), turns)[0].tolist()
    height = min((top - bottom) / len(lines), line_height or top - bottom)
    if len(lines) == 1:  # in the middle of its field
        top = (bottom + top) / 2 + height / 2
    glyphs: list[Glyph] = []
    for number, line in enumerate(lines):
        upper, x = top - number * height, left + 1
        for character in line:
            width = height * (0.9 if is_wide(character) else 0.5)
            glyphs.append(Glyph(character, x, upper - height, x + width, upper, height / LINE_HEIGHT))
            x += width
        glyphs.append(Glyph("\n", x, upper - height, x, upper, height / LINE_HEIGHT))
    return glyphs
