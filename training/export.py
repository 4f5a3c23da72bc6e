"""Turn trained weights into the shipped file: an ONNX graph with matrices in 8 bits, at most 25 MB.

    python training/export.py DATA minicpm_rag/embedding/reader.onnx WEIGHTS_PREFIX [WEIGHTS_PREFIX ...]

DATA is the folder of prepare.py (its rows show which channels are large) and WEIGHTS_PREFIX.0, .1, ... are the parts
that train.py wrote. The weights of several trainings are averaged: all began from the same numbers, and their mean
reads better than each (Wortsman et al. 2022, Model soups).

The body is made by minicpm_rag.embedding.bert_graph as the embedder's is; positions come before it and the heads after
it. It takes `words`, (1, tokens, 384), the rows of the embedder's table for one sequence (see model.py), and gives
`scores`, (1, tokens, 4): logits of first and last token of the answer, "answers it", "says it"; the last two count for
the first token only.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from data import Data, load_weights

from minicpm_rag.embedding import bert_graph
from minicpm_rag.embedding.onnx_session import open_session

HIDDEN = 384
SHAPE = bert_graph.Shape(hidden=HIDDEN, layers=12, heads=12, epsilon=1e-12)
SAMPLES = 48  # rows that show which channels are large


def graph(weights: dict[str, np.ndarray], samples: Iterable[np.ndarray]) -> bytes:
    """The whole reader as ONNX; `samples` are word rows, (tokens, 384), of some readings."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    body = {name.removeprefix("body."): value for name, value in weights.items() if name.startswith("body.")}
    positions = body["embeddings.position_embeddings.weight"] + body["embeddings.token_type_embeddings.weight"][0]
    names = bert_graph.smoothed_inputs(SHAPE)
    session = open_session(bert_graph.float_graph(body, SHAPE, show_inputs=True))
    peaks: dict[str, np.ndarray] = {}
    for words in samples:
        found = session.run(names, {bert_graph.INPUT: (words + positions[: len(words)])[None]})
        for name, values in zip(names, found, strict=True):
            peaks[name] = np.maximum(peaks.get(name, 0), np.abs(values[0]).max(axis=0))
    model = onnx.load_from_string(bert_graph.int8_graph(body, SHAPE, peaks))
    heads = np.concatenate([weights[f"{head}.weight"] for head in ("span", "answers", "says")]).T
    bias = np.concatenate([weights[f"{head}.bias"] for head in ("span", "answers", "says")])
    tensors = {"positions": positions, "heads": heads, "heads.bias": bias, "zero": np.array([0]), "one": np.array([1])}
    model.graph.initializer.extend(numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in tensors.items())
    before = [
        helper.make_node("Shape", ["words"], ["length"], start=1, end=2),
        helper.make_node("Slice", ["positions", "zero", "length", "zero", "one"], ["placed"]),
        helper.make_node("Add", ["words", "placed"], [bert_graph.INPUT]),
    ]
    after = [
        helper.make_node("MatMul", [bert_graph.OUTPUT, "heads"], ["heads.product"]),
        helper.make_node("Add", ["heads.product", "heads.bias"], ["scores"]),
    ]
    nodes = [*before, *model.graph.node, *after]
    del model.graph.node[:], model.graph.input[:], model.graph.output[:]
    model.graph.node.extend(nodes)
    model.graph.input.append(helper.make_tensor_value_info("words", TensorProto.FLOAT, [1, "tokens", HIDDEN]))
    model.graph.output.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, "tokens", 4]))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("weights", type=Path, nargs="+")
    given = arguments.parse_args()
    data = Data(given.data)
    chosen = np.random.default_rng(0).choice(np.flatnonzero(data["evaluation"] == 0), SAMPLES, replace=False)
    given.out.write_bytes(graph(load_weights(given.weights), (data.words(n) for n in chosen)))
    print(given.out, round(given.out.stat().st_size / 1e6, 2), "MB")
