"""Where a passage stands in its file, in words: page, slide, sheet, rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minicpm_rag.records import PAGE, PAGE_KIND, PAGE_LABEL, ROW_END, ROW_START

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.messages import Language

_PLACE = {
    "zh": {
        "page": "第{label}页",
        "slide": "第{label}张幻灯片",
        "sheet": "工作表“{label}”",
        "row": "第{first}行",
        "rows": "第{first}–{last}行",
    },
    "en": {
        "page": "page {label}",
        "slide": "slide {label}",
        "sheet": "sheet {label}",
        "row": "row {first}",
        "rows": "rows {first}–{last}",
    },
}


def place_of(document: Document, language: Language) -> str:
    """Name the place of a passage in its file: "第3页", "slide 2", "rows 2–6"; "" where a file has none."""
    words, metadata = _PLACE[language], document.metadata
    kind = str(metadata.get(PAGE_KIND, "text"))
    # A csv file is one sheet without a name: its rows alone are the place.
    label = metadata.get(PAGE_LABEL) or (metadata.get(PAGE) if kind != "sheet" else None)
    places = [words[kind].format(label=label)] if kind in words and label else []
    if kind == "sheet" and ROW_START in metadata:
        first, last = metadata[ROW_START], metadata[ROW_END]
        places.append(words["row" if first == last else "rows"].format(first=first, last=last))
    return " ".join(places)
