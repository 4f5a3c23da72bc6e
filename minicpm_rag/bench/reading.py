"""Measures the readers on a folder of files: what fails, how much of the text comes out, in which order, how fast.

References: `pdftotext`, where it is installed, for PDF; the texts in the XML of Office files. Structure is compared
with a Markdown file of the same name, beside the file or in a folder `groundtruth` beside its folder.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import time
import zipfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import SUFFIXES, isolated
from minicpm_rag.records import LoadedFile
from minicpm_rag.text.scripts import HAN, HANGUL, KANA

_REFERENCE_SECONDS = 120
GOOD_RECALL = 0.95
_FEWEST_TOKENS = 20  # of a reference: a share of fewer says little
_CRASHES = frozenset(["loaders.reader_died", "loaders.reader_failed", "loaders.needs_memory"])
_HANGS = frozenset(["loaders.reader_overran"])
_TOKEN = re.compile(rf"[{HAN}{KANA}{HANGUL}]|[^\W_{HAN}{KANA}{HANGUL}]+")
# Elements with text, by the parts of a zip file that hold them
_PARTS = {
    "docx": (r"word/document\.xml", rb"<(?:\w+:)?(?:t|delText)(?: [^>]*)?>([^<]*)<"),
    "pptx": (r"ppt/slides/slide\d+\.xml", rb"<(?:\w+:)?t(?: [^>]*)?>([^<]*)<"),
    "xlsx": (r"xl/sharedStrings\.xml", rb"<(?:\w+:)?t(?: [^>]*)?>([^<]*)<"),
}
_BREAKS = re.compile(rb"</(?:\w+:)?(?:p|si|tc)>|<(?:\w+:)?(?:br|tab)/>")


@dataclass
class Measured:
    """What the files of one format came to; shares are 0..1, one for each file that has a reference."""

    format: str
    files: int = 0
    read: int = 0
    refused: int = 0
    crashed: int = 0
    hung: int = 0
    recall: list[float] = field(default_factory=list)
    order: list[float] = field(default_factory=list)
    headings_found: int = 0
    headings: int = 0
    rows_exact: int = 0
    rows: int = 0
    pages: int = 0
    seconds: float = 0.0
    raw_seconds: float = 0.0  # of pypdfium2 for the same pages
    failed: list[tuple[str, str]] = field(default_factory=list)  # crashes and hangs: what was said, and of which file
    worst: list[tuple[float, str]] = field(default_factory=list)  # recall and name where it is below GOOD_RECALL


def measure(folder: Path, following: Callable[[int, int, Path], None], *, ocr: bool = False) -> list[Measured]:
    """Read every file under a folder in child processes, and compare; `following` is told number, total and file."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in SUFFIXES)
    paths = [path for path in paths if "groundtruth" not in path.parts]
    if paths:  # the first child takes a second to start
        _measure_file(paths[0], Measured(""), ocr=False)
    found: dict[str, Measured] = {}
    for number, path in enumerate(paths, start=1):
        following(number, len(paths), path)
        name = path.suffix.lower().lstrip(".")
        _measure_file(path, found.setdefault(name, Measured(name)), ocr)
    return [found[name] for name in sorted(found)]


def tenth(shares: Sequence[float]) -> float:
    """The tenth percentile."""
    return sorted(shares)[len(shares) // 10]


def _measure_file(path: Path, measured: Measured, ocr: bool) -> None:
    measured.files += 1
    begun = time.perf_counter()
    try:
        loaded = isolated.load_file(path, ocr=ocr)
    except DocumentError as exc:
        keys = {exc.reason.key}
        if keys & (_CRASHES | _HANGS):
            measured.failed.append((str(exc.reason), path.name))
        measured.crashed += bool(keys & _CRASHES)
        measured.hung += bool(keys & _HANGS)
        measured.refused += not keys & (_CRASHES | _HANGS)
        return
    seconds = time.perf_counter() - begun
    measured.read += 1
    raw_seconds = _raw_pdf_seconds(path) if measured.format == "pdf" else 0.0
    if raw_seconds:
        measured.pages += loaded.pages_present
        measured.seconds += seconds
        measured.raw_seconds += raw_seconds
    text = "\n".join(page.text for page in loaded.pages)
    reference = _reference(path, measured.format)
    expected = tokens_of(reference)
    if len(expected) >= _FEWEST_TOKENS:
        own = tokens_of(text)
        measured.recall.append(recall(expected, own))
        measured.order.append(order(expected, own))
        if measured.recall[-1] < GOOD_RECALL:
            measured.worst.append((measured.recall[-1], path.name))
    truth = _truth(path)
    if truth:
        _compare_structure(loaded, truth, measured)


def tokens_of(text: str) -> list[str]:
    """Words in lower case, and single Han characters."""
    return _TOKEN.findall(text.lower())


def recall(expected: Iterable[str], own: Iterable[str]) -> float:
    """The share of the expected tokens that are there, each as often as expected."""
    wanted = Counter(expected)
    return (wanted & Counter(own)).total() / max(1, wanted.total())


def order(expected: Sequence[str], own: Sequence[str]) -> float:
    """The share of the tokens that both have exactly once and that stand in the same order in both."""
    once = {token for token, count in Counter(own).items() if count == 1}
    place = {token: position for position, token in enumerate(own) if token in once}
    single = Counter(expected)
    places = [place[token] for token in expected if token in once and single[token] == 1]
    if not places:
        return 1.0
    ends: list[int] = []  # the last of the best rising sequence of each length
    for position in places:
        at = bisect_left(ends, position)
        ends[at : at + 1] = [position]
    return len(ends) / len(places)


def _raw_pdf_seconds(path: Path) -> float:
    """What pypdfium2 alone takes for the text; 0 where the file is no PDF, whatever its name is."""
    import pypdfium2

    begun = time.perf_counter()
    try:
        with closing(pypdfium2.PdfDocument(str(path))) as document:
            for page in document:
                page.get_textpage().get_text_bounded()
    except pypdfium2.PdfiumError:
        return 0.0
    return time.perf_counter() - begun


def _reference(path: Path, name: str) -> str:
    """The text of a file by other means; "" where there are none."""
    if name == "pdf":
        program = shutil.which("pdftotext")
        if program is None:
            return ""
        command = [program, "-q", "-enc", "UTF-8", str(path), "-"]
        done = subprocess.run(command, capture_output=True, timeout=_REFERENCE_SECONDS, check=False)
        return done.stdout.decode("utf-8", errors="replace")
    if name not in _PARTS:
        return ""
    part, element = _PARTS[name]
    texts = []
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.namelist()):
            if re.fullmatch(part, member):
                paragraphs = _BREAKS.split(archive.read(member))
                texts += [b"".join(re.findall(element, paragraph)) for paragraph in paragraphs]
    return html.unescape(b"\n".join(texts).decode("utf-8", errors="replace"))


def _truth(path: Path) -> str:
    for place in (path.with_suffix(".md"), path.parents[1] / "groundtruth" / f"{path.stem}.md"):
        if place != path and place.is_file():
            return place.read_text(encoding="utf-8", errors="replace")
    return ""


def _compare_structure(loaded: LoadedFile, truth: str, measured: Measured) -> None:
    headings = [_bag(line.lstrip("# ")) for line in truth.splitlines() if re.match(r"#{1,6} ", line)]
    own = Counter(_bag(heading.text) for page in loaded.pages for heading in page.headings)
    measured.headings += len(headings)
    measured.headings_found += (Counter(headings) & own).total()
    rows = list(_rows(truth))
    tables = (page.text[table.start : table.end] for page in loaded.pages for table in page.tables)
    own_rows = Counter(row for table in tables for row in _rows(table))
    measured.rows += len(rows)
    measured.rows_exact += (Counter(rows) & own_rows).total()


def _rows(markdown: str) -> Iterator[tuple[str, ...]]:
    """The rows of a text's tables, each cell without what is no letter or digit."""
    for line in markdown.splitlines():
        if line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line):
            cells = ["".join(tokens_of(cell)) for cell in line.strip().strip("|").split("|")]
            while cells and not cells[-1]:
                cells.pop()
            yield tuple(cells)


def _bag(heading: str) -> str:
    """A heading's letters and digits in one order: where its number stands differs."""
    return "".join(sorted("".join(tokens_of(heading))))
