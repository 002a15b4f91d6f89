"""One row of numbers through a graph, over buffers that are bound to it once.

Handing an array to ONNX Runtime and taking one back costs more than the work of a small graph.
"""

import struct
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.release import Release


class SingleRow:
    """Runs the graph of a regression on one row at a time, whose features are all 32-bit floats and there."""

    def __init__(self, session: Any, release: Release, answer: NDArray[Any]) -> None:
        """Bind buffers.

        Args:
            session: an ONNX Runtime session.
            release: what the session serves.
            answer: what it answers to one row.
        """
        from onnxruntime import OrtValue

        row = np.zeros((1, len(release.features)), np.float32)
        answer = np.array(answer, order="C")
        if release.signature.layout == "matrix":
            inputs = {release.signature.inputs[0].name: row}
        else:
            inputs = {feature.name: row[0, at : at + 1] for at, feature in enumerate(release.features)}
        self._binding = session.io_binding()
        for name, buffer in inputs.items():
            self._binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(buffer))
        self._binding.bind_ortvalue_output(release.signature.outputs[0].name, OrtValue.ortvalue_from_numpy(answer))
        self._run = session.run_with_iobinding
        self._fill = struct.Struct(f"={len(release.features)}f").pack_into
        self._row = row.data.cast("B")
        self._answer = answer.reshape(-1).data
        self._lock = threading.Lock()

    def __call__(self, row: Sequence[float]) -> float:
        """Return the answer to a row in feature order."""
        with self._lock:
            self._fill(self._row, 0, *row)
            self._run(self._binding)
            answer: float = self._answer[0]
            return answer
