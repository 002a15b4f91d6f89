"""Which estimators take the weights of rows, and by which name."""

from collections.abc import Iterator, Mapping
from typing import Any

from molino.contracts.contradictions import Contradiction
from training.train.data import Rows

WEIGHTS = "sample_weight"


def refused(estimator: Any) -> str | None:
    """Return why an estimator can't be fitted to rows that count differently; none where it can."""
    if _argument(estimator) is not None:
        return None
    return (
        f"{type(estimator).__name__} takes no weights of rows; take weight and training.class_weight out, or another "
        "estimator"
    )


def named(parameters: Mapping[str, Any]) -> Iterator[Contradiction]:
    """Yield that a library's parameters weigh classes by name, which has only their positions."""
    if isinstance(parameters.get("class_weight"), dict):
        yield ("parameters", "class_weight"), "classes have no names here; give training.class_weight in its place"


def weighted(estimator: Any, rows: Rows) -> dict[str, Any]:
    """Return what the estimator's `fit` is given of the rows' weights; nothing where all count alike."""
    name = _argument(estimator)
    return {} if rows.weights is None or name is None else {name: rows.weights}


def _argument(estimator: Any) -> str | None:
    """Return what `fit` calls the weights: of a pipeline, those of its last step."""
    from sklearn.utils.validation import has_fit_parameter

    if has_fit_parameter(estimator, WEIGHTS):
        return WEIGHTS
    if not getattr(estimator, "steps", None):
        return None
    name, last = estimator.steps[-1]
    inner = _argument(last)
    return None if inner is None else f"{name}__{inner}"
