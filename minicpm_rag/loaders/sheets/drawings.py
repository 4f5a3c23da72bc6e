"""What stands beside the cells of sheets: comments, the texts of boxes and the titles of charts."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from minicpm_rag.loaders.archive import Salvaged, in_small_letters, salvaged
from minicpm_rag.loaders.bounds import number_of
from minicpm_rag.loaders.charts import titles_of
from minicpm_rag.loaders.writer import one_line
from minicpm_rag.loaders.xml_parts import file_name, parsed_in_part

_ON_CONVERSATIONS = "go.microsoft.com/fwlink/?linkid=870924"  # the end of what it says
_SHEET = re.compile(rb"<(?:\w{1,20}:)?\w{0,9}sheet[\s>]")
_REFERENCE = re.compile(rb"<(?:\w{1,20}:)?(?:drawing|legacyDrawing)\s")
_SEARCHED_BYTES = 15_000_000  # of a sheet
_WITH_TEXT = frozenset(["worksheet", "chartsheet", "drawing", "chart", "chartEx", "comments"])  # kinds of relations


def related(archive: zipfile.ZipFile, part: str, damaged: list[str]) -> dict[str, tuple[str, str]]:
    """The kind and the name of each part that a part refers to, by identifier; one that is missing is `damaged`."""
    folder, name = posixpath.split(part)
    relations = f"{folder}/_rels/{name}.rels"
    found: dict[str, tuple[str, str]] = {}
    if relations not in archive.NameToInfo:
        return found
    known: dict[str, str] = {}  # made where a name is written otherwise
    root = _root(archive, relations, "Relationships", damaged)
    for relation in root if root is not None else ():
        if not isinstance(relation.tag, str) or relation.get("TargetMode") == "External":
            continue
        kind = str(relation.get("Type", "")).rsplit("/", 1)[-1]
        target = posixpath.normpath(posixpath.join(folder, str(relation.get("Target")))).lstrip("/")
        if target not in archive.NameToInfo:
            known = known or in_small_letters(archive.NameToInfo)
            target = known.get(target.lower(), target)
        if target in archive.NameToInfo:
            found[str(relation.get("Id"))] = kind, target
        elif kind in _WITH_TEXT:
            damaged.append(file_name(target))
    return found


def drawn_texts(archive: zipfile.ZipFile, sheet: str, damaged: list[str]) -> list[str]:
    """The texts of the boxes on a sheet, and the titles of its charts and of their axes; the numbers are in cells.

    What is damaged is read as far as it goes, and named in `damaged`.
    """
    found: list[str] = []
    for kind, drawing in related(archive, sheet, damaged).values():
        if kind != "drawing":
            continue
        root = _root(archive, drawing, "wsDr", damaged)
        if root is None:
            continue
        for body in root.iter("{*}txBody"):
            lines = ("".join(part.text or "" for part in line.iter("{*}t")) for line in body.iter("{*}p"))
            found.append("\n".join(line for line in lines if line.strip()))
        parts = related(archive, drawing, damaged)
        for named in root.iter("{*}chart"):
            identifier = next((value for name, value in named.attrib.items() if name.endswith("}id")), "")
            _, chart = parts.get(identifier, ("", ""))
            if not chart:
                damaged.append("chart")
            elif (chart_root := _root(archive, chart, "chartSpace", damaged)) is not None:
                found += titles_of(chart_root)
    return found


def texts_beside_cells(archive: zipfile.ZipFile, damaged: list[str]) -> dict[str, list[str]]:
    """What stands beside the cells of an xlsx file, by sheet title; of a chart sheet that is all."""
    parts = related(archive, "xl/workbook.xml", damaged)
    found: dict[str, list[str]] = {}
    book = _root(archive, "xl/workbook.xml", "workbook", damaged)
    for sheet in book.iter("{*}sheet") if book is not None else ():
        identifier = next((value for name, value in sheet.attrib.items() if name.endswith("}id")), "")
        _, part = parts.get(identifier, ("", ""))
        if not part:
            damaged.append(sheet.get("name", ""))
            continue
        if not _SHEET.search(Salvaged(archive, archive.getinfo(part)).read(4096)):
            damaged.append(file_name(part))
        elif _lacks_relations(archive, part):
            damaged.append(f"{file_name(part)}.rels")
        texts = [*_comments(archive, part, damaged), *drawn_texts(archive, part, damaged)]
        found.setdefault(sheet.get("name", ""), []).extend(texts)
    return found


def _comments(archive: zipfile.ZipFile, sheet: str, damaged: list[str]) -> Iterator[str]:
    """The comments of a sheet, each with its cell, row by row."""
    found: list[tuple[tuple[int, str], str]] = []
    for kind, part in related(archive, sheet, []).values():  # what is missing is named with the drawings
        root = _root(archive, part, "comments", damaged) if kind == "comments" else None
        for comment in root.iter("{*}comment") if root is not None else ():
            words = "".join(part.text or "" for part in comment.iterfind("{*}text//{*}t"))
            cell = comment.get("ref", "")
            letters = cell.rstrip("0123456789")
            place = number_of(cell[len(letters) :], 0), letters.rjust(3)
            if text := one_line(_own_words(words)):
                found.append((place, f"{cell}: {text}"))
    return (text for _, text in sorted(found, key=lambda each: each[0]))


def _own_words(comment: str) -> str:
    """A comment without what Excel puts before those of a conversation, for programs that do not know them."""
    _, told, words = comment.partition(_ON_CONVERSATIONS)
    label, _, text = words.strip().partition("\n")
    return text if told and label.endswith((":", "：")) else words if told else comment


def _lacks_relations(archive: zipfile.ZipFile, sheet: str) -> bool:
    """Whether a sheet names a drawing or comments, but the part that says where these are is missing."""
    folder, name = posixpath.split(sheet)
    member = archive.getinfo(sheet)
    if f"{folder}/_rels/{name}.rels" in archive.NameToInfo or member.file_size > _SEARCHED_BYTES:
        return False
    return bool(_REFERENCE.search(salvaged(archive, member)[0]))


def _root(archive: zipfile.ZipFile, part: str, expected: str, damaged: list[str]) -> Any:
    """The root element of a part, with what could be read; None where that is nothing. Another element is named."""
    content, is_whole = salvaged(archive, archive.getinfo(part))
    if not is_whole:
        damaged.append(file_name(part))
    root = parsed_in_part(content, part, damaged)
    if root is not None and root.tag.rsplit("}", 1)[-1] != expected:
        damaged.append(file_name(part))
    return root
