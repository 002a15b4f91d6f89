"""What the losses of candidates ask of the target and of a graph."""

from collections.abc import Iterator
from typing import Any

from molino.contracts.candidates.losses import Lossy
from molino.contracts.contradictions import Contradiction
from molino.contracts.model_file import ModelFile
from training.train.export import Export

POISSON = "poisson"


def wrong_loss(candidate: Lossy, model: ModelFile) -> Iterator[Contradiction]:
    """Yield a loss that the model file's task, or its target, has no use for."""
    if candidate.loss is None:
        return
    if model.task != "regression":
        yield ("loss",), "a loss is a regression's to choose; take it out or set task: regression"
    elif candidate.loss == POISSON and model.target.transform is not None:
        yield ("loss",), "loss: poisson takes the target as it is; take target.transform out"


def answered(graph: Export, raw: str, estimator: Any) -> str:
    """Return the answer of what a regression's estimator adds up: of Poisson losses it is the logarithm of the mean."""
    logarithmic = getattr(estimator, "loss", None) == POISSON or type(estimator).__name__ == "PoissonRegressor"
    return graph.node("Exp", [raw], "mean") if logarithmic else raw
