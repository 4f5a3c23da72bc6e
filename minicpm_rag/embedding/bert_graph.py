"""A BERT encoder as an ONNX graph, built from its weights: with matrices in 32 bits, or in 8 for integer kernels.

The graph takes the input rows of one text, (1, tokens, hidden): for each token the sum of its word's, position's and
segment's embedding. It gives its last hidden states, of the same shape. One text at a time needs no padding, and a
text's vector never depends on its neighbours, though integer kernels scale the numbers of a whole run together.

Knows tensors by their names in Hugging Face's BERT; not where they come from, nor tokens or pooling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Tensor = NDArray[numpy.float32]

INPUT, OUTPUT = "rows", "hidden"
# Dense layers whose inputs have a few channels far beyond the others (see `_smoothed`), by the input's name.
SMOOTHED = {"intermediate": "attention.output", "output": "intermediate"}
MIGRATION = 0.75  # of an outlier's size moves from the input into the matrix; 0.5 left more error
# Steps on each side of zero: of 127, because kernels without VNNI add two products in 16 bits.
LEVELS = 63
OPSET, CONTRIBUTED_OPSET, FORMAT_VERSION = 18, 1, 9
_CONTRIBUTED = "com.microsoft"


@dataclass(frozen=True)
class Shape:
    """A BERT's measures."""

    hidden: int
    layers: int
    heads: int
    epsilon: float


def float_graph(weights: Mapping[str, Tensor], shape: Shape, *, show_inputs: bool = False) -> bytes:
    """The graph in 32 bits; with `show_inputs` it also gives `smoothed_inputs`."""
    return _Graph(weights, shape).build(smoothed_inputs(shape) if show_inputs else ())


def int8_graph(weights: Mapping[str, Tensor], shape: Shape, peaks: Mapping[str, Tensor]) -> bytes:
    """The graph with matrices in 8 bits.

    `peaks` holds, for each of `smoothed_inputs`, the largest absolute value of each channel over some texts.
    """
    return _Graph(weights, shape, peaks).build(())


def tensor_names(shape: Shape) -> set[str]:
    """The names of the tensors that a graph is built from."""
    layer = ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
             "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm"]  # fmt: skip
    modules = ["embeddings.LayerNorm", *(f"encoder.layer.{n}.{name}" for n in range(shape.layers) for name in layer)]
    return {f"{module}.{part}" for module in modules for part in ("weight", "bias")}


def smoothed_inputs(shape: Shape) -> list[str]:
    """The names of the inputs that `int8_graph` smooths."""
    return [f"encoder.layer.{n}.{name}.out" for n in range(shape.layers) for name in SMOOTHED.values()]


@dataclass
class _Graph:
    weights: Mapping[str, Tensor]
    shape: Shape
    peaks: Mapping[str, Tensor] | None = None
    nodes: list[Any] = field(default_factory=list)
    tensors: list[Any] = field(default_factory=list)

    def build(self, shown: Sequence[str]) -> bytes:
        from onnx import TensorProto, helper

        states = self._node("LayerNormalization", [INPUT, *self._norm("embeddings.LayerNorm")], "embeddings.out",
                            axis=-1, epsilon=self.shape.epsilon)  # fmt: skip
        for number in range(self.shape.layers):
            states = self._layer(f"encoder.layer.{number}.", states)
        self._node("Identity", [states], OUTPUT)
        measure: list[str | int | None] = ["one", "tokens", self.shape.hidden]
        outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, measure)]
        outputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in shown]
        inputs = [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, measure)]
        graph = helper.make_graph(self.nodes, "bert", inputs, outputs, self.tensors)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_CONTRIBUTED, CONTRIBUTED_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=FORMAT_VERSION)
        return bytes(model.SerializeToString())

    def _layer(self, at: str, states: str) -> str:
        import numpy

        own = [f"{at}attention.self.{name}" for name in ("query", "key", "value")]
        matrix = numpy.concatenate([self.weights[f"{name}.weight"] for name in own])
        bias = numpy.concatenate([self.weights[f"{name}.bias"] for name in own])
        together = self._dense(f"{at}attention.self", states, matrix, bias)
        split = [f"{name}.out" for name in own]
        self._node("Split", [together], *split, axis=-1, num_outputs=3)
        mixed = self._node("MultiHeadAttention", split, f"{at}attention.mixed", contributed=True,
                           num_heads=self.shape.heads)  # fmt: skip
        states = self._added(f"{at}attention.output", mixed, states)
        wide = self._named_dense(f"{at}intermediate", states)
        active = self._node("Gelu", [wide], f"{at}intermediate.out", contributed=True)
        return self._added(f"{at}output", active, states)

    def _added(self, name: str, source: str, states: str) -> str:
        """A dense layer, added to the states and normalised."""
        dense = self._named_dense(name, source)
        return self._node("SkipLayerNormalization", [dense, states, *self._norm(f"{name}.LayerNorm")], f"{name}.out",
                          contributed=True, epsilon=self.shape.epsilon)  # fmt: skip

    def _named_dense(self, name: str, source: str) -> str:
        return self._dense(name, source, self.weights[f"{name}.dense.weight"], self.weights[f"{name}.dense.bias"])

    def _dense(self, name: str, source: str, matrix: Tensor, bias: Tensor) -> str:
        out = f"{name}.dense.out"
        columns = matrix.T
        if self.peaks is None:
            product = self._node("MatMul", [source, self._tensor(f"{name}.matrix", columns)], f"{name}.product")
            return self._node("Add", [product, self._tensor(f"{name}.bias", bias)], out)
        if source in self.peaks:
            source, columns = self._smoothed(name, source, columns, self.peaks[source])
        levels, scales = quantized(columns)
        tensors = {"matrix": levels, "scales": scales, "zeros": levels[0] * 0, "bias": bias}
        inputs = [source, *(self._tensor(f"{name}.{part}", tensor) for part, tensor in tensors.items())]
        return self._node("DynamicQuantizeMatMul", inputs, out, contributed=True)

    def _smoothed(self, name: str, source: str, columns: Tensor, peaks: Tensor) -> tuple[str, Tensor]:
        """Divide the input's outlying channels, and multiply the matrix by as much.

        One step serves all numbers of the input, so a channel 30 times the others' size would leave them 4 of 127
        steps. Xiao et al. 2023, SmoothQuant; here for outliers only, since the others lose by it.
        """
        import numpy

        ratio = peaks**MIGRATION / numpy.maximum(numpy.abs(columns).max(axis=1), 1e-6) ** (1 - MIGRATION)
        factor = numpy.maximum(ratio / max(float(numpy.median(ratio)), 1e-6), 1).astype(numpy.float32)
        divided = self._node("Mul", [source, self._tensor(f"{name}.smoothing", 1 / factor)], f"{name}.smoothed")
        return divided, columns * factor[:, None]

    def _norm(self, name: str) -> list[str]:
        return [self._tensor(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias")]

    def _tensor(self, name: str, values: Any) -> str:
        import numpy
        from onnx import numpy_helper

        self.tensors.append(numpy_helper.from_array(numpy.ascontiguousarray(values), name))
        return name

    def _node(self, kind: str, inputs: Sequence[str], *outputs: str, contributed: bool = False, **options: Any) -> str:
        from onnx import helper

        domain = _CONTRIBUTED if contributed else ""
        self.nodes.append(helper.make_node(kind, list(inputs), list(outputs), domain=domain, **options))
        return outputs[0]


def quantized(columns: Tensor) -> tuple[Any, Tensor]:
    """A matrix, (inputs, outputs), as whole numbers with one scale for each output."""
    import numpy

    scales = numpy.maximum(numpy.abs(columns).max(axis=0), 1e-12).astype(numpy.float32) / LEVELS
    return numpy.round(columns / scales).astype(numpy.int8), scales
