"""Which loss a candidate is trained by, where its kind has several."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from molino.contracts.contradictions import Contradiction, Key
from molino.contracts.search import Range

QUANTILE = "quantile"


class Lossy(Protocol):
    """A candidate that names its loss."""

    @property
    def ranges(self) -> Mapping[str, Range]:
        """What its hyperparameters are searched in, where they are."""

    @property
    def loss(self) -> str | None:
        """The loss; none takes the task's own."""

    @property
    def quantile(self) -> float | None:
        """Which quantile of the target is answered."""


def metrics_of_loss(candidate: Lossy) -> tuple[str, ...]:
    """Return the names of the metrics that a loss is."""
    of_quantiles = {0.1: ("pinball_10",), 0.9: ("pinball_90",)}
    if candidate.loss == QUANTILE:
        return of_quantiles.get(candidate.quantile or 0.0, ())
    return ("poisson_deviance",) if candidate.loss == "poisson" else ()


def wrong_quantile(candidate: Lossy, key: Key) -> Iterator[Contradiction]:
    """Yield that a quantile is given without its loss, or the loss without a quantile."""
    searched = candidate.ranges.get("loss")
    losses = (candidate.loss,) if searched is None else searched.choices or ()
    if QUANTILE in losses and candidate.quantile is None:
        yield (*key, "quantile"), "this key is required by loss: quantile; 0.5 is the median"
    if QUANTILE not in losses and candidate.quantile is not None:
        yield (*key, "quantile"), "a quantile belongs to loss: quantile; take it out, or set that loss"
