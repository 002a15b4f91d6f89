"""Rows like those of training, drawn from the distributions that a release keeps, as the inputs of its graph.

Each feature is drawn by itself: a release has none of the data's own rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.release import Reference
from serving.features import ServedFeature

SEED = 7


def draw_columns(
    features: Sequence[ServedFeature],
    references: Mapping[str, Reference],
    typical: Sequence[NDArray[Any]],
    rows: int,
) -> list[NDArray[Any]]:
    """Return a column per feature, the same ones at each call.

    Args:
        features: in feature order.
        references: of the release; a feature without one, or of which none are drawn, takes its typical values in turn.
        typical: columns of the release's example, as the graph takes them.
        rows: how many to draw.
    """
    rng = np.random.default_rng(SEED)
    drawn: list[NDArray[Any]] = []
    for served, known in zip(features, typical, strict=True):
        reference = references.get(served.feature.name)
        if reference is None or not served.drawn or sum(reference.counts) == 0:
            drawn.append(np.resize(known, rows))
        else:
            drawn.append(_draw(served, reference, known.dtype, rows, rng))
    return drawn


def _draw(
    served: ServedFeature, reference: Reference, dtype: np.dtype[Any], rows: int, rng: np.random.Generator
) -> NDArray[Any]:
    counts = np.array(reference.counts, float)
    bins = rng.choice(len(counts), rows, p=counts / counts.sum())
    if reference.values is not None:
        words = np.array(reference.values, object)[bins]
        values = words if dtype.kind == "O" else np.array([word.lower() in ("true", "1") for word in words], dtype)
    else:
        edges = np.array(reference.edges or (0.0, 0.0), float)
        within = edges[bins] + rng.random(rows) * (edges[bins + 1] - edges[bins])
        values = (np.rint(within) if served.whole else within).astype(dtype)
    missing = rng.random(rows) < reference.missing / max(reference.rows, 1)
    if served.feature.missing == "impute" and dtype.kind in "Of":
        values[missing] = "" if dtype.kind == "O" else np.nan
    return values
