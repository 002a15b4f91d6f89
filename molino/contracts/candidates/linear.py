"""A linear model of scikit-learn."""

from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import Field

from molino.contracts.candidates.base import Candidate
from molino.contracts.candidates.losses import metrics_of_loss, wrong_quantile
from molino.contracts.contradictions import Contradiction, Key


class Linear(Candidate):
    """Ridge regression, or logistic regression, of scikit-learn: the baseline."""

    kind: Literal["linear"]
    alpha: float = Field(default=1.0, gt=0)
    """Strength of the L2 penalty."""
    loss: Literal["squared_error", "quantile", "poisson"] | None = None
    """Of a regression: the mean (squared_error, the default), a quantile (with an L1 penalty, as scikit-learn has it),
    or the mean of counts, whose logarithm is linear."""
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
