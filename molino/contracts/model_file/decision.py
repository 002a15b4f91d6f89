"""How a classification's probabilities are made truer, and which of them has a row labelled."""

from typing import Literal, Self

from pydantic import Field, model_validator

from molino.contracts.part import Part, Word

Calibration = Literal["isotonic", "sigmoid"]
MOST_CLASSES = 10
"""That isotonic regression takes, a table of each of which is in the graph."""


class Costs(Part):
    """What a wrong label costs; a right one costs nothing."""

    false_positive: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Of a row that is labelled as the positive class and isn't of it."""
    false_negative: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Of a row of the positive class that isn't labelled so."""


class Threshold(Part):
    """From which probability on a row is labelled as the positive class: that which is best on validation rows."""

    cost: Costs | None = None
    """Best is what costs least."""
    maximize: Literal["f1"] | None = None
    """Best is what has the greatest F1 of the positive class."""
    positive: Word | None = None
    """The positive class; the last one when not given."""

    def positive_of(self, classes: tuple[str, ...]) -> str:
        """Return the positive class, of those of the target."""
        return self.positive or classes[-1]

    @model_validator(mode="after")
    def _says_what_is_best(self) -> Self:
        if (self.cost is None) == (self.maximize is None):
            raise ValueError("give one of cost, such as {false_positive: 1, false_negative: 5}, and maximize: f1")
        return self
