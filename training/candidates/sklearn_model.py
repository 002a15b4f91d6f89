"""Scikit-learn models as MLflow keeps them."""

from pathlib import Path
from typing import Any


def save_sklearn(estimator: Any, folder: Path, requirements: list[str]) -> None:
    """Save an estimator as an MLflow model in a new folder. It is kept for people: nothing of Molino loads it."""
    import mlflow.sklearn

    mlflow.sklearn.save_model(estimator, str(folder), pip_requirements=requirements)
