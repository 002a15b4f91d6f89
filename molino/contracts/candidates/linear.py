"""A linear model of scikit-learn."""

from typing import Literal

from pydantic import Field

from molino.contracts.candidates.base import Candidate


class Linear(Candidate):
    """Ridge regression, or logistic regression, of scikit-learn: the baseline."""

    kind: Literal["linear"]
    alpha: float = Field(default=1.0, gt=0)
    """Strength of the L2 penalty."""
