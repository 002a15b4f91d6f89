"""Ranges in place of a candidate's hyperparameters, and how long they are searched."""

from collections.abc import Iterator
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any

from pydantic import Field, JsonValue, PlainValidator, WithJsonSchema

from molino.contracts.contradictions import Contradiction, Key
from molino.contracts.part import Part

RANGES = "(ranges)"
"""Where a candidate's ranges are put as a model file is read; no key of a file."""
MARKS = frozenset({"low", "high", "choices"})
"""A mapping that has one of these keys is a range."""
DEFAULT_TRIALS = 30
MOST_STEPS = 10**9
"""Between the ends of a range: beyond, all numbers do."""


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("expected a number")
    return value


Number = Annotated[float, PlainValidator(_number), WithJsonSchema({"type": "number"})]
"""Keeps a whole number whole."""


class Range(Part):
    """What a search takes a hyperparameter from: numbers from low to high, or a list of choices."""

    low: Number | None = None
    high: Number | None = None
    log: bool = False
    """Whether the logarithm is drawn evenly, as suits what may lie in several powers of ten."""
    step: Number | None = None
    """Between one value and the next; whole numbers go by 1 and others continuously where not given."""
    choices: tuple[JsonValue, ...] | None = None
    """In place of low and high: the values."""

    @property
    def first(self) -> JsonValue:
        """The first choice, or the lowest value."""
        return self.choices[0] if self.choices else self.low

    @property
    def last(self) -> JsonValue:
        """The last choice, or the highest value."""
        return self.choices[-1] if self.choices else self.high

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole ones: all of them are written so."""
        return all(isinstance(one, int) for one in (self.low, self.high, self.step) if one is not None)

    @property
    def last_step(self) -> float:
        """The highest value that steps from the lowest one reach."""
        assert self.low is not None
        assert self.high is not None
        if self.step is None:
            return self.high
        low, high, step = (Decimal(str(one)) for one in (self.low, self.high, self.step))
        reached = low + (high - low) // step * step
        return int(reached) if self.whole else float(reached)

    @property
    def size(self) -> int | None:
        """How many values there are; none of a continuous range."""
        if self.choices is not None:
            return len(self.choices)
        assert self.low is not None
        if not self.whole and self.step is None:
            return None
        return round((self.last_step - self.low) / (self.step or 1)) + 1

    def ends(self) -> Iterator[tuple[Key, JsonValue]]:
        """Yield every choice, or the values at the ends, each with its key."""
        if self.choices is not None:
            yield from ((("choices", index), choice) for index, choice in enumerate(self.choices))
            return
        yield ("high",), self.high
        if self.step is not None:
            assert self.low is not None
            yield ("step",), self.low + self.step

    def contradictions(self, key: Key) -> Iterator[Contradiction]:
        """Yield what keeps it from being a range; `key` is its own."""
        if self.choices is not None:
            if not self.choices:
                yield (*key, "choices"), "expected at least one choice"
            if other := sorted(self.model_fields_set - {"choices"}):
                yield (*key, other[0]), "choices stand alone; take this key out, or give low and high in their place"
            return
        if self.low is None or self.high is None:
            lacking = "low" if self.low is None else "high"
            yield (*key, lacking), "this key is required: a range has low and high, or choices"
            return
        if self.low > self.high:
            yield (*key, "low"), f"expected no more than high, which is {self.high} (got {self.low})"
        if self.log and self.low <= 0:
            yield (*key, "low"), f"expected more than 0, as log is true (got {self.low})"
        if self.step is not None and self.step <= 0:
            yield (*key, "step"), f"expected more than 0 (got {self.step})"
        elif self.step is not None and self.log:
            yield (*key, "step"), "steps don't go with log: true; take one of them out"
        elif self.step is not None and self.high - self.low > MOST_STEPS * self.step:
            yield (*key, "step"), f"expected at most {MOST_STEPS:g} steps from low to high; take it out for all numbers"
        elif self.step is None and not isfinite(self.high - self.low):
            yield (*key, "high"), f"expected a range that is no wider than a number can tell (got {self.high})"
        elif self.step is not None and self.step > self.high - self.low >= 0:
            yield (*key, "step"), f"expected no more than the range, which is {self.high - self.low} (got {self.step})"


class Search(Part):
    """How long a candidate's ranges are searched: until the trials or the minutes are used up, whichever is first."""

    trials: int | None = Field(default=None, ge=1, le=1000)
    """Trainings; 30 where neither these nor minutes are given."""
    minutes: float | None = Field(default=None, gt=0, le=1440)
    """Of training; the trial that is under way goes on to its end. How many trials there are depends on the machine."""
    pruning: bool = True
    """Whether a trial ends early that is worse than the median of those before it after as many rounds, epochs or
    folds. Rounds and epochs are compared by the training's own loss on validation rows: set it to false where that
    loss itself is searched."""


def ranges_apart(content: dict[str, Any]) -> dict[str, Any]:
    """Return a model file's content with each candidate's ranges apart, and a range's first value in its place."""
    candidates = content.get("candidates")
    if not isinstance(candidates, list):
        return content
    return content | {"candidates": [_apart(one) if isinstance(one, dict) else one for one in candidates]}


def _apart(candidate: dict[Any, Any]) -> dict[Any, Any]:
    ranges: dict[str, Any] = {}
    plain = dict(candidate)
    for name, value in candidate.items():
        if not isinstance(value, dict):
            continue
        if _is_range(name, value):
            _put(plain, name, value)
            ranges[str(name)] = value
            continue
        inner = dict(value)
        for key, one in value.items():
            if isinstance(one, dict) and _is_range(key, one):
                _put(inner, key, one)
                ranges[f"{name}.{key}"] = one
        plain[name] = inner
    return plain | {RANGES: ranges} if ranges else plain


def _is_range(key: Any, value: dict[Any, Any]) -> bool:
    if key == "class_weight":  # of which numbers are no values, and classes may be called low and high
        return isinstance(value.get("choices"), list)
    return not MARKS.isdisjoint(value)


def _put(section: dict[Any, Any], key: Any, value: dict[Any, Any]) -> None:
    """Put a range's first value in its place, or nothing where it has none."""
    choices = value.get("choices")
    if isinstance(choices, list) and choices:
        section[key] = choices[0]
    elif "low" in value:
        section[key] = value["low"]
    else:
        del section[key]
