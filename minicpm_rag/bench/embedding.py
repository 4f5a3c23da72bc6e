"""How quick embedding is beside what onnxruntime makes of the same shape by itself.

Its part: a graph of that shape with random weights, which cost as much as any, quantized to 8 bits by its own tool;
texts of the same lengths, one or several a run, on one thread or on all. Ours: texts in, vectors out, tokens included.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from minicpm_rag.bench.search import LANGUAGES, MadeTexts
from minicpm_rag.embedding import bert_graph
from minicpm_rag.embedding.onnx_embedder import processors

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from minicpm_rag.embedding.embedder import Embedder

# Of multilingual-e5-small.
SHAPE = bert_graph.Shape(hidden=384, layers=12, heads=12, epsilon=1e-12)
INTERMEDIATE = 1536
CHARACTERS = 350  # of a chunk
TEXTS_IN_RUN = (1, 4, 16)
REPEATS = 3


@dataclass(frozen=True)
class EmbeddingSpeed:
    """The best of several repeats: seconds a text, by the clock and of processors."""

    is_ours: bool
    threads: int
    texts_in_run: int
    seconds: float
    cpu_seconds: float


def measure(embedder: Embedder, texts: int = 16) -> Iterator[EmbeddingSpeed]:
    """Embed made texts, half of them Chinese, by the embedder and by onnxruntime alone. Raises EmbeddingError."""
    made = {language: MadeTexts(language, seed) for seed, language in enumerate(LANGUAGES)}
    passages = [made[LANGUAGES[number % len(LANGUAGES)]].chunk(number)[:CHARACTERS] for number in range(texts)]
    embedder.embed_documents(passages[:2])  # loads
    seconds = _best(lambda: embedder.embed_documents(passages))
    yield EmbeddingSpeed(True, processors(), 1, *(each / texts for each in seconds))
    lengths = sorted(embedder.count_tokens(text) for text in passages)
    with TemporaryDirectory(prefix="minicpm-rag-bench-") as folder:
        body = _quantized(Path(folder))
        for threads in sorted({1, processors()}):
            session = _session(body, threads)
            for together in TEXTS_IN_RUN:
                runs = _runs(lengths, together)
                taken = _best(lambda session=session, runs=runs: [session.run(None, run) for run in runs])  # type: ignore[misc]
                yield EmbeddingSpeed(False, threads, together, *(each / texts for each in taken))


def _best(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of processors."""
    taken = []
    for _ in range(REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(wall for wall, _ in taken), min(cpu for _, cpu in taken)


def _runs(lengths: Sequence[int], together: int) -> list[dict[str, Any]]:
    """Input rows for texts of these lengths, in ascending order; of each group all are as long as its longest."""
    import numpy

    numbers = numpy.random.default_rng(0)
    groups = [lengths[first : first + together] for first in range(0, len(lengths), together)]
    return [
        {bert_graph.INPUT: numbers.standard_normal((len(group), group[-1], SHAPE.hidden), dtype=numpy.float32)}
        for group in groups
    ]


def _session(body: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(body), options, providers=["CPUExecutionProvider"])


def _quantized(folder: Path) -> Path:
    """A graph of the shape in 8 bits, as onnxruntime's own dynamic quantization makes it."""
    from onnx import TensorProto, helper, load_model_from_string
    from onnxruntime.quantization import QuantType, quantize_dynamic

    body = folder / "int8.onnx"
    weights = {name: _weight(name) for name in bert_graph.tensor_names(SHAPE)}
    whole = load_model_from_string(bert_graph.float_graph(weights, SHAPE))
    # Its tool would warn that nobody has fused operators before; the graph is built of fused ones.
    helper.set_model_props(whole, {"onnx.quant.pre_process": "onnxruntime.quant"})
    # The types of what its own fused operators give are not found by themselves.
    options = {"DefaultTensorType": TensorProto.FLOAT}
    quantize_dynamic(whole, body, weight_type=QuantType.QInt8, extra_options=options)
    return body


def _weight(name: str) -> NDArray[numpy.float32]:
    """Random numbers in the measures of a tensor of Hugging Face's BERT."""
    import numpy

    module, _, part = name.rpartition(".")
    rows = INTERMEDIATE if module.endswith("intermediate.dense") else SHAPE.hidden
    if part == "bias" or module.endswith("LayerNorm"):
        return numpy.full(rows, part == "weight", numpy.float32)
    is_second = module.endswith("output.dense") and not module.endswith("attention.output.dense")
    columns = INTERMEDIATE if is_second else SHAPE.hidden
    return numpy.random.default_rng(0).standard_normal((rows, columns), dtype=numpy.float32) * numpy.float32(0.03)
