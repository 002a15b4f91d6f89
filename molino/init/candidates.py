"""Which candidates a table gets: more of them, and larger batches, where it has many rows."""

from collections.abc import Iterator

MANY_ROWS = 5_000
"""From here on a second library's boosting costs seconds, and it and the network find what the first one doesn't."""
SMALLEST_BATCH, LARGEST_BATCH = 32, 4096
EPOCH_STEPS = 250
"""An epoch of the network takes no more of them, but for batches that would be too large."""
XGBOOST = "{n_estimators: 500, learning_rate: 0.05, subsample: 0.8, colsample_bytree: 0.8}"


def candidates_for(rows: int, training_share: float) -> Iterator[str]:
    """Yield the candidates, each as YAML on one line.

    Args:
        rows: of the whole table.
        training_share: how many of them candidates are trained on.
    """
    batch = batch_for(int(rows * training_share))
    yield "{name: boosting, kind: gradient_boosting}"
    if rows >= MANY_ROWS:
        yield f"{{name: xgboost, kind: xgboost, parameters: {XGBOOST}}}"
    yield "{name: mlp, kind: keras_mlp" + (f", batch_size: {batch}" if batch > SMALLEST_BATCH else "") + "}"
    yield "{name: linear, kind: linear}"
    yield "{name: ensemble, kind: ensemble}"


def batch_for(rows: int) -> int:
    """Return the rows of a batch, a power of two, by those that are trained on."""
    batch = SMALLEST_BATCH
    while batch < LARGEST_BATCH and batch * EPOCH_STEPS < rows:
        batch *= 2
    return batch
