"""What the 32-bit floats in which graphs take numbers can't tell apart of a column."""

import numpy as np

EXACT = 2.0**24
"""Whole numbers up to this size each have a 32-bit float of their own."""
FINE = 1e-3
"""Steps up to this share of a column's standard deviation lose nothing that a model could use."""


def coarse(low: float, high: float, spread: float, whole: bool) -> str | None:
    """Return how 32-bit floats round a column's values together, and what to do; none where they hold them well.

    Args:
        low: the least value.
        high: the greatest one.
        spread: the standard deviation.
        whole: whether no value has a fraction.
    """
    largest = max(low, high, key=abs)
    step = float(np.spacing(np.float32(abs(largest))))
    held = abs(largest) <= EXACT if whole else step <= FINE * spread
    if held or low == high or not np.isfinite(step):
        return None
    lost = "whole numbers" if whole else f"values, which spread by {spread:.3g},"
    return (
        f"32-bit floats, in which graphs take numbers, step by {step:g} at {largest:.15g}, so that {lost} nearer to "
        "each other than that become one; subtract a constant from the column in the source, such as the first time "
        "of the data, or change its unit"
    )
