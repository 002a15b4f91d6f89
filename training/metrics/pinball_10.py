"""Pinball loss of answers that one row in ten should lie below."""

from training.metrics.pinball import Pinball


class Pinball10(Pinball):
    """Of the quantile 0.1."""

    quantile = 0.1
