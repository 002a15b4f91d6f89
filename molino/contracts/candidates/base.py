"""What every candidate of a model file has."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, JsonValue, ValidationError
from pydantic_core import CoreSchema

from molino.contracts.contradictions import Contradiction, Key
from molino.contracts.part import NAME_PATTERN, Part, plain
from molino.contracts.search import RANGES, Range, Search

ABOUT_SEARCH = frozenset({"search", "ranges"})


class Candidate(Part):
    """A candidate: its name, its kind, and the hyperparameters of that kind.

    In place of a hyperparameter there may be a range: then the field has the range's first value, and `settled` gives
    the candidate of other ones.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    FIXED: ClassVar[frozenset[str]] = ABOUT_SEARCH | {"name", "kind"}
    """Fields that aren't hyperparameters, and take no range."""

    name: str = Field(pattern=NAME_PATTERN)
    kind: str
    search: Search | None = None
    """How long the ranges are searched, where there are any."""
    ranges: dict[str, Range] = Field(default_factory=dict, alias=RANGES)
    """By field, or by field and key of it, such as `parameters.max_depth`."""

    @property
    def code_files(self) -> tuple[str, ...]:
        """Names of the Python files beside the model file that it is made of."""
        return ()

    @property
    def blends(self) -> bool:
        """Whether it is made of other candidates, and so comes after them."""
        return False

    @property
    def judged_by(self) -> tuple[str, ...]:
        """Names of the metrics that its loss is, beside the task's usual ones."""
        return ()

    @property
    def told(self) -> dict[str, Any]:
        """What is told of it, as JSON: all but the search."""
        return self.model_dump(mode="json", exclude=set(ABOUT_SEARCH))

    def settled(self, values: Mapping[str, JsonValue]) -> Self:
        """Return the candidate with values in place of its ranges.

        Args:
            values: by the same keys as `ranges`; a range without one is taken at its first value.

        Raises:
            ValidationError: its kind doesn't take a value.
        """
        content = self.told
        for name, value in values.items():
            section, _, key = name.partition(".")
            content[section] = content[section] | {key: value} if key else value
        return self.model_validate_json(json.dumps(content))

    @property
    def ends(self) -> tuple[Self, ...]:
        """The candidate with the first and with the last value of all its ranges; itself where it has none."""
        last = {name: span.last for name, span in self.ranges.items()}
        return (self.settled({}), self.settled(last)) if self.ranges else (self,)

    def contradictions(self, key: Key, candidates: Sequence["Candidate"]) -> Iterator[Contradiction]:
        """Yield what it has wrong beside the other candidates; `key` is its own."""
        del key, candidates
        yield from ()

    def wrong_ranges(self, key: Key) -> Iterator[Contradiction]:
        """Yield what is wrong with its ranges and their search; `key` is its own."""
        if self.search and not self.ranges:
            yield (*key, "search"), "there is no range to search, such as alpha: {low: 0.01, high: 100, log: true}"
        for name, span in self.ranges.items():
            at: Key = (*key, *name.split(".", 1))
            if name.partition(".")[0] in self.FIXED:
                yield at, "this key takes no range; expected one value"
                continue
            found = list(span.contradictions(at))
            yield from found
            for where, value in () if found else span.ends():
                try:
                    self.settled({name: value})
                except ValidationError as error:
                    yield (*at, *where), f"{plain(error.errors()[0]['msg'])} (got {value!r})"

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of what is written: a range stands in a hyperparameter's place."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema)["properties"]
        span = properties.pop(RANGES)["additionalProperties"]
        if properties.keys() <= cls.FIXED:
            del properties["search"]
        for name in properties.keys() - cls.FIXED:
            properties[name] = _or_range(properties[name], span)
        return schema


def _or_range(value: dict[str, Any], span: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a hyperparameter, or of each value of a mapping of them, that may be a range."""
    if value.get("type") == "object":
        return value | {"additionalProperties": {"anyOf": [span, value["additionalProperties"]]}}
    about = {key: value[key] for key in ("title", "description", "default") if key in value}
    plain = {key: one for key, one in value.items() if key not in about}
    anyone: dict[str, Any] = {"anyOf": [*plain.get("anyOf", [plain]), span]}
    return anyone | about
