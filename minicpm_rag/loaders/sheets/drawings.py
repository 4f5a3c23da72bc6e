"""What is drawn on sheets: the texts of boxes and the titles of charts; openpyxl reads neither."""

from __future__ import annotations

import posixpath
import zipfile
from typing import Any

from minicpm_rag.loaders.charts import chart_titles


def related(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """The kind and the name of each part that a part refers to, by identifier; what is not in the file is left out."""
    folder, name = posixpath.split(part)
    relations = f"{folder}/_rels/{name}.rels"
    if relations not in archive.NameToInfo:
        return {}
    known = {name.lower(): name for name in archive.NameToInfo}  # the names of parts mean the same in capitals
    found: dict[str, tuple[str, str]] = {}
    for relation in _parsed(archive.read(relations)):
        target = posixpath.normpath(posixpath.join(folder, str(relation.get("Target")))).lstrip("/").lower()
        if relation.get("TargetMode") != "External" and target in known:
            found[str(relation.get("Id"))] = str(relation.get("Type", "")).rsplit("/", 1)[-1], known[target]
    return found


def drawn_texts(archive: zipfile.ZipFile, sheet: str) -> list[str]:
    """The texts of the boxes on a sheet, and the titles of its charts and of their axes; the numbers are in cells."""
    found: list[str] = []
    for kind, drawing in related(archive, sheet).values():
        if kind != "drawing":
            continue
        for body in _parsed(archive.read(drawing)).iter("{*}txBody"):
            lines = ("".join(part.text or "" for part in line.iter("{*}t")) for line in body.iter("{*}p"))
            found.append("\n".join(line for line in lines if line.strip()))
        for other, chart in related(archive, drawing).values():
            if other == "chart":
                found += chart_titles(archive.read(chart))
    return found


def drawn_texts_by_title(archive: zipfile.ZipFile) -> dict[str, list[str]]:
    """The texts drawn on the sheets of an xlsx file, by sheet title."""
    if not any(name.startswith("xl/drawings/drawing") for name in archive.NameToInfo):
        return {}
    parts = related(archive, "xl/workbook.xml")
    found: dict[str, list[str]] = {}
    for sheet in _parsed(archive.read("xl/workbook.xml")).iter("{*}sheet"):
        identifier = next((value for name, value in sheet.attrib.items() if name.endswith("}id")), "")
        _, part = parts.get(identifier, ("", ""))
        found.setdefault(sheet.get("name", ""), []).extend(drawn_texts(archive, part))
    return found


def _parsed(data: bytes) -> Any:
    from lxml import etree

    return etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True))
