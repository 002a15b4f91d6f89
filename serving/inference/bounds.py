"""How large a request may be, from the release."""

from collections.abc import Iterator

import numpy as np

from molino.contracts.release import Release
from serving.http.problems import Problem

SMALL_BYTES = 128 * 1024
"""A body up to this size can't be made into much, whatever it holds."""
SPARE = 10_000
"""Beyond twice what the rows may have: near misses are told row by row."""
DEEPEST = 1000
"""Lists and objects within each other, of which the decoder takes no more either."""
PIECE_BYTES = 2**20
_QUOTE, _COMMA, _LIST, _OBJECT, _LIST_END, _OBJECT_END = b'",[{]}'


def read_max_rows(release: Release) -> int:
    """Return how many rows one request may have."""
    return int(release.serving.get("max_rows", 10_000))


def most_explained(release: Release, permutations: int, graph_rows: int) -> int:
    """Return how many rows are explained at once, where the graph may be run on so many; at least one."""
    return max(1, min(read_max_rows(release), graph_rows // (2 * permutations * len(release.features))))


class BodyBounds:
    """How many values a JSON body may hold, which is told before it is decoded.

    An empty list takes three bytes of a body and twenty times as many once it is decoded, and nothing else is done by
    a process while its decoder runs.
    """

    def __init__(self, release: Release) -> None:
        self._rows = read_max_rows(release)
        self._features = len(release.features)
        self.most_values = self._rows * self._features
        """Of all rows together."""
        self._values = 2 * self.most_values + SPARE
        self._lists = 2 * self._rows + SPARE

    def require(self, body: bytes, by_value: bool = False) -> None:
        """Return where a body holds no more than the rows may have.

        Args:
            body: the JSON.
            by_value: lets each value stand in a list of its own.

        Raises:
            Problem: 422, and 400 where what is too much is how deep they stand in each other.
        """
        lists = self._values if by_value else self._lists
        if len(body) <= SMALL_BYTES or (body.count(b",") <= self._values and _opened(body) <= lists):
            return
        for values, opened, closed in count_outside_texts(body):
            if opened > lists and opened - closed > DEEPEST:
                raise Problem(400, "the body is nested too deeply")
            if values > self._values or opened > lists:
                raise Problem(422, f"the body holds more than {self._rows} rows of {self._features} features can have")


def count_outside_texts(body: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield how many commas, and how many begins and ends of lists and objects, a JSON text has outside its strings.

    The count goes on with each piece of the text; the last one is of all.
    """
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    commas = opened = closed = 0
    inside = False
    for start in range(0, len(plain), PIECE_BYTES):
        piece = np.frombuffer(plain, np.uint8, min(PIECE_BYTES, len(plain) - start), start)
        in_text = np.logical_xor.accumulate(piece == _QUOTE) ^ inside
        inside = bool(in_text[-1])
        outside = piece[~in_text]
        commas += int((outside == _COMMA).sum())
        opened += int(((outside == _LIST) | (outside == _OBJECT)).sum())
        closed += int(((outside == _LIST_END) | (outside == _OBJECT_END)).sum())
        yield commas, opened, closed


def _opened(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{")
