"""What serving does of a feature, whatever its type."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from molino.contracts.release import Feature, Reference

ABSENT: Any = object()
"""Stands for a value that a request leaves out, where null is one that it gives."""
NUMBERS = frozenset({"FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"})
"""The Open Inference Protocol's datatypes of numbers."""
GraphInputs = Mapping[str, NDArray[Any]]
"""What a graph is run on: each input's name to its tensor."""


class ServedFeature(ABC):
    """One feature of a release.

    `json_type` and `present` accept the same values: the first compiled into the decoder of a predict body, the
    second one by one, to say what is wrong. Of a value that can be spelled in several ways, the first may refuse all
    spellings but one.
    """

    type: ClassVar[str]
    """The name by which a release says which type is meant."""
    dtypes: ClassVar[frozenset[str]] = frozenset({"float32", "int64"})
    """The inputs of a graph that it may be."""
    datatypes: ClassVar[frozenset[str]] = NUMBERS
    """The Open Inference Protocol's datatypes that it takes; values are checked like those of `/predict`."""
    datatype: ClassVar[str | None] = None
    """What of these the model's metadata says, where that is another than the graph's own."""
    plain: ClassVar[bool] = True
    """Whether NumPy makes numbers of its values without `tensor`: a matrix of such features is filled at once."""

    whole: ClassVar[bool] = False
    """Whether the graph takes whole numbers alone."""

    drawn: ClassVar[bool] = True
    """Whether explanations draw values from its reference; else they take those of the release's example."""

    any_text: bool = False
    """Whether any string is a value that isn't blank, which `json_type` can't say."""

    def __init__(self, feature: Feature, refuses_range: bool) -> None:
        """Prepare for a feature; `refuses_range` has values outside its range refused."""
        self.feature = feature
        self.refuses_range = refuses_range

    @property
    @abstractmethod
    def expected(self) -> str:
        """What a value must be, in the words of an error."""

    @abstractmethod
    def json_type(self) -> Any:
        """Return the type by which msgspec reads and checks a value that is there."""

    @abstractmethod
    def present(self, value: Any) -> Any:
        """Return a value that is there, as `tensor` takes it.

        Raises:
            ValueError: says what was expected and what was there.
        """

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value that is there."""

    @abstractmethod
    def count(self, column: NDArray[Any], reference: Reference) -> list[int]:
        """Return how many values of a tensor are missing and outside, and the count of each bin of the reference."""

    @abstractmethod
    def field(self) -> dict[str, Any]:
        """Return its field of the page's form.

        `sends` is what the page makes of the text: `string`, `number` or `boolean`. `choices` makes a list to choose
        from; else `input` has the attributes of an HTML input.
        """

    def tensor(self, values: Sequence[Any], dtype: DTypeLike) -> NDArray[Any]:
        """Return checked values as an input of the graph, of shape [rows]; a missing number is NaN."""
        return np.array(values, dtype=dtype)

    def check(self, value: Any) -> Any:
        """Return a value as `tensor` takes it; none where it is missing and the graph fills it in.

        Raises:
            ValueError: says what was expected and what was there.
        """
        if value is None or value is ABSENT:
            if self.feature.missing == "impute":
                return None
            raise ValueError("the value is missing" if value is ABSENT else f"expected {self.expected}, got null")
        return self.present(value)


def count_words(present: Sequence[str], rows: int, words: Sequence[str]) -> list[int]:
    """Return how many of the rows are missing and outside, and how many have each word."""
    counted = dict.fromkeys(words, 0)
    outside = 0
    for value in present:
        if value in counted:
            counted[value] += 1
        else:
            outside += 1
    return [rows - len(present), outside, *counted.values()]
