"""Leaves in a workbook only what is needed to read its cells, for workbooks that openpyxl does not read as they are.

openpyxl reads a workbook whole or not at all: a rule for colours or a pivot table that it does not know refuses it.
"""

from __future__ import annotations

import re
import zipfile
from typing import BinaryIO

from minicpm_rag.loaders.mending import packed
from minicpm_rag.loaders.xml_parts import parsed, parsed_in_part, written

_ROOT = re.compile(rb"<(?:\w{1,20}:)?worksheet\b[^<>]*>")
_CELLS = re.compile(rb"<(?:\w{1,20}:)?sheetData\b")
_CELLS_END = re.compile(rb"</(\w{1,20}:)?sheetData>|<(\w{1,20}:)?sheetData\s*/>")
_MERGED = re.compile(rb"<(?:\w{1,20}:)?mergeCells\b")
_MERGED_END = re.compile(rb"</(?:\w{1,20}:)?mergeCells>")
_STYLED = re.compile(rb"<(?:\w{1,20}:)?(?:c|row|col)\s[^<>]{0,200}?\bs(?:tyle)?=[\"'](\d{1,5})[\"']")
_MOST_STYLES = 65_490  # by Excel
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_BOOK, _STYLES = "xl/workbook.xml", "xl/styles.xml"
_READ_AS_THEY_ARE = ("[Content_Types].xml", "_rels/.rels", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml")
_NOT_READ = ("pivotCaches", "definedNames", "externalReferences")  # of the workbook part


def only_cells(file: BinaryIO, damaged: list[str]) -> BinaryIO:
    """The workbook with the cells of its sheets and their number formats alone; `damaged` gets these where they are.

    Raises SyntaxError where other XML is damaged.
    """
    members: dict[str, bytes] = {}
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                members[name] = _cells_of(archive.read(name))
            elif name == _BOOK:
                members[name] = _book(archive)
            elif name in _READ_AS_THEY_ARE:
                members[name] = archive.read(name)
        styles = archive.read(_STYLES) if _STYLES in archive.NameToInfo else b""
    members[_STYLES] = _number_formats(styles, members, damaged)
    return packed(members)


def _number_formats(styles: bytes, members: dict[str, bytes], damaged: list[str]) -> bytes:
    """The styles with their number formats alone, and one for each that a cell names."""
    from lxml import etree

    old = parsed_in_part(styles, _STYLES, damaged)
    if old is None or old.tag != f"{_MAIN}styleSheet":
        damaged.append("styles.xml")
        old = etree.Element("none")
    root = etree.Element(f"{_MAIN}styleSheet", nsmap={None: _MAIN.strip("{}")})
    formats = etree.SubElement(root, f"{_MAIN}numFmts")
    for form in old.iter(f"{_MAIN}numFmt"):
        if form.get("numFmtId", "").isdecimal() and form.get("formatCode") is not None:
            own = {"numFmtId": form.get("numFmtId"), "formatCode": form.get("formatCode")}
            etree.SubElement(formats, f"{_MAIN}numFmt", own)
    cells = etree.SubElement(root, f"{_MAIN}cellXfs")
    for style in old.iterfind(f"{_MAIN}cellXfs/{_MAIN}xf"):
        number = style.get("numFmtId", "0")
        etree.SubElement(cells, f"{_MAIN}xf", {"numFmtId": number if number.isdecimal() else "0"})
    used = (
        int(found[1])
        for name, content in members.items()
        if "/worksheets/" in name
        for found in _STYLED.finditer(content)
    )
    for _ in range(min(max(used, default=0) + 1, _MOST_STYLES) - len(cells)):
        etree.SubElement(cells, f"{_MAIN}xf", {"numFmtId": "0"})
    return written(root)


def _cells_of(sheet: bytes) -> bytes:
    root, begin = _ROOT.search(sheet), _CELLS.search(sheet)
    end = _CELLS_END.search(sheet, begin.start()) if begin else None
    if root is None or begin is None or end is None:
        return sheet
    merged = _MERGED.search(sheet, end.end())
    merged_end = _MERGED_END.search(sheet, merged.end()) if merged else None
    tail = sheet[merged.start() : merged_end.end()] if merged and merged_end else b""
    prefix = end[1] or end[2] or b""
    return sheet[: root.end()] + sheet[begin.start() : end.end()] + tail + b"</" + prefix + b"worksheet>"


def _book(archive: zipfile.ZipFile) -> bytes:
    """The workbook part without its chart sheets and what refers to other parts."""
    root = parsed(archive.read(_BOOK))
    sheets = {
        str(relation.get("Id"))
        for relation in parsed(archive.read("xl/_rels/workbook.xml.rels"))
        if str(relation.get("Type", "")).endswith("/worksheet")
    }
    for element in list(root.iter("{*}sheet", *(f"{{*}}{name}" for name in _NOT_READ))):
        identifiers = {value for name, value in element.attrib.items() if name.endswith("}id")}
        if not element.tag.endswith("}sheet") or not identifiers & sheets:
            element.getparent().remove(element)
    return written(root)
