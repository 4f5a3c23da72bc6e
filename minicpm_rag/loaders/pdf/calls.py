"""The functions of pdfium that are called for each character or shape of a page, for addresses as plain numbers.

ctypes' typed pointers take longer than the calls themselves. Called so, they also keep Python's lock, which a short
call should not give up and take again; whoever calls holds the lock around pdfium.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Calls:
    """Each field is a function; (text page, index) or (object) come first, then the address of a result."""

    unicode: Any
    text: Any
    loose_box: Any
    text_object: Any
    matrix: Any
    font_size: Any
    font: Any
    render_mode: Any
    page_object: Any
    form_object: Any
    kind: Any
    bounds: Any
    segments: Any


@cache
def calls() -> Calls:
    """The functions of the pdfium that pypdfium2 brings."""
    import pypdfium2.raw as pdfium

    pointer, number = ctypes.c_void_p, ctypes.c_int

    def plain(function: Any, result: Any, *arguments: Any) -> Any:
        address = ctypes.cast(function, pointer).value
        assert address is not None
        return ctypes.PYFUNCTYPE(result, *arguments)(address)

    return Calls(
        unicode=plain(pdfium.FPDFText_GetUnicode, ctypes.c_uint, pointer, number),
        text=plain(pdfium.FPDFText_GetText, number, pointer, number, number, pointer),
        loose_box=plain(pdfium.FPDFText_GetLooseCharBox, number, pointer, number, pointer),
        text_object=plain(pdfium.FPDFText_GetTextObject, pointer, pointer, number),
        matrix=plain(pdfium.FPDFText_GetMatrix, number, pointer, number, pointer),
        font_size=plain(pdfium.FPDFText_GetFontSize, ctypes.c_double, pointer, number),
        font=plain(pdfium.FPDFTextObj_GetFont, pointer, pointer),
        render_mode=plain(pdfium.FPDFTextObj_GetTextRenderMode, number, pointer),
        page_object=plain(pdfium.FPDFPage_GetObject, pointer, pointer, number),
        form_object=plain(pdfium.FPDFFormObj_GetObject, pointer, pointer, ctypes.c_ulong),
        kind=plain(pdfium.FPDFPageObj_GetType, number, pointer),
        bounds=plain(pdfium.FPDFPageObj_GetBounds, number, pointer, pointer, pointer, pointer, pointer),
        segments=plain(pdfium.FPDFPath_CountSegments, number, pointer),
    )
