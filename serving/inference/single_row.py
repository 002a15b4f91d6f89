"""One row through a graph, by buffers that are bound to it once.

Handing arrays to ONNX Runtime and taking others back costs more than the work of a small graph.
"""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.features.base import GraphInputs


class SingleRow:
    """Runs a session on one row at a time; for inputs and outputs that are numbers."""

    def __init__(
        self, session: Any, inputs: GraphInputs, names: Sequence[str], outputs: Sequence[NDArray[Any]]
    ) -> None:
        """Bind buffers of the form that a row and its answer have.

        Args:
            session: an ONNX Runtime session.
            inputs: of one row.
            names: of the outputs.
            outputs: what the session answers to the inputs.
        """
        from onnxruntime import OrtValue

        self._run = session.run_with_iobinding
        self._inputs = {name: values.copy() for name, values in inputs.items()}
        self._outputs = [np.array(output, order="C") for output in outputs]
        self._binding = session.io_binding()
        self._lock = threading.Lock()
        for name, buffer in self._inputs.items():
            self._binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(buffer))
        for name, buffer in zip(names, self._outputs, strict=True):
            self._binding.bind_ortvalue_output(name, OrtValue.ortvalue_from_numpy(buffer))

    def run(self, inputs: GraphInputs) -> list[NDArray[Any]]:
        """Return the outputs, in the order of their names."""
        with self._lock:
            for name, buffer in self._inputs.items():
                buffer[...] = inputs[name]
            self._run(self._binding)
            return [output.copy() for output in self._outputs]


def bind_single_row(
    session: Any, inputs: GraphInputs, names: Sequence[str], outputs: Sequence[NDArray[Any]]
) -> SingleRow | None:
    """Return what runs a session on one row; none where a tensor holds strings, which can't be bound."""
    tensors = [*inputs.values(), *outputs]
    if any(not isinstance(tensor, np.ndarray) or tensor.dtype.kind not in "fi" for tensor in tensors):
        return None
    return SingleRow(session, inputs, names, outputs)
