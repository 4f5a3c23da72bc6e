"""`bench decode`, `bench cpu`: how quickly a model answers here, and how far from what memory allows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from minicpm_rag.bench import Row


@click.group()
def bench() -> None:
    """Measure how quickly models answer on this machine."""


@bench.command(short_help="Measure decoding on the GPU beside two baselines.")
@click.option("--model", "folder", type=click.Path(path_type=Path), help="Folder of a checkpoint.")
@click.option("--random-weights", "name", help="A published shape with random weights, MiniCPM-2B for one.")
@click.option(
    "--quotes",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Folder with passages.jsonl and questions.jsonl to make quoting answers from.",
)
@click.option("--tokenizer", type=click.Path(path_type=Path), help="Folder of a tokenizer, for --quotes.")
@click.option("--no-baselines", is_flag=True, help="Leave out transformers' own loops, which take a minute.")
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
    from minicpm_rag.bench.quotes import quoting_texts
    from minicpm_rag.llm.checkpoint import load_model, load_tokenizer
    from minicpm_rag.llm.decoding import supports

    if not torch.cuda.is_available():
        raise click.UsageError("No GPU was found. `bench cpu` measures the CPU.")
    if (folder is None) == (name is None):
        raise click.UsageError("Give either --model or --random-weights.")
    if folder is not None:
        model = load_model(folder, device="cuda")
    else:
        model = measures.random_model(name or "", "cuda", torch.bfloat16)
    if not supports(model):
        raise click.UsageError("This model is not one that the GPU engine can serve here.")
    reader = tokenizer or folder
    texts = []
    for source in quotes:
        if reader is None:
            raise click.UsageError("--quotes needs --tokenizer.")
        texts += quoting_texts(load_tokenizer(reader), source, 12)
    bandwidth = measures.read_bandwidth("cuda")
    weight_bytes = sum(p.nbytes for p in model.parameters())
    floor = bandwidth / weight_bytes
    click.echo(f"{torch.cuda.get_device_name()}, torch {torch.__version__}: {bandwidth / 1e12:.2f} TB/s read")
    click.echo(f"weights {weight_bytes / 1e9:.2f} GB: at most {floor:.0f} tokens/s one by one, full precision")
    click.echo(f"{'path':<50} {'tokens/s':>8} {'share':>6} {'tutorial':>8} {'first':>8} {'memory':>8}")
    tutorial: list[float] = []

    def report(row: Row) -> None:
        if not no_baselines and not tutorial:
            tutorial.append(row.tokens_per_second)
        click.echo(_line(row, floor, tutorial[0] if tutorial else None))

    measures.decode_table(model, texts, report, baselines=not no_baselines)


@bench.command(short_help="Measure number formats on the processor.")
@click.option("--random-weights", "name", default="MiniCPM4-0.5B", show_default=True, help="A published shape.")
def cpu(name: str) -> None:
    """Measure transformers on the CPU: number formats, int8, compiled or not."""
    from minicpm_rag.bench import cpu as measures

    for line in measures.cpu_table(name):
        click.echo(line)


def _line(row: Row, floor: float, tutorial: float | None) -> str:
    times = "" if tutorial is None else f"{row.tokens_per_second / tutorial:.1f}x"
    first = "" if row.first_token_ms is None else f"{row.first_token_ms:.1f} ms"
    memory = "" if row.memory_bytes is None else f"{row.memory_bytes / 1e9:.2f} GB"
    share = f"{row.tokens_per_second / floor:.0%}"
    speed = f"{row.tokens_per_second:>8.1f} {share:>6} {times:>8}"
    return f"{row.path:<50} {speed} {first:>8} {memory:>8}  {row.note}".rstrip()


COMMANDS = (bench,)
