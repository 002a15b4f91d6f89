"""Any regressor or classifier of scikit-learn that can be exported."""

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from molino.contracts.candidates.base import Candidate
from molino.contracts.part import ESTIMATOR_PATTERN


class Sklearn(Candidate):
    """An estimator of scikit-learn, named by its import path. The train step says before training what is wrong."""

    FIXED: ClassVar[frozenset[str]] = Candidate.FIXED | {"estimator"}

    kind: Literal["sklearn"]
    estimator: str = Field(pattern=ESTIMATOR_PATTERN)
    """Its import path, such as sklearn.ensemble.RandomForestRegressor."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """What its constructor takes; `random_state` is the run's seed where it isn't given."""
