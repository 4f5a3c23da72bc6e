"""A soak: thousands of questions from several threads while files are ingested behind them; what grows is a leak.

`python tests/support/soak.py 3000` prints memory, open files, threads and child processes as it goes, and fails where a
question fails or one of them grows. Real parts: Chroma, SQLite, the packaged embedder and reader, child processes. With
`--light` the tests' embedder stands in for the packaged ones: everything but onnxruntime, in a tenth of the time.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from statistics import median

import psutil
from hashed_embedder import HashedEmbedder
from library_parts import write_files

from minicpm_rag import indexing
from minicpm_rag.embedding import choice
from minicpm_rag.records import Answer
from minicpm_rag.settings import load_settings
from minicpm_rag.workspace import Workspace, open_workspace

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"
QUESTIONS = [
    "工龄满十年的员工年假有多少天？", "报销单要在出差结束后多少天内提交？", "第2号仪器的保修期是几个月？",
    "How long does the battery of the AirLeaf 200 last?", "How often is instrument 3 calibrated?",
    "What is the capital of France?", "part number P300", "谁负责记录零件8号的校准？", "x" * 500,
    "和去年相比有什么变化？",
]  # fmt: skip
PAUSE_SECONDS = 3.0  # between two ingests


@dataclass(frozen=True)
class Sample:
    """What this process holds at a moment."""

    questions: int
    seconds: float
    megabytes: float
    descriptors: int
    threads: int
    children: int


@dataclass
class Soak:
    """What a run measured: samples, questions that failed with their errors, jobs done behind."""

    samples: list[Sample]
    errors: list[str]
    ingests: int = 0

    def growth(self) -> dict[str, float]:
        """By what each thing grew: the median of the last third of samples less that of the middle third."""
        third = len(self.samples) // 3
        return {
            name: median(getattr(one, name) for one in self.samples[-third:])
            - median(getattr(one, name) for one in self.samples[third : 2 * third])
            for name in ("megabytes", "descriptors", "threads", "children")
        }


def run(home: Path, questions: int, threads: int = 5, samples: int = 30) -> Soak:
    """Ask that many questions of a library in `home` that is being written all the time."""
    folder = home.parent / "files"
    write_files(folder, 20)
    soak = Soak([], [])
    ended = threading.Event()
    began = time.monotonic()
    numbers = itertools.count(1)
    with open_workspace(load_settings(home=home)) as workspace, indexing.Worker(workspace.library):
        _ingest(workspace, KNOWLEDGE, folder)
        chain = workspace.chain()
        chain.invoke({"question": QUESTIONS[0]})
        behind = threading.Thread(target=_ingest_on, args=(workspace, folder, ended, soak), name="behind")
        behind.start()

        def ask(_: int) -> None:
            number = next(numbers)
            try:
                answer = workspace.chain().invoke({"question": QUESTIONS[number % len(QUESTIONS)]})
                assert isinstance(answer, Answer) and answer.mode in ("extractive", "refused"), answer
            except Exception as exc:
                soak.errors.append(f"question {number}: {exc!r}")
            if number % max(1, questions // samples) == 0:
                soak.samples.append(_sample(number, time.monotonic() - began))
                sys.stderr.write(f"{soak.samples[-1]}\n")

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(ask, range(questions)))
        ended.set()
        behind.join()
    soak.samples.sort(key=lambda one: one.seconds)
    return soak


def _ingest(workspace: Workspace, *sources: Path) -> None:
    job = indexing.submit_ingest(workspace.library, workspace.settings.knowledge_base, sources)
    for _ in indexing.follow(workspace.library, job):
        pass


def _ingest_on(workspace: Workspace, folder: Path, ended: threading.Event, soak: Soak) -> None:
    """Change files, ingest them, remove one: always the same amount in the end, so that nothing has to grow."""
    paths = sorted(folder.iterdir())
    for turn in itertools.count():
        if ended.wait(PAUSE_SECONDS):
            return
        try:
            for path in paths[turn % 10 :: 10]:
                text = path.read_text(encoding="utf-8").partition("\n\nTurn ")[0]
                path.write_text(f"{text}\n\nTurn {turn} of the record keeper.", encoding="utf-8")
            _ingest(workspace, folder)
            gone = [str(paths[turn % len(paths)])]
            job = indexing.submit_remove(workspace.library, workspace.settings.knowledge_base, gone)
            for _ in indexing.follow(workspace.library, job):
                pass
            soak.ingests += 1
        except Exception as exc:
            soak.errors.append(f"ingest {turn}: {exc!r}")


def _sample(questions: int, seconds: float) -> Sample:
    process = psutil.Process()
    descriptors = process.num_fds() if hasattr(process, "num_fds") else process.num_handles()
    memory = process.memory_info().rss / 1e6
    return Sample(questions, seconds, memory, descriptors, process.num_threads(), len(process.children()))


def main() -> None:
    """Run a soak and say what it held; exit 1 where a question failed or something grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("questions", type=int, nargs="?", default=3000)
    parser.add_argument("--threads", type=int, default=5)
    parser.add_argument("--light", action="store_true")
    wanted = parser.parse_args()
    if wanted.light:
        choice.load_embedders = lambda *_: choice.Embedders(HashedEmbedder())  # type: ignore[arg-type,assignment]
    with tempfile.TemporaryDirectory() as folder:
        soak = run(Path(folder) / "home", wanted.questions, wanted.threads)
    rows = [
        [field.name for field in fields(Sample)],
        *([f"{value:.0f}" for value in astuple(one)] for one in soak.samples),
    ]
    growth = soak.growth()
    lines = ["".join(f"{cell:>12}" for cell in row) for row in rows]
    lines.append(f"{soak.ingests} ingests behind, {len(soak.errors)} errors, growth of the last third: {growth}")
    lines += soak.errors[:9]
    sys.stdout.write("\n".join(lines) + "\n")
    largest = median(one.megabytes for one in soak.samples)
    grew = growth["megabytes"] > largest * 0.05
    grew = grew or any(growth[name] > 2 for name in ("descriptors", "threads", "children"))
    sys.exit(bool(soak.errors) or grew)


if __name__ == "__main__":
    main()
