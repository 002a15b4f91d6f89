"""How much the rows of each class count in training, as the weights of the rows."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.model_file import ModelFile
from training.train.data import Rows


def class_weights(model: ModelFile, target: NDArray[np.intp]) -> NDArray[np.float64] | None:
    """Return the weight of each class, [classes]; none where the model file gives none.

    Balanced ones are the rows over the number of classes and the rows of the class, as scikit-learn has them.

    Args:
        model: says which.
        target: positions in the classes of the training rows, [n].
    """
    classes, given = model.target.classes, model.training.class_weight
    if classes is None or given is None:
        return None
    if given == "balanced":
        return len(target) / (len(classes) * np.bincount(target, minlength=len(classes)))
    return np.array([given.get(name, 1.0) for name in classes])


def weighing(model: ModelFile, train: Rows) -> Callable[[Rows], Rows]:
    """Return what multiplies the weights of rows by those of their classes, which the training rows tell.

    Raises:
        StepError: no training row has a weight above 0.
    """
    if train.weights is not None and not train.weights.any():
        raise StepError(
            f"{model.name}: no training row has a {model.weight!r} above 0; give weights, or take weight out"
        )
    by_class = class_weights(model, train.target)
    if by_class is None:
        return lambda rows: rows
    return lambda rows: replace(rows, weights=by_class[rows.target] * (1.0 if rows.weights is None else rows.weights))


def weighed(stream: Callable[[int], Iterator[Rows]], weigh: Callable[[Rows], Rows]) -> Callable[[int], Iterator[Rows]]:
    """Return a stream of rows with their weights."""
    return lambda seed: map(weigh, stream(seed))
