"""Scikit-learn models as MLflow keeps them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

SKLEARN_PACKAGES = ("mlflow", "numpy", "scikit-learn", "skops")
"""What loading a scikit-learn model of MLflow takes."""
SKOPS = "skops.io"
"""Takes a second to import at first, and five after TensorFlow: it looks 600 functions up in every loaded module."""
TREES = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
"""skops wants it named, since a forged one could crash who loads it; here the trees are our own."""


def save_sklearn(estimator: Any, folder: Path, requirements: list[str], trusted: Sequence[str] | None = None) -> None:
    """Save an estimator as an MLflow model in a new folder, without pickle.

    It is kept for people: nothing of Molino loads it.

    Args:
        estimator: a fitted one.
        folder: must not exist.
        requirements: what loading it takes.
        trusted: types that skops wants named; asked of skops itself when not given, which takes another dump.
    """
    import mlflow.sklearn
    import skops.io

    mlflow.sklearn.save_model(
        estimator,
        str(folder),
        serialization_format="skops",
        skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(estimator))
        if trusted is None
        else list(trusted),
        pip_requirements=requirements,
    )
