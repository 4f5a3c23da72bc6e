"""A converted model: a folder in the home that onnxruntime runs from, made once from a model's own files.

body.onnx (the encoder), table.npy (word embeddings), positions.npy (what each position adds), the tokenizer, and
model.json (prefixes, limits, pooling), which is written last: without it the folder does not count.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from minicpm_rag.embedding import bert_graph
from minicpm_rag.embedding.tokenizer import Tokenizer
from minicpm_rag.embedding.word_table import WordTable
from minicpm_rag.errors import EmbeddingError
from minicpm_rag.messages import reason_of

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray
BODY, TABLE, POSITIONS, MODEL = "body.onnx", "table.npy", "positions.npy", "model.json"

# Any usual text shows which channels of a model are always large.
SAMPLE_TEXTS = (
    "passage: The warranty of the pump ends two years after delivery, and batteries are excluded from it.",
    "passage: In 1987 the town council bought the old mill, moved the archive there and opened it to visitors.",
    "query: Who pays for the repair when a part breaks within the first six months?",
    "passage: 水泵的保修期为交货后两年，电池不在保修范围之内。如需维修，请联系售后服务中心。",
    "passage: 一九八七年，镇议会买下了旧磨坊，把档案迁到那里，并对公众开放。参观时间为每天上午九点至下午五点。",
    "query: 如果零件在前六个月内损坏，维修费用由谁承担？",
)


@dataclass(frozen=True)
class Source:
    """A BERT in memory, as it comes from a model's own files."""

    weights: Mapping[str, NDArray[numpy.float32]]  # of the body, by their names in Hugging Face's BERT
    shape: bert_graph.Shape
    table: Any  # word embeddings, as `WordTable` reads them
    positions: NDArray[numpy.float32]  # (limit, hidden): what a position and the first segment add to a word's row
    tokenizer: Tokenizer
    about: About


@dataclass(frozen=True)
class About:
    """What must be known to use the model."""

    prefixes: dict[str, str]
    limit_tokens: int
    unknown_id: int | None
    pooling: Literal["mean", "first"]


def is_whole(folder: Path) -> bool:
    """Whether the folder holds a converted model: a file that was deleted, to make room perhaps, is made again."""
    return all((folder / part).is_file() for part in (MODEL, BODY, TABLE, POSITIONS))


def about(folder: Path) -> About:
    """What must be known to use the converted model. Raises OSError, ValueError or TypeError where it is damaged."""
    return About(**json.loads((folder / MODEL).read_text(encoding="utf-8")))


def convert(
    read: Callable[[], Source],
    folder: Path,
    *,
    name: str,
    bits: Literal[8, 32],
    on_progress: Callable[[float], object] = lambda share: None,
) -> None:
    """Make the folder of the converted model `name`, or leave none where that fails.

    Two processes may do it at once. Raises EmbeddingError where the disk refuses it.
    """
    on_progress(0.0)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".converting-", ignore_cleanup_errors=True) as made:
            new = Path(made) / folder.name
            _write(read(), new, bits, on_progress)
            if not is_whole(folder):
                _move(new, folder)
    except OSError as exc:
        raise EmbeddingError("embedding.not_converted", name=name, folder=folder, why=reason_of(exc)) from exc
    on_progress(1.0)


def _move(new: Path, folder: Path) -> None:
    """Give a whole folder its name, unless another process was quicker; one that is not whole is replaced."""
    try:
        new.rename(folder)
    except OSError:
        if is_whole(folder):
            return
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)


def _write(source: Source, folder: Path, bits: Literal[8, 32], on_progress: Callable[[float], object]) -> None:
    import numpy

    on_progress(0.4)
    folder.mkdir()
    numpy.save(folder / TABLE, source.table)
    numpy.save(folder / POSITIONS, source.positions)
    source.tokenizer.save(folder)
    on_progress(0.6)
    if bits == 8:
        peaks = _peaks(source, WordTable(folder / TABLE))
        on_progress(0.8)
        body = bert_graph.int8_graph(source.weights, source.shape, peaks)
    else:
        body = bert_graph.float_graph(source.weights, source.shape)
    (folder / BODY).write_bytes(body)
    (folder / MODEL).write_text(json.dumps(asdict(source.about), ensure_ascii=False), encoding="utf-8")


def _peaks(source: Source, table: WordTable) -> dict[str, Any]:
    """The largest absolute value of each channel of the inputs that are smoothed, over the sample texts."""
    import numpy

    from minicpm_rag.embedding.onnx_session import open_session

    names = bert_graph.smoothed_inputs(source.shape)
    session = open_session(bert_graph.float_graph(source.weights, source.shape, show_inputs=True))
    peaks: dict[str, Any] = {}
    for text in SAMPLE_TEXTS:
        ids = source.tokenizer.ids(text)[: source.about.limit_tokens]
        rows = table.rows(ids) + source.positions[: len(ids)]
        for name, values in zip(names, session.run(names, {bert_graph.INPUT: rows[None]}), strict=True):
            found = numpy.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
            peaks[name] = numpy.maximum(peaks.get(name, 0), found)
    return peaks
