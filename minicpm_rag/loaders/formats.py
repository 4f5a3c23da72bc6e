"""The formats that can be read: what a file may be, the endings of its name, and its reader.

To add a format, write its reader into a module of this folder and add a line to FORMATS. A reader takes the path and
returns a LoadedFile; `files` has what readers share. Where a file's content tells its format whatever its name is,
`kinds` needs the sign (for a zip file it is enough to name one of its parts in the table).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from minicpm_rag.records import LoadedFile


@dataclass(frozen=True)
class Format:
    """A line of the table."""

    reader: str  # "module.function" in this folder; imported when first needed
    endings: str  # of file names, without the dot
    what: str = ""  # for formats told by content: key of the message that says what such a file is called
    part: str = ""  # for zip files: members of which every file of this format has one
    has_scans: bool = False  # its reader takes `ocr` and `recognised` too, as `load_file` does
    may_be_encrypted: bool = False  # its reader takes `password` too, "" where none was given

    @property
    def suffixes(self) -> frozenset[str]:
        """The endings with their dot."""
        return frozenset(f".{ending}" for ending in self.endings.split())


FORMATS: dict[str, Format] = {
    "pdf": Format("pdf.read", "pdf", what="loaders.pdf", has_scans=True, may_be_encrypted=True),
    "picture": Format("picture.read", "png jpg jpeg webp bmp tif tiff gif", what="loaders.picture", has_scans=True),
    "docx": Format("word.read", "docx docm dotx dotm", what="loaders.word_document", part="word/document.xml"),
    "pptx": Format(
        "slides.read", "pptx pptm ppsx ppsm potx potm", what="loaders.presentation", part="ppt/presentation.xml"
    ),
    "xlsx": Format(
        "sheets.read",
        "xlsx xlsm xltx xltm xlsb xls xlt et ods ots",
        what="loaders.workbook",
        part="xl/workbook.xml xl/workbook.bin",
    ),
    "doc": Format("conversion.read_document", "doc dot wps wpt", what="loaders.word_document"),
    "ppt": Format("conversion.read_presentation", "ppt pps pot dps dpt", what="loaders.presentation"),
    "odt": Format("opendocument.read_text", "odt ott", what="loaders.text_document"),
    "odp": Format("opendocument.read_slides", "odp otp", what="loaders.presentation"),
    "fodt": Format("opendocument.read_flat_text", "fodt"),
    "fodp": Format("opendocument.read_flat_slides", "fodp"),
    "fods": Format("sheets.read_flat", "fods"),
    "rtf": Format("rich_text.read", "rtf", what="loaders.rich_text_file"),
    "msg": Format("mail.outlook.read", "msg", what="loaders.mail"),
    "calendar": Format("calendars.read", "ics vcs vcf"),
    "subtitles": Format("subtitles.read", "vtt srt"),
    "epub": Format("book.read", "epub", what="loaders.book", part="META-INF/container.xml"),
    "mobi": Format("mobi.read", "mobi azw azw3 prc pdb", what="loaders.book"),
    "html": Format("html.read", "html htm xhtml"),
    "svg": Format("drawn.read", "svg svgz", what="loaders.drawing"),
    "mhtml": Format("mail.read_saved_page", "mhtml mht"),
    "eml": Format("mail.read", "eml"),
    "mbox": Format("mail.mailbox.read", "mbox mbx", what="loaders.mailbox"),
    "markdown": Format("text.read_markdown", "md markdown"),
    "rst": Format("text.read_restructured", "rst"),
    "csv": Format("separated.read", "csv"),
    "tsv": Format("separated.read_tabbed", "tsv"),
    "json": Format("data.read_json", "json"),
    "jsonl": Format("data.read_json_lines", "jsonl ndjson"),
    "notebook": Format("data.read_notebook", "ipynb"),
    "text": Format(
        "text.read_plain",
        """
        txt text log tex adoc org
        py pyi js mjs cjs ts jsx tsx java kt scala groovy c h cc cpp cxx hpp cs go rs swift m mm rb php pl lua r
        jl dart hs ml clj ex exs erl sh bash zsh bat ps1 sql vue svelte css scss less xml xsl yaml yml toml ini
        cfg conf env properties proto graphql cmake gradle dockerfile makefile
        """,
    ),
}

KIND_BY_SUFFIX = {suffix: kind for kind, entry in FORMATS.items() for suffix in entry.suffixes}
SUFFIXES = frozenset(KIND_BY_SUFFIX)


def reader_of(kind: str) -> Callable[..., LoadedFile]:
    """The function that reads files of a kind."""
    module, _, function = FORMATS[kind].reader.rpartition(".")
    reader: Callable[..., LoadedFile] = getattr(importlib.import_module(f"minicpm_rag.loaders.{module}"), function)
    return reader
