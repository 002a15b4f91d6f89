"""Scikit-learn models as MLflow keeps them."""

from pathlib import Path
from typing import Any

SKLEARN_PACKAGES = ("mlflow", "numpy", "scikit-learn", "skops")
"""What loading a scikit-learn model of MLflow takes."""
TREES = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
"""skops wants it named, since a forged one could crash who loads it; here the trees are our own."""


def save_sklearn(estimator: Any, folder: Path, requirements: list[str]) -> None:
    """Save an estimator as an MLflow model in a new folder, without pickle.

    It is kept for people: nothing of Molino loads it.
    """
    import mlflow.sklearn

    mlflow.sklearn.save_model(
        estimator,
        str(folder),
        serialization_format="skops",
        skops_trusted_types=[TREES],
        pip_requirements=requirements,
    )
