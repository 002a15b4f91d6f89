"""Pinball loss of answers that nine rows in ten should lie below."""

from training.metrics.pinball import Pinball


class Pinball90(Pinball):
    """Of the quantile 0.9."""

    quantile = 0.9
