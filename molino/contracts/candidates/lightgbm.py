"""Gradient boosting of LightGBM."""

from typing import Literal

from pydantic import Field, JsonValue

from molino.contracts.candidates.base import Candidate
from molino.contracts.part import Count


class LightGBM(Candidate):
    """Gradient boosting of LightGBM, with early stopping on the validation rows."""

    kind: Literal["lightgbm"]
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """What its scikit-learn class takes; `n_estimators` is how many rounds there are at most."""
    patience: Count = 50
    """Rounds without a better loss on the validation rows before it stops."""
