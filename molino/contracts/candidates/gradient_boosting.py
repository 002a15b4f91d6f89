"""Gradient boosting of scikit-learn."""

from typing import Literal

from pydantic import Field

from molino.contracts.candidates.base import Candidate


class GradientBoosting(Candidate):
    """Histogram gradient boosting of scikit-learn."""

    kind: Literal["gradient_boosting"]
    learning_rate: float = Field(default=0.1, gt=0)
    max_iter: int = Field(default=200, ge=1)
    max_leaf_nodes: int = Field(default=31, ge=2)
    min_samples_leaf: int = Field(default=20, ge=1)
    l2_regularization: float = Field(default=0.0, ge=0)
