"""Gradient boosting of scikit-learn."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from molino.contracts.candidates.base import Candidate
from molino.contracts.candidates.losses import metrics_of_loss, wrong_quantile
from molino.contracts.contradictions import Contradiction, Key
from molino.contracts.part import LARGEST_COUNT, Count


class GradientBoosting(Candidate):
    """Histogram gradient boosting of scikit-learn."""

    kind: Literal["gradient_boosting"]
    learning_rate: float = Field(default=0.1, gt=0)
    max_iter: Count = 200
    max_leaf_nodes: int = Field(default=31, ge=2, le=LARGEST_COUNT)
    min_samples_leaf: Count = 20
    l2_regularization: float = Field(default=0.0, ge=0)
    loss: Literal["squared_error", "absolute_error", "quantile", "poisson"] | None = None
    """Of a regression: the mean (squared_error, the default), the median, a quantile, or the mean of counts."""
    quantile: float | None = Field(default=None, gt=0, lt=1)
    """Of loss: quantile, the share of rows whose target is to lie below the answer."""

    @property
    def judged_by(self) -> tuple[str, ...]:
        """Names of the metrics that its loss is."""
        return metrics_of_loss(self)

    def contradictions(self, key: Key, candidates: Sequence[Candidate]) -> Iterator[Contradiction]:
        """Yield a quantile without its loss, and the other way round."""
        yield from super().contradictions(key, candidates)
        yield from wrong_quantile(self, key)
