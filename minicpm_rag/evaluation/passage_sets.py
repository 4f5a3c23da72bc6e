"""Fill a library with passages from JSON Lines, so that retrieval can be measured on a public question set.

Each passage becomes a file of its own and goes the way of every file: read, cut, embedded, stored.
"""

from __future__ import annotations

import html
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from minicpm_rag.errors import DocumentError
from minicpm_rag.messages import Message, reason_of

if TYPE_CHECKING:
    from minicpm_rag.indexing import Worker
    from minicpm_rag.library import Library


def write_passages(files: Sequence[Path], folder: Path, *, absent: float = 0.0, seed: int = 0) -> set[str]:
    """Write each passage (`id`, `title`, `text`) as an HTML file named by its id; return the ids written.

    With `absent`, that share of the titles is left out: the questions about them have no answer then.
    """
    passages = [passage for file in files for passage in _read(file)]
    titles = sorted({passage["title"] or passage["id"] for passage in passages})
    left_out = set(random.Random(seed).sample(titles, round(absent * len(titles))))
    written: set[str] = set()
    for passage in passages:
        if (passage["title"] or passage["id"]) in left_out:
            continue
        # A heading, because only headings are indexed with every chunk: a <title> counts for web addresses alone.
        heading = f"<h1>{html.escape(passage['title'])}</h1>" if passage["title"] else ""
        page = f'<!doctype html><meta charset="utf-8">{heading}<p>{html.escape(passage["text"])}</p>'
        (folder / f"{passage['id']}.html").write_text(page, encoding="utf-8")
        written.add(passage["id"])
    return written


def ingest_folder(
    library: Library, worker: Worker, knowledge_base: str, folder: Path, on_file: Callable[[], object]
) -> None:
    """Ingest the folder and wait for it; raises DocumentError naming the first file that failed."""
    from minicpm_rag.indexing import follow, submit_ingest

    worker.start()
    for progress in follow(library, submit_ingest(library, knowledge_base, [folder])):
        if progress.verdict is not None:
            on_file()
            if progress.verdict.status == "failed":
                failed = Message(
                    "evaluation.passage_not_ingested", source=progress.verdict.source, reason=progress.verdict.reason
                )
                raise DocumentError(failed, progress.verdict.remedy)


def _read(file: Path) -> list[dict[str, str]]:
    try:
        entries = [json.loads(line) for line in file.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
        return [{key: str(entry[key]) for key in ("id", "title", "text")} for entry in entries]
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise DocumentError("evaluation.passages_unreadable", file=file, why=reason_of(exc)) from exc
