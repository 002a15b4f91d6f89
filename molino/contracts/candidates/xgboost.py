"""Gradient boosting of XGBoost."""

from typing import Literal

from pydantic import Field, JsonValue

from molino.contracts.candidates.base import Candidate
from molino.contracts.part import Count


class XGBoost(Candidate):
    """Gradient boosting of XGBoost, with early stopping on the validation rows."""

    kind: Literal["xgboost"]
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """What its scikit-learn class takes; `n_estimators` is how many rounds there are at most."""
    patience: Count = 50
    """Rounds without a better loss on the validation rows before it stops."""
