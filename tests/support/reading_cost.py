"""What reading files in child processes costs an ingest: one folder, read in children and in this process in turn.

`python tests/support/reading_cost.py [FOLDER] --times 5`; without a folder it makes one of 12 files a copy. Real parts.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import psutil
from library_parts import write_files
from office_files import make_docx, make_pptx, make_xlsx

from minicpm_rag import indexing, loaders
from minicpm_rag.embedding.choice import DEFAULT, load_embedders
from minicpm_rag.library import Library
from minicpm_rag.loaders import isolated
from minicpm_rag.records import LoadedFile

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"


def make_folder(folder: Path, copies: int) -> None:
    """Copies of the project's own documents, small texts, and Office files; no two have the same bytes."""
    write_files(folder, 6 * copies)
    for number in range(copies):
        for path in KNOWLEDGE.iterdir():
            if path.suffix in (".md", ".txt", ".csv", ".html"):
                (folder / f"{number} {path.name}").write_bytes(path.read_bytes() + f"\n\nCopy {number}.\n".encode())
    make_docx(folder / "a.docx"), make_pptx(folder / "a.pptx"), make_xlsx(folder / "a.xlsx")
    shutil.copy(next(KNOWLEDGE.glob("*.pdf")), folder)


def ingest_seconds(folder: Path, home: Path) -> tuple[float, float, int]:
    """Seconds, processor seconds of this process and its children, and files of one ingest into a new home."""
    embedders = load_embedders(DEFAULT, home.parent / "models")
    embedders.default.embed_documents(["warm"])
    with Library(home, embedder=embedders.default) as library, indexing.Worker(library):
        began, busy = time.perf_counter(), _processor_seconds()
        job = indexing.submit_ingest(library, "default", [folder])
        files = sum(one.verdict is not None for one in indexing.follow(library, job))
        return time.perf_counter() - began, _processor_seconds() - busy, files


def _processor_seconds() -> float:
    """Of this process and its children: those that live on from one file to the next, and those that have ended."""
    process = psutil.Process()
    return sum(sum(one.cpu_times()[:4]) for one in (process, *process.children()))


def main() -> None:
    """Measure, in turn so that a busy machine is busy for both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--copies", type=int, default=10)
    wanted = parser.parse_args()
    in_children = isolated.load_file

    def here(path: Path, *, ocr: bool = True, password: str = "") -> LoadedFile:
        return loaders.load_file(path, ocr=ocr, password=password)

    ways: dict[str, Callable[..., LoadedFile]] = {"in children": in_children, "in process": here}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    busy: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as top:
        folder = wanted.folder or Path(top) / "files"
        if wanted.folder is None:
            make_folder(folder, wanted.copies)
        for turn in range(wanted.times + 1):
            for way in sorted(ways, reverse=bool(turn % 2)):
                isolated.load_file = ways[way]
                took, processor, files = ingest_seconds(folder, Path(top) / f"{way} {turn}")
                if turn:  # the first time of each is for imports
                    seconds[way].append(took)
                    busy[way].append(processor)
                sys.stderr.write(f"{way}: {took:.2f} s, of processors {processor:.2f} s, {files} files\n")
    for what, measured in (("time", seconds), ("processor time", busy)):
        medians = {way: median(took) for way, took in measured.items()}
        lost = medians["in children"] / medians["in process"] - 1
        sys.stdout.write(f"{files} files, {what}: {medians}; reading in children costs {lost:+.1%}\n")


if __name__ == "__main__":
    main()
