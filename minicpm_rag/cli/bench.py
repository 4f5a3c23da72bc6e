"""`bench decode`, `bench cpu`: how fast a model decodes here; `bench loaders`: what the readers make of a folder;
`bench page`, `bench search`, `bench ingest`: how quick the page, a large library and reading files in are. The rest of
`bench` is in bench_goals.py.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click

from minicpm_rag.cli import bench_goals
from minicpm_rag.cli.language import said, t
from minicpm_rag.cli.tables import aligned, echo_json, echo_table, printable

if TYPE_CHECKING:
    from minicpm_rag.bench import Row
    from minicpm_rag.bench.cpu import CpuRow
    from minicpm_rag.bench.reading import Measured

# Widths of the columns, left-aligned where negative: a line is printed as soon as it is measured.
_DECODE_WIDTHS = (-50, 9, 6, 8, 10, 8, -1)
_CPU_WIDTHS = (-28, 9, 9, 6, 11, 10, 15, 18)


@click.group(help="bench.help")
def bench() -> None:
    """Measure models and readers on this machine."""


@bench.command(help="bench.decode")
@click.option("--model", "folder", type=click.Path(path_type=Path), help="bench.model")
@click.option("--random-weights", "name", help="bench.random_weights")
@click.option("--quotes", type=click.Path(path_type=Path), multiple=True, help="bench.quotes")
@click.option("--tokenizer", type=click.Path(path_type=Path), help="bench.tokenizer")
@click.option("--no-baselines", is_flag=True, help="bench.no_baselines")
def decode(
    folder: Path | None,
    name: str | None,
    quotes: tuple[Path, ...],
    tokenizer: Path | None,
    no_baselines: bool,
) -> None:
    """Measure decoding on the GPU: the tutorial's loop, transformers' static cache, ours."""
    import torch

    from minicpm_rag import bench as measures
    from minicpm_rag.bench.quotes import quoting_answers
    from minicpm_rag.llm.checkpoint import load_model, load_tokenizer
    from minicpm_rag.llm.decoding import supports

    if not torch.cuda.is_available():
        raise click.UsageError(t("bench.no_gpu"))
    if (folder is None) == (name is None):
        raise click.UsageError(t("bench.which_model"))
    if folder is not None:
        model = load_model(folder, device="cuda")
    else:
        model = measures.random_model(name or "", "cuda", torch.bfloat16)
    if not supports(model):
        raise click.UsageError(t("bench.not_served"))
    reader = tokenizer or folder
    answers = []
    for source in quotes:
        if reader is None:
            raise click.UsageError(t("bench.tokenizer_needed"))
        answers += quoting_answers(load_tokenizer(reader), source, 12)
    bandwidth = measures.read_bandwidth("cuda")
    weight_bytes = sum(parameter.nbytes for parameter in model.parameters())
    limit = bandwidth / weight_bytes
    card = torch.cuda.get_device_name()
    click.echo(t("bench.gpu", name=card, version=torch.__version__, bandwidth=int(bandwidth)))
    click.echo(t("bench.limit", size=weight_bytes, tokens=limit))
    columns = ("path", "tokens", "share", "tutorial", "first", "memory")
    click.echo(aligned([*(t(f"bench.column_{column}") for column in columns), ""], _DECODE_WIDTHS))
    tutorial: list[float] = []

    def report(row: Row) -> None:
        if not no_baselines and not tutorial:
            tutorial.append(row.tokens_per_second)
        click.echo(_decode_line(row, limit, tutorial[0] if tutorial else None))

    measures.decode_table(model, answers, report, baselines=not no_baselines)


@bench.command(help="bench.cpu")
@click.option("--random-weights", "name", default="MiniCPM4-0.5B", show_default=True, help="bench.random_weights")
def cpu(name: str) -> None:
    """Measure transformers on the CPU: number formats, int8, compiled or not."""
    import torch

    from minicpm_rag.bench import read_bandwidth
    from minicpm_rag.bench.cpu import cpu_table

    bandwidth = read_bandwidth("cpu")
    click.echo(t("bench.processor", name=name, threads=torch.get_num_threads(), bandwidth=int(bandwidth)))
    columns = ("path", "tokens", "limit", "share", "prompt", "prepared", "per_cpu", "prompt_per_cpu")
    click.echo(aligned([t(f"bench.column_{column}") for column in columns], _CPU_WIDTHS))
    for row in cpu_table(name, bandwidth):
        click.echo(_cpu_line(row))


@bench.command(help="bench.page")
@click.option("--files", type=click.IntRange(1), default=300, show_default=True, help="bench.page_files")
@click.option("--idle", type=click.FloatRange(1), default=40.0, show_default=True, help="bench.page_idle")
def page(files: int, idle: float) -> None:
    """Measure the page: an idle view, an ingest beside it, and how long a person waits for it."""
    from minicpm_rag.bench.page import measure

    found = measure(files=files, idle_seconds=idle)
    click.echo(t("bench.page_idle_share", share=found.idle_share))
    click.echo(t("bench.page_ingest", files=found.files, seconds=found.ingest_seconds, cpu=found.ingest_cpu_seconds))
    click.echo(t("bench.page_library", files=found.files, seconds=found.library_seconds))
    click.echo(t("bench.page_asking", feedback=found.feedback_seconds, stop=found.stop_seconds))
    click.echo(t("bench.page_people", people=found.people, seconds=found.people_seconds))


@bench.command(help="bench.search")
@click.option("--chunks", type=click.IntRange(100), default=100_000, show_default=True, help="bench.search_chunks")
@click.option("--questions", type=click.IntRange(20), default=200, show_default=True, help="bench.search_questions")
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), help="bench.search_home")
@click.option("--database", help="bench.search_database")
@click.option("--json", "as_json", is_flag=True, help="option.json")
def search(chunks: int, questions: int, home: Path | None, database: str | None, as_json: bool) -> None:
    """Measure a large library: made texts, real stores."""
    from minicpm_rag.bench.search import measure
    from minicpm_rag.text.sizes import file_size

    with bench_goals.made_home(home, chunks) as (folder, follow):
        found = measure(folder, chunks, questions, follow, database)
    if as_json:
        echo_json([found])
        return
    if found.build is not None:
        click.echo(t("bench.search_build", chunks=found.chunks, seconds=found.build, size=file_size(found.disk)))
    click.echo(t("bench.search_opening", milliseconds=found.opening * 1000, cpu=found.opening_cpu * 1000))
    for language in found.median:
        click.echo(
            t(
                f"bench.asked_{language}",
                median=found.median[language] * 1000,
                tail=found.tail[language] * 1000,
                cpu=found.tail_cpu[language] * 1000,
            )
        )
    click.echo(t("bench.search_memory", size=file_size(found.memory)))


@bench.command("ingest", help="bench.ingest")
@click.option("--files", type=click.IntRange(1), default=20, show_default=True, help="bench.ingest_files")
@click.option("--ray", is_flag=True, help="bench.ingest_ray")
@click.option(
    "--workers", type=click.IntRange(1), multiple=True, default=(1, 2), show_default=True, help="bench.workers"
)
@click.option("--database", help="bench.search_database")
@click.option("--json", "as_json", is_flag=True, help="option.json")
def ingest_files(files: int, ray: bool, workers: tuple[int, ...], database: str | None, as_json: bool) -> None:
    """Measure ingest: made files, the real embedder and store."""
    from tempfile import TemporaryDirectory

    from minicpm_rag.bench.ingest import measure
    from minicpm_rag.embedding.choice import load_embedders
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    embedder = load_embedders(settings.embedder, settings.home, service=settings.embedder_service).default
    with TemporaryDirectory(prefix="minicpm-rag-bench-") as folder:
        rows = []
        for found in measure(Path(folder), files, embedder, workers if ray else (), database):
            rows.append(found)
            if as_json:
                continue
            where = t("bench.ingest_here") if found.workers is None else t("bench.ingest_on_ray", count=found.workers)
            speed = found.chunks / found.seconds
            click.echo(t("bench.ingest_speed", where=where, chunks=found.chunks, seconds=found.seconds, speed=speed))
    if as_json:
        echo_json(rows)


@bench.command("loaders", help="bench.loaders")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--ocr", is_flag=True, help="bench.ocr")
@click.option("--json", "as_json", is_flag=True, help="option.json")
def read_folder(folder: Path, ocr: bool, as_json: bool) -> None:
    """Measure the readers on a folder of files."""
    from minicpm_rag.bench.reading import measure

    def following(number: int, total: int, path: Path) -> None:
        click.echo(f"\r{number}/{total} {printable(path.name)[:60]:60}", nl=False, err=True)

    found = measure(folder, following, ocr=ocr)
    click.echo(err=True)
    if as_json:
        echo_json(found)
        return
    columns = ("format", "files", "read", "refused", "crashed", "hung", "recall", "order", "headings", "rows", "speed")
    echo_table(
        [t(f"bench.column_{column}") for column in columns],
        [_read_cells(measured) for measured in found],
        right=range(1, len(columns)),
    )
    for measured in found:
        for why, name in measured.failed:
            click.echo(t("bench.worst", format=measured.format, name=printable(name), share=printable(why)))
        for share, name in sorted(measured.worst):
            click.echo(t("bench.worst", format=measured.format, name=printable(name), share=f"{share:.3f}"))


def _read_cells(measured: Measured) -> list[str]:
    from minicpm_rag.bench.reading import tenth

    def spread(shares: list[float]) -> str:
        return f"{median(shares):.3f} / {tenth(shares):.3f}" if shares else ""

    def share(found: int, total: int) -> str:
        return f"{found}/{total} {found / total:.0%}" if total else ""

    speed = ""
    if measured.pages and measured.seconds:
        speed = f"{measured.pages / measured.seconds:.0f}/s, {measured.raw_seconds / measured.seconds:.2f}"
    counts = (measured.files, measured.read, measured.refused, measured.crashed, measured.hung)
    return [
        measured.format,
        *map(str, counts),
        spread(measured.recall),
        spread(measured.order),
        share(measured.headings_found, measured.headings),
        share(measured.rows_exact, measured.rows),
        speed,
    ]


def _decode_line(row: Row, limit: float, tutorial: float | None) -> str:
    from minicpm_rag.text.sizes import file_size

    cells = [
        said(row.path),
        f"{row.tokens_per_second:.1f}",
        f"{row.tokens_per_second / limit:.0%}",
        "" if tutorial is None else f"{row.tokens_per_second / tutorial:.1f}x",
        "" if row.first_token_ms is None else f"{row.first_token_ms:.1f} ms",
        "" if row.memory_bytes is None else file_size(row.memory_bytes),
        said(row.note),
    ]
    return aligned(cells, _DECODE_WIDTHS)


def _cpu_line(row: CpuRow) -> str:
    cells = [
        row.path,
        f"{row.tokens_per_second:.1f}",
        f"{row.limit:.1f}",
        f"{row.tokens_per_second / row.limit:.0%}",
        f"{row.prompt_tokens_per_second:.0f}",
        f"{row.prepared_seconds:.1f} s",
        f"{row.tokens_per_cpu_second:.1f}",
        f"{row.prompt_tokens_per_cpu_second:.0f}",
    ]
    return aligned(cells, _CPU_WIDTHS)


for command in bench_goals.COMMANDS:
    bench.add_command(command)

COMMANDS = (bench,)
