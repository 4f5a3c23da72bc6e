"""Mends Office files of which a part is damaged or missing, so that the rest of them can be read.

python-docx, python-pptx and openpyxl read all parts or none. So a damaged part is written anew as far as it can be
read, and what refers to a missing part is taken out. The parts that held text are named, to be told to the user.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Sequence
from typing import Any, BinaryIO

from minicpm_rag.loaders.archive import damaged, in_small_letters, salvaged
from minicpm_rag.loaders.files import loaded
from minicpm_rag.loaders.xml_parts import file_name, parsed_in_part, written
from minicpm_rag.messages import Message, joined
from minicpm_rag.records import LoadedFile, Page

_RELATIONS = "_rels/.rels"
CONTENT_TYPES = "[Content_Types].xml"
# Parts whose loss costs no text.
_WITHOUT_TEXT = re.compile(
    r"(?i)(?:^|/)(?:theme|docProps|media|customXml|printerSettings|slideLayouts|slideMasters|notesMasters"
    r"|handoutMasters|fonts|ctrlProps|revisions)/|/(?:fontTable|webSettings|settings|viewProps|presProps|tableStyles"
    r"|calcChain|vbaProject|vbaData|thumbnail|colors\d*|style\d+|stylesWithEffects)\.\w+$|^NULL$|^$"
)
_OF_WORKBOOK = "xl/_rels/workbook.xml.rels"
_SHARED_STRINGS = "xl/sharedStrings.xml"
_A_SHARED_STRING = re.compile(rb"\st=[\"']s[\"']")
_MOST_SHARED_STRINGS = 2_000_000
_SPACE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "application/vnd.openxmlformats-officedocument."
# The usual names of parts, the root element of each without its namespace, and its content type.
_KINDS = tuple(
    (re.compile(name), root, _OFFICE + kind)
    for name, root, kind in (
        (r"word/document\.xml", "document", "wordprocessingml.document.main+xml"),
        (r"word/styles\.xml", "styles", "wordprocessingml.styles+xml"),
        (r"word/numbering\.xml", "numbering", "wordprocessingml.numbering+xml"),
        (r"word/header\d*\.xml", "hdr", "wordprocessingml.header+xml"),
        (r"word/footer\d*\.xml", "ftr", "wordprocessingml.footer+xml"),
        (r"word/footnotes\.xml", "footnotes", "wordprocessingml.footnotes+xml"),
        (r"word/endnotes\.xml", "endnotes", "wordprocessingml.endnotes+xml"),
        (r"word/comments\.xml", "comments", "wordprocessingml.comments+xml"),
        (r"ppt/presentation\.xml", "presentation", "presentationml.presentation.main+xml"),
        (r"ppt/slides/slide\d+\.xml", "sld", "presentationml.slide+xml"),
        (r"ppt/notesSlides/notesSlide\d+\.xml", "notes", "presentationml.notesSlide+xml"),
        (r"ppt/slideLayouts/slideLayout\d+\.xml", "sldLayout", "presentationml.slideLayout+xml"),
        (r"ppt/slideMasters/slideMaster\d+\.xml", "sldMaster", "presentationml.slideMaster+xml"),
        (r"ppt/notesMasters/notesMaster\d+\.xml", "notesMaster", "presentationml.notesMaster+xml"),
        (r"(?:word|ppt|xl)/charts/chart\d+\.xml", "chartSpace", "drawingml.chart+xml"),
        (r"xl/workbook\.xml", "workbook", "spreadsheetml.sheet.main+xml"),
        (r"xl/worksheets/sheet\d+\.xml", "worksheet", "spreadsheetml.worksheet+xml"),
        (r"xl/sharedStrings\.xml", "sst", "spreadsheetml.sharedStrings+xml"),
        (r"xl/styles\.xml", "styleSheet", "spreadsheetml.styles+xml"),
    )
)
_MAIN = ("word/document.xml", "ppt/presentation.xml", "xl/workbook.xml")
_MAIN_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"


def loaded_in_part(
    title: str, pages: Sequence[Page], what: Message, damaged_parts: list[str], *notes: Message | None
) -> LoadedFile:
    """The pages that have text, with a note that names the damaged parts.

    Raises DocumentError where no page has text: because of these, if there are any.
    """
    if damaged_parts and not any(page.text.strip() for page in pages):
        raise damaged(what)
    names = list(dict.fromkeys(damaged_parts))
    note = Message("loaders.parts_damaged", names=names) if names else None
    return loaded(title, pages, note=joined(note, *notes))


def embedded_note(unread: list[str]) -> Message | None:
    """What the user is told of embedded parts that were not read; None where there are none."""
    return Message("loaders.embedded_not_read", names=list(dict.fromkeys(unread))) if unread else None


def mended(archive: zipfile.ZipFile, damaged_parts: list[str]) -> dict[str, bytes]:
    """The parts of a file that can be read, mended; names in `damaged_parts` those of which text may be lost."""
    members: dict[str, bytes] = {}
    broken: dict[str, None] = {}  # full names
    for member in archive.infolist():
        content, is_whole = salvaged(archive, member)
        if member.filename.endswith((".xml", ".rels")):
            names: list[str] = []
            root = parsed_in_part(content, member.filename, names)
            is_whole = is_whole and not names
            if root is None or not _is_root_of(member.filename, root):
                broken[member.filename] = None
                continue
            content = written(root) if names else content
        if not is_whole:
            broken[member.filename] = None
        members[member.filename] = content
    members[_RELATIONS] = _with_main_part(members)
    known = in_small_letters(members)
    for name in [name for name in members if name.endswith(".rels")]:
        members[name] = _without_missing(name, members[name], known, broken)
    members[CONTENT_TYPES] = _with_all_types(members)
    if any(file_name(name) == "sharedStrings.xml" for name in broken):
        members[_SHARED_STRINGS] = _with_all_strings(members)
    damaged_parts += dict.fromkeys(file_name(name) for name in broken if not _WITHOUT_TEXT.search(name))
    return members


def missing_parts(archive: zipfile.ZipFile) -> list[str]:
    """The file names of the parts that are referred to but not there, other than those that hold no text."""
    broken: dict[str, None] = {}
    known = in_small_letters(archive.namelist())
    for name in [name for name in known.values() if name.endswith(".rels")]:
        _without_missing(name, salvaged(archive, archive.getinfo(name))[0], known, broken)
    return [file_name(name) for name in broken if not _WITHOUT_TEXT.search(name)]


def packed(members: dict[str, bytes]) -> BinaryIO:
    """The parts as a zip file in memory."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    target.seek(0)
    return target


def _without_missing(name: str, content: bytes, known: dict[str, str], broken: dict[str, None]) -> bytes:
    """The relations of a part without those to parts that are not there; these join `broken`."""
    root = parsed_in_part(content, name, [])
    if root is None:
        return content
    folder = posixpath.dirname(posixpath.dirname(name))
    is_changed = False
    for relation in list(root):
        if not isinstance(relation.tag, str) or relation.get("TargetMode") == "External":
            continue
        address = relation.get("Target", "")
        target = posixpath.normpath(posixpath.join("/", folder, address)).lstrip("/")
        found = known.get(target.lower())
        if found == target or address.startswith("#"):
            continue
        is_changed = True
        if found is not None:
            relation.set("Target", f"/{found}")
            continue
        if name != _OF_WORKBOOK:  # openpyxl passes a missing sheet over, but wants its relation
            root.remove(relation)
        if address not in ("", "NULL"):
            broken[target] = None
    return written(root) if is_changed else content


def _is_root_of(name: str, root: Any) -> bool:
    """Whether a part has the root element that a part of its name should have."""
    own = root.tag.rsplit("}", 1)[-1] if isinstance(root.tag, str) else ""
    if name.endswith(".rels"):
        return own == "Relationships"
    if name == CONTENT_TYPES:
        return own == "Types"
    return all(own == expected for pattern, expected, _ in _KINDS if pattern.fullmatch(name))


def _with_main_part(members: dict[str, bytes]) -> bytes:
    """The relations of the file itself, with one to its main part."""
    from lxml import etree

    root = etree.fromstring(members.get(_RELATIONS, f'<Relationships xmlns="{_SPACE}/relationships"/>'.encode()))
    main = next((name for name in _MAIN if name in members), "")
    if main and not any(str(relation.get("Type", "")).endswith("/officeDocument") for relation in root):
        tag = f"{{{_SPACE}/relationships}}Relationship"
        etree.SubElement(root, tag, Id="rIdMain", Type=_MAIN_RELATION, Target=main)
    return written(root)


def _with_all_types(members: dict[str, bytes]) -> bytes:
    """The content types, with one for each part: by the names that Office gives parts, where none is written."""
    from lxml import etree

    space = f"{_SPACE}/content-types"
    root = etree.fromstring(members.get(CONTENT_TYPES, f'<Types xmlns="{space}"/>'.encode()))
    for found in list(root):
        if not found.get("ContentType") or not (found.get("PartName") or found.get("Extension")):  # cut off
            root.remove(found)
    own = {str(found.get("PartName", "")).lower() for found in root.iter(f"{{{space}}}Override")}
    endings = {str(found.get("Extension", "")).lower() for found in root.iter(f"{{{space}}}Default")}
    for name in members:
        kind = next((kind for pattern, _, kind in _KINDS if pattern.fullmatch(name)), "")
        if kind and f"/{name.lower()}" not in own:
            etree.SubElement(root, f"{{{space}}}Override", PartName=f"/{name}", ContentType=kind)
        ending = file_name(name).rsplit(".", 1)[-1].lower()
        if ending not in endings:
            endings.add(ending)
            usual = {"rels": "application/vnd.openxmlformats-package.relationships+xml", "xml": "application/xml"}
            kind = usual.get(ending, "application/octet-stream")
            etree.SubElement(root, f"{{{space}}}Default", Extension=ending, ContentType=kind)
    return written(root)


def _with_all_strings(members: dict[str, bytes]) -> bytes:
    """The texts that cells share, with an empty one for each that is lost: cells name them by their numbers."""
    from lxml import etree

    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    root = etree.fromstring(members.get(_SHARED_STRINGS, f'<sst xmlns="{space}"/>'.encode()))
    used = sum(
        len(_A_SHARED_STRING.findall(content)) for name, content in members.items() if name.startswith("xl/worksheets/")
    )
    for _ in range(min(used, _MOST_SHARED_STRINGS) - len(root)):
        etree.SubElement(root, f"{{{space}}}si")
    return written(root)
