"""An estimator with scikit-learn's methods over rows in one of their forms, exported by a converter."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from training.features.fitted import Float32Array
from training.train.candidates.contract import Material
from training.train.candidates.converted import convert
from training.train.candidates.forms import Form
from training.train.candidates.sklearn_model import SKLEARN_PACKAGES, save_sklearn
from training.train.candidates.usable import told_of
from training.train.export import Export

if TYPE_CHECKING:
    import onnx

PREDICT_BYTES = 1 << 28
"""Of rows in an estimator's form at a time."""
FIT_BYTES = 1 << 31
"""Of rows that an estimator is fitted to, in its form: with its own copies it takes a few times as much."""
SHOWN_CHARACTERS = 500
"""Of a parameter in MLflow."""


class Estimator:
    """A fitted estimator."""

    native_packages: ClassVar[tuple[str, ...]] = SKLEARN_PACKAGES
    rounds: int | None = None

    def __init__(self, estimator: Any, form: Form, rows_trained: int, more: Mapping[str, Any] | None = None) -> None:
        """Keep a fitted estimator; `more` is shown beside its parameters."""
        self.more = dict(more or {})
        self.estimator = estimator
        self.form = form
        self.rows_trained = rows_trained

    @property
    def classifies(self) -> bool:
        """Whether it answers probabilities."""
        return hasattr(self.estimator, "predict_proba")

    def predict(self, features: Float32Array) -> NDArray[np.float64]:
        """Answer rows with the estimator.

        Raises:
            StepError: it can't, though it could be fitted.
        """
        rows = max(1, PREDICT_BYTES // (8 * self.form.width))
        with told_of(type(self.estimator).__name__, "answer rows"):
            parts = [
                np.asarray(self.answers(exact(self.form(features[start : start + rows]))), np.float64)
                for start in range(0, len(features), rows)
            ]
        answers = np.concatenate(parts)
        return answers if self.classifies else answers.reshape(-1)

    def answers(self, rows: NDArray[np.float64]) -> Any:
        """Answer rows in their form, [n, width], with predictions [n] or probabilities [n, classes]."""
        return self.estimator.predict_proba(rows) if self.classifies else self.estimator.predict(rows)

    def export(self, graph: Export) -> str:
        """Add the converted nodes; the logarithms of probabilities are logits whose softmax they are.

        A converter that takes one probability from 1 may come out below 0 by rounding.
        """
        converted = self.converted()
        answer = graph.splice(converted, "estimator", self.form.export(graph), converted.graph.output[-1].name)
        if not self.classifies:
            return answer
        return graph.node("Log", [graph.node("Relu", [answer], "estimator/share")], "raw")

    def converted(self) -> "onnx.ModelProto":
        """Return the estimator as a graph of its own."""
        return convert(self.estimator, self.form.width)

    def save_native(self, folder: Path, requirements: list[str]) -> None:
        """Save as an MLflow scikit-learn model."""
        save_sklearn(self.estimator, folder, requirements)

    def params(self) -> dict[str, Any]:
        """Every parameter of the estimator, those that nobody gave too."""
        found = self.estimator.get_params(deep=False)
        return {f"estimator.{name}": str(value)[:SHOWN_CHARACTERS] for name, value in found.items()} | self.more


def exact(rows: Float32Array) -> NDArray[np.float64]:
    """Return rows as 64-bit floats of the same values, in which estimators reckon."""
    return rows.astype(np.float64)


def refuse_too_large(material: Material, form: Form) -> None:
    """Refuse rows that would take too much memory in their form.

    Raises:
        StepError: says how many rows would do.
    """
    size = 8 * len(material.train) * form.width
    if size > FIT_BYTES:
        raise StepError(
            f"{len(material.train)} rows of {form.width} columns (one for each value of a category and word of a text) "
            f"take {size / 2**30:.1f} GiB; set training.sample_rows to at most {FIT_BYTES // (8 * form.width)}"
        )
