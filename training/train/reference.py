"""Each feature's distribution over the training rows: what drift is measured against."""

from collections.abc import Mapping

import numpy as np

from molino.contracts.model_file import ModelFile
from molino.contracts.release import Reference
from training.features import type_of
from training.features.fitted import Float32Array


def reference_statistics(
    model: ModelFile, values: Mapping[str, tuple[str, ...]], features: Float32Array
) -> dict[str, Reference]:
    """Count training rows [n, features] (all, or the sample of them) per feature.

    A category's rows of values that the model doesn't know are what its counts lack of `rows` - `missing`.
    """
    found = {}
    for index, feature in enumerate(model.features):
        codes = features[:, index].astype(np.float64)
        present = codes[~np.isnan(codes)]
        found[feature.name] = type_of(feature).reference(present, len(codes), values.get(feature.name))
    return found
