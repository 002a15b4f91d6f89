"""One ONNX graph per candidate: encoding, model and answer, with inputs and outputs as `Signature` of a release says.

Every candidate shares what is here: the encoding before it and the answer after it. Between them it adds its own
nodes through `Export`. Names and order of nodes are fixed, so that the same weights give the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from molino.contracts.model_file import ModelFile
from training.features import type_of
from training.features.fitted import Float32Array, TextNode
from training.train.encoding import Encoding

if TYPE_CHECKING:
    import onnx

OPSET = 20
ML_OPSET = 3
IR_VERSION = 9
MATRIX_INPUT = "features"
INTERNAL = "/"
"""Begins the name of all that is inside a graph; inputs are named as columns, and none of those begins so."""


class Exportable(Protocol):
    """What a trained candidate adds to a graph."""

    def export(self, graph: "Export") -> str:
        """Add nodes and return the name of the raw answer: [n, 1] of a regression, logits [n, classes] else.

        A regression adds the centre of its target last: 32-bit floats then keep as many digits as they can.
        """


class Export:
    """A graph in the making."""

    def __init__(self, model: ModelFile, encoding: Encoding, whole: "Export | None" = None, scope: str = "") -> None:
        """Begin a graph, or a part of a whole one whose names are all within a scope."""
        self.model = model
        self.encoding = encoding
        self.whole = whole or self
        self.scope = INTERNAL + scope
        self.matrix = all(of_type.dtype == "float32" and of_type.in_matrix for of_type in map(type_of, model.features))
        self.nodes: list[onnx.NodeProto] = whole.nodes if whole else []
        self.constants: dict[str, onnx.TensorProto] = whole.constants if whole else {}
        self._dense: str | None = None

    def part(self, name: str) -> "Export":
        """Return a part of the graph, to which a model can be added beside others."""
        return Export(self.model, self.encoding, self.whole, f"parts/{name}/")

    def node(self, kind: str, inputs: Sequence[str], output: str, *, ml: bool = False, **attributes: Any) -> str:
        """Add a node with one output and return the output's name, which no column can have."""
        return self._add(kind, inputs, self.scope + output, ml, attributes)

    def _add(self, kind: str, inputs: Sequence[str], output: str, ml: bool, attributes: dict[str, Any]) -> str:
        from onnx import helper

        domain = "ai.onnx.ml" if ml else ""
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, domain=domain, **attributes))
        return output

    def constant(self, name: str, value: Any) -> str:
        """Add an array (of strings too) under a name, and return the one it gets, which no column can have."""
        from onnx import TensorProto, helper, numpy_helper

        name = self.scope + name
        array = np.asarray(value)
        if array.dtype.kind in "UO":
            encoded: Any = [str(item).encode() for item in array.ravel()]
            self.constants[name] = helper.make_tensor(name, TensorProto.STRING, array.shape, encoded)
        else:
            self.constants[name] = numpy_helper.from_array(array.copy(order="C"), name)
        return name

    def each_text(self, texts: str, output: str, nodes: Sequence[TextNode], width: int) -> str:
        """Add a node that runs nodes on one text after the other: see `training.features.fitted.Nodes`."""
        from onnx import TensorProto, helper

        own = {"text", *(name for node in nodes for name in node.outputs)}

        def named(names: Sequence[str]) -> list[str]:
            return [f"{self.scope}{output}/{name}" if name in own else name for name in names]

        inside = [helper.make_node(one.kind, named(one.inputs), named(one.outputs), **one.attributes) for one in nodes]
        text = helper.make_tensor_value_info(named(["text"])[0], TensorProto.STRING, [])
        row = helper.make_tensor_value_info(named(nodes[-1].outputs)[0], TensorProto.FLOAT, [width])
        body = helper.make_graph(inside, f"{self.scope}{output}/body", [text], [row])
        return self.node("Scan", [texts], output, body=body, num_scan_inputs=1)

    def dense(self) -> str:
        """Add the nodes of `Encoding.dense`, once to a graph, and return their output, [n, width]."""
        if self.whole._dense is None:
            self.whole._dense = self.whole._encoded()
        return self.whole._dense

    def _encoded(self) -> str:
        parts = []
        if self.encoding.numeric:
            numbers = self._numbers()
            if any(column.imputed for column in self.encoding.numeric):
                gaps = self.node("IsNaN", [numbers], "gaps")
                numbers = self.node("Where", [gaps, self.constant("medians", self.encoding.medians), numbers], "filled")
            numbers = self.node("Max", [numbers, self.constant("floors", self.encoding.floors)], "raised")
            numbers = self.node("Min", [numbers, self.constant("ceilings", self.encoding.ceilings)], "bounded_numbers")
            centred = self.node("Sub", [numbers, self.constant("means", self.encoding.means)], "centred")
            parts.append(self.node("Mul", [centred, self.constant("factors", self.encoding.factors)], "scaled"))
        for column in self.encoding.categorical:
            table = self.constant(f"columns/{column.name}/table", column.table)
            parts.append(self.node("Gather", [table, column.export_position(self)], f"columns/{column.name}/one_hot"))
        parts += [column.export_dense(self) for column in self.encoding.derived]
        return parts[0] if len(parts) == 1 else self.node("Concat", parts, "encoded", axis=1)

    def indexed(self, tables: Mapping[int, Float32Array] | None = None) -> str:
        """Add the nodes of `Encoding.indexed` and return their output, [n, indexed columns].

        Args:
            tables: feature index to what is given for each code of a category, that of other values last.
        """
        parts = [self._numbers()] if self.encoding.numeric else []
        for column in self.encoding.categorical:
            code = column.export_code(self, (tables or {}).get(column.index))
            parts.append(self.node("Reshape", [code, self._one_column()], f"columns/{column.name}/column"))
        parts += [column.export_numbers(self) for column in self.encoding.derived]
        return parts[0] if len(parts) == 1 else self.node("Concat", parts, "encoded", axis=1)

    def splice(self, model: "onnx.ModelProto", name: str, given: str, output: str) -> str:
        """Add the nodes of another graph that lead to one of its outputs, and return what that is called here.

        Args:
            model: the other graph, with one input.
            name: goes before the names of all that is in it.
            given: enters as its input.
            output: one of its outputs.
        """
        from onnx import compose

        inner = compose.add_prefix(model, f"{self.scope}{name}/").graph
        wanted = f"{self.scope}{name}/{output}"
        self._add("Identity", [given], inner.input[0].name, False, {})
        nodes = _leading_to(inner.node, wanted)
        read = {one for node in nodes for one in _names_read(node)}
        self.nodes.extend(nodes)
        self.constants |= {tensor.name: tensor for tensor in inner.initializer if tensor.name in read}
        return wanted

    def finish(self, raw: str, offsets: NDArray[np.float64] | None = None) -> "onnx.ModelProto":
        """Add the answer and return the checked model; `offsets` are added to logits before the label is taken."""
        import onnx
        from onnx import helper

        outputs = self._answer(raw, offsets)
        graph = helper.make_graph(self.nodes, self.model.name, self._inputs(), outputs, list(self.constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="molino")
        onnx.checker.check_model(model, full_check=True)
        return model

    def _numbers(self) -> str:
        """Return the numeric features as they come in, [n, numeric]."""
        if self.matrix:
            return MATRIX_INPUT
        shape = self._one_column()
        columns = [
            self.node("Reshape", [column.name, shape], f"columns/{column.name}/column")
            for column in self.encoding.numeric
        ]
        return columns[0] if len(columns) == 1 else self.node("Concat", columns, "numbers", axis=1)

    def _one_column(self) -> str:
        return self.constant("one_column", np.array([-1, 1], np.int64))

    def _inputs(self) -> list["onnx.ValueInfoProto"]:
        from onnx import TensorProto, helper

        kinds = {"float32": TensorProto.FLOAT, "string": TensorProto.STRING}
        if self.matrix:
            return [helper.make_tensor_value_info(MATRIX_INPUT, TensorProto.FLOAT, ["rows", len(self.model.features)])]
        return [
            helper.make_tensor_value_info(feature.name, kinds[type_of(feature).dtype], ["rows"])
            for feature in self.model.features
        ]

    def _answer(self, raw: str, offsets: NDArray[np.float64] | None) -> list["onnx.ValueInfoProto"]:
        from onnx import TensorProto, helper

        classes = self.model.target.classes
        if classes is None:
            bounds = [self._bound(side, getattr(self.model.target, side)) for side in ("minimum", "maximum")]
            if any(bounds):
                raw = self.node("Clip", [raw, *bounds], "bounded")
            self._output("Reshape", [raw, self.constant("flat", np.array([-1], np.int64))], "prediction")
            return [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["rows"])]
        labelled = raw
        if offsets is not None:
            labelled = self.node("Add", [raw, self.constant("offsets", offsets.astype(np.float32))], "labelled")
        best = self.node("ArgMax", [labelled], "best", axis=1, keepdims=0)
        self._output("Gather", [self.constant("classes", np.array(classes, object)), best], "label")
        shares = self.node("Softmax", [raw], "shares", axis=1)
        outputs = [helper.make_tensor_value_info("label", TensorProto.STRING, ["rows"])]
        for index, name in enumerate(classes):
            position = self.constant(f"class_{index}", np.array(index, np.int64))
            self._output("Gather", [shares, position], f"probability_{name}", axis=1)
            outputs.append(helper.make_tensor_value_info(f"probability_{name}", TensorProto.FLOAT, ["rows"]))
        return outputs

    def _output(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        self._add(kind, inputs, output, False, attributes)

    def _bound(self, side: str, value: float | None) -> str:
        """Return the constant of a bound; an empty name, which means none, where the model file gives none."""
        return "" if value is None else self.constant(side, np.array(value, np.float32))


def _leading_to(nodes: Sequence["onnx.NodeProto"], output: str) -> list["onnx.NodeProto"]:
    """Return the nodes that an output follows from, in their order."""
    needed, found = {output}, []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            found.append(node)
            needed.update(_names_read(node))
    return found[::-1]


def _names_read(node: "onnx.NodeProto") -> Iterator[str]:
    """Yield what a node and the graphs inside of it read."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _names_read(inner)


def export_candidate(
    model: ModelFile, encoding: Encoding, trained: Exportable, offsets: NDArray[np.float64] | None = None
) -> "onnx.ModelProto":
    """Return a trained candidate as one graph; `offsets` are added to logits before the label is taken, [classes]."""
    graph = Export(model, encoding)
    return graph.finish(trained.export(graph), offsets)
