"""What tests of the library share: a library with its worker, and short ways to put jobs through it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import stores  # noqa: F401 (a child process of a test uses its store)
from hashed_embedder import HashedEmbedder

from minicpm_rag import indexing as worker
from minicpm_rag.answering import AnswerChain, build_chain
from minicpm_rag.indexing import Worker
from minicpm_rag.indexing.owner import RECORD_SECONDS
from minicpm_rag.library import Library
from minicpm_rag.records import ChunkSize, Verdict
from minicpm_rag.retrieval import HybridRetriever

KB = "知识库 #1"


@contextmanager
def opened(
    home: Path, embedder: HashedEmbedder | None = None, chroma_url: str | None = None, *, chunk_characters: int = 350
) -> Iterator[Library]:
    """A library that this process works on."""
    with (
        Library(home, embedder=embedder or HashedEmbedder(), chroma_url=chroma_url) as library,  # type: ignore[arg-type]
        Worker(library, ChunkSize(chunk_characters)),
    ):
        yield library


def done(library: Library, job: int) -> list[Verdict]:
    """The verdicts of a job, once it is done."""
    return [progress.verdict for progress in worker.follow(library, job) if progress.verdict is not None]


def ingest(library: Library, *sources: Path | str, kb: str = KB, sync: bool = False) -> dict[str, Verdict]:
    """Ingest, and the verdicts by file name."""
    return by_name(done(library, worker.submit_ingest(library, kb, sources, sync=sync)))


def remove(library: Library, *sources: Path | str, kb: str = KB) -> list[Verdict]:
    return done(library, worker.submit_remove(library, kb, [str(source) for source in sources]))


def by_name(verdicts: Sequence[Verdict]) -> dict[str, Verdict]:
    return {verdict.source.rpartition("/")[2]: verdict for verdict in verdicts}


def found(library: Library, question: str, kb: str = KB) -> set[str]:
    """The titles of the documents that either search brings up among its first three."""
    assert library.embedder is not None
    names = [name for name, _ in library.dense_search(kb, library.embedder.embed_query(question), 3)]
    names += [name for name, _ in library.keyword_search(kb, question, 3)]
    return {document.metadata["title"] for document in library.passages(kb, names)}


def contents(library: Library, kb: str = KB) -> dict[str, Any]:
    """Everything a knowledge base holds, without the row numbers, which a retried write uses up."""
    held: dict[str, Any] = {}
    for row in library.documents(kb):
        chunks = library.passages(kb, library.chunk_ids(row.id))
        held[row.source] = {
            "status": row.status,
            "bytes": row.sha256,
            "names": row.other_names,
            "pages": library.page_texts(row.id),
            "chunks": [(chunk.page_content, chunk.metadata["page"], chunk.metadata["start"]) for chunk in chunks],
            "token signs": list(library.token_signs(library.chunk_ids(row.id)).values()),
        }
    return held


def wait_for_the_wish(home: Path) -> None:
    """Return once somebody's wish to cancel a job has been written down, and the owner will look again."""
    with closing(sqlite3.connect(home / "ledger.sqlite3")) as ledger:
        while not ledger.execute("SELECT 1 FROM jobs WHERE cancel_requested").fetchone():
            time.sleep(0.02)
    time.sleep(1.5 * RECORD_SECONDS)


def write_files(folder: Path, count: int = 6) -> list[Path]:
    """Half Chinese, half English text files, each about its own subject."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(count):
        zh = number % 2 == 0
        path = folder / (f"说明{number:02}.txt" if zh else f"note{number:02}.md")
        line = (
            f"第{number}号仪器的保修期是{number + 2}个月。编号为零件{number}号的部件需要每年校准一次，并由专人记录。"
            if zh
            else f"Instrument {number} is calibrated every {number + 2} months. Its part is P{number}00. "
        )
        path.write_text("\n\n".join(f"{line} {number}-{part}" for part in range(20)), encoding="utf-8")
        files.append(path)
    return files


@contextmanager
def asked_over(folder: Path, files: Mapping[str, str]) -> Iterator[AnswerChain]:
    """What answers, without a model, from text files of these names and contents."""
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    with opened(folder / "home") as library:
        ingest(library, *(folder / name for name in files))
        yield build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))
