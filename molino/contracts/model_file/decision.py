"""How a classification's probabilities are made truer, and which of them has a row labelled."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from molino.contracts.part import MAPPING, ONE, OR_MAPPING, Part, Word

Calibration = Literal["isotonic", "sigmoid"]
MOST_CLASSES = 10
"""That isotonic regression takes, a table of each of which is in the graph."""


class Costs(Part):
    """What a wrong label costs; a right one costs nothing."""

    false_positive: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Of a row that is labelled as the positive class and isn't of it."""
    false_negative: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Of a row of the positive class that isn't labelled so."""


Cost = Annotated[float, Field(ge=0)]
OfClass = Annotated[Annotated[Cost, ONE] | Annotated[dict[Word, Cost], MAPPING], OR_MAPPING]
"""One number for all labels, or a number for each."""


class Threshold(Part):
    """From which probability on a row gets a label: that which is best on validation rows."""

    cost: Costs | None = None
    """Of two classes: best is what costs least."""
    costs: dict[Word, OfClass] | None = None
    """Of any number of classes: best is what costs least, by what a row of a class costs that gets another label: one
    number, or one for each label. What isn't given costs 1, a right label nothing."""
    maximize: Literal["f1"] | None = None
    """Of two classes: best is what has the greatest F1 of the positive class."""
    positive: Word | None = None
    """The positive class of two; the last one when not given."""

    def positive_of(self, classes: tuple[str, ...]) -> str:
        """Return the positive class, of those of the target."""
        return self.positive or classes[-1]

    def matrix(self, classes: tuple[str, ...]) -> list[list[float]]:
        """Return what each label costs a row of each class, [class][label], by `costs`."""
        given = self.costs or {}

        def cost(actual: str, label: str) -> float:
            of_class = given.get(actual, 1.0)
            found = of_class.get(label, 1.0) if isinstance(of_class, dict) else of_class
            return 0.0 if actual == label else found

        return [[cost(actual, label) for label in classes] for actual in classes]

    @model_validator(mode="after")
    def _says_what_is_best(self) -> Self:
        if sum(one is not None for one in (self.cost, self.costs, self.maximize)) != 1:
            raise ValueError(
                "give one of cost, such as {false_positive: 1, false_negative: 5}, costs, such as {ill: 5, well: 1}, "
                "and maximize: f1"
            )
        if self.costs is not None and self.positive is not None:
            raise ValueError("costs has no positive class; take positive out")
        return self
