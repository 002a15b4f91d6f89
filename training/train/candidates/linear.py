"""Ridge regression, or logistic regression with an L2 penalty: the baseline."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.candidates.linear import Linear
from molino.contracts.contradictions import Contradiction
from molino.contracts.model_file import LoadedModel
from training.features.fitted import Float32Array
from training.train.candidates.contract import Material
from training.train.candidates.losses import answered, wrong_loss
from training.train.candidates.sklearn_model import SKLEARN_PACKAGES, SKOPS, save_sklearn
from training.train.encoding import Encoding
from training.train.export import Export

FIRST = (SKOPS,)
MAX_ITERATIONS = 1000
DENSE_BYTES = 1 << 28
"""Of rows in their dense form; more are trained on in their sparse form, and answered in parts."""
SPARSE_RIDGE: dict[str, Any] = {"solver": "sparse_cg", "tol": 1e-8}
"""Comes as near to the dense solution as 32-bit weights can tell."""


class LinearModel:
    """A scikit-learn linear model over the dense encoding."""

    native_packages = SKLEARN_PACKAGES
    rounds = None

    def __init__(self, estimator: Any, encoding: Encoding, rows_trained: int) -> None:
        self.estimator = estimator
        self.encoding = encoding
        self.rows_trained = rows_trained

    def predict(self, features: Float32Array) -> NDArray[np.float64]:
        """Answer rows with scikit-learn."""
        asked = getattr(self.estimator, "predict_proba", self.estimator.predict)
        rows = max(1, DENSE_BYTES // (8 * self.encoding.width))
        parts = [features[start : start + rows] for start in range(0, len(features), rows)]
        return np.concatenate([asked(self.encoding.dense(part).astype(np.float64)) for part in parts])

    def export(self, graph: Export) -> str:
        """Add one matrix product; two classes have the logits 0 and z, as a logistic function is a softmax of them."""
        weights = np.atleast_2d(self.estimator.coef_)
        bias = np.atleast_1d(self.estimator.intercept_)
        if len(weights) == 1 and hasattr(self.estimator, "classes_"):
            weights, bias = np.vstack([np.zeros_like(weights), weights]), np.array([0.0, bias[0]])
        factors = graph.constant("linear/weights", weights.T.astype(np.float32))
        product = graph.node("MatMul", [graph.dense(), factors], "linear/product")
        raw = graph.node("Add", [product, graph.constant("linear/bias", bias.astype(np.float32))], "raw")
        return answered(graph, raw, self.estimator)

    def save_native(self, folder: Path, requirements: list[str]) -> None:
        """Save as an MLflow scikit-learn model."""
        save_sklearn(self.estimator, folder, requirements, ())

    def params(self) -> dict[str, Any]:
        """Nothing besides the hyperparameters."""
        return {}


def faults(candidate: Linear, loaded: LoadedModel) -> Iterator[Contradiction]:
    """Yield a loss that can't be had here."""
    yield from wrong_loss(candidate, loaded.file)


def _of_loss(candidate: Linear, sparse: bool) -> Any:
    """Return the regressor of a candidate's loss."""
    from sklearn.linear_model import PoissonRegressor, QuantileRegressor, Ridge

    if candidate.loss == "quantile":
        return QuantileRegressor(quantile=candidate.quantile, alpha=candidate.alpha)
    if candidate.loss == "poisson":
        return PoissonRegressor(alpha=candidate.alpha, max_iter=MAX_ITERATIONS)
    return Ridge(alpha=candidate.alpha, **(SPARSE_RIDGE if sparse else {}))


def fit(candidate: Linear, material: Material) -> LinearModel:
    """Train on the rows in memory."""
    from sklearn.linear_model import LogisticRegression

    rows = material.train
    sparse = 8 * len(rows) * material.encoding.width > DENSE_BYTES
    if material.classes:
        estimator = LogisticRegression(C=1 / candidate.alpha, max_iter=MAX_ITERATIONS)
    else:
        estimator = _of_loss(candidate, sparse)
    estimator.fit(
        material.encoding.sparse(rows.features)
        if sparse
        else material.encoding.dense(rows.features).astype(np.float64),
        rows.target,
        sample_weight=rows.weights,
    )
    return LinearModel(estimator, material.encoding, len(rows))
