"""Texts as how often their words come: as they are, or weighted by TF-IDF, in numpy and as nodes of a graph.

The weight of a word that `df` of `n` training rows have is `ln((1 + n) / (1 + df)) + 1`, and the weighted counts of a
text are divided by the root of the sum of their squares, as scikit-learn's `TfidfVectorizer` does by default. A graph
takes one text after the other, so that no long one among many short ones costs memory for each of them.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from training.features.fitted import Derived, Fitted, Float32Array, Nodes, Sparse, TextNode

FLOAT, DOUBLE = 1, 11
"""ONNX's numbers of its types."""
MOST_GRAMS = 4_000_000
"""Different words and sequences of words of the training rows, which are counted in memory."""
SHOWN_CHARACTERS = 60

Gram = tuple[str, ...]
"""Words that follow each other."""


@dataclass(frozen=True)
class Words(Derived):
    """A text: of each of the words that are counted, how often it comes. A missing text has none."""

    texts: tuple[str, ...]
    """Of the data; a code is a position among them."""
    vocabulary: tuple[Gram, ...]
    """What is counted, by its number of words and then in alphabetical order."""
    weights: NDArray[np.float64]
    """[width]."""
    pointers: NDArray[np.intp]
    """[texts + 2]: where the cells of each text begin, those of a missing one, of which there are none, and the end."""
    columns: NDArray[np.int32]
    """[cells]: what is counted there."""
    counts: NDArray[np.float64]
    """[cells]: how often it comes in the text."""
    scaled: NDArray[np.float64]
    """[cells]: the same weighted, each text of length 1."""

    has_codes = True

    @property
    def width(self) -> int:
        """A column for each word that is counted."""
        return len(self.vocabulary)

    def drawn(self, rng: np.random.Generator, count: int) -> Float32Array:
        """Draw texts of the data."""
        return rng.integers(0, len(self.texts), count).astype(np.float32)

    def input(self, codes: Float32Array) -> NDArray[Any]:
        """Return the texts; a missing one is empty."""
        return np.array([*self.texts, ""], object)[self._positions(codes)]

    def readable(self, code: float) -> float | str:
        """Return the beginning of the text."""
        return self.texts[int(code)][:SHOWN_CHARACTERS]

    def numbers(self, codes: Float32Array) -> Float32Array:
        """Return codes [n] as counts, [n, width]."""
        return self._filled(codes, self.counts)

    def dense(self, codes: Float32Array) -> Float32Array:
        """Return codes [n] as weighted counts, [n, width]."""
        return self._filled(codes, self.scaled)

    def sparse(self, codes: Float32Array) -> Sparse:
        """Return the same without the words that a text hasn't."""
        lengths, cells = self._cells(codes)
        return np.concatenate([[0], np.cumsum(lengths)]), self.columns[cells], self.scaled[cells]

    def export_numbers(self, graph: Nodes) -> str:
        """Add the nodes of `numbers` and return their output."""
        return graph.each_text(self.name, f"columns/{self.name}/counts", self._counting(), self.width)

    def export_dense(self, graph: Nodes) -> str:
        """Add the nodes of `dense` and return their output.

        Counts are weighed in 64 bits. A text with any word has a length of 1 at least, since weights are.
        """
        weights = graph.constant(f"columns/{self.name}/weights", self.weights)
        least = graph.constant(f"columns/{self.name}/least", np.float64(1))
        axis = graph.constant(f"columns/{self.name}/axis", np.array([0], np.int64))
        nodes = [
            *self._counting(),
            TextNode("Cast", ("counts",), ("exact",), {"to": DOUBLE}),
            TextNode("Mul", ("exact", weights), ("heavy",)),
            TextNode("Mul", ("heavy", "heavy"), ("squares",)),
            TextNode("ReduceSum", ("squares", axis), ("square",), {"keepdims": 1}),
            TextNode("Sqrt", ("square",), ("root",)),
            TextNode("Max", ("root", least), ("length",)),
            TextNode("Div", ("heavy", "length"), ("unit",)),
            TextNode("Cast", ("unit",), ("scaled",), {"to": FLOAT}),
        ]
        return graph.each_text(self.name, f"columns/{self.name}/weighted", nodes, self.width)

    def _positions(self, codes: Float32Array) -> NDArray[np.intp]:
        return np.where(np.isnan(codes), len(self.texts), codes).astype(np.intp)

    def _cells(self, codes: Float32Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return how many cells the text of each code has, [n], and which they are, one text after the other."""
        texts = self._positions(codes)
        starts, lengths = self.pointers[texts], self.pointers[texts + 1] - self.pointers[texts]
        before = np.cumsum(lengths) - lengths
        return lengths, np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))

    def _filled(self, codes: Float32Array, values: NDArray[np.float64]) -> Float32Array:
        found = np.zeros((len(codes), self.width), np.float32)
        lengths, cells = self._cells(codes)
        found[np.repeat(np.arange(len(codes)), lengths), self.columns[cells]] = values[cells]
        return found

    def _counting(self) -> tuple[TextNode, ...]:
        return (
            TextNode("StringSplit", ("text",), ("words", "number"), {"delimiter": " "}),
            TextNode("TfIdfVectorizer", ("words",), ("counts",), self._counted()),
        )

    def _counted(self) -> dict[str, Any]:
        """Return the attributes of the node that counts words."""
        longest = max(map(len, self.vocabulary))
        sizes = [sum(size for gram in self.vocabulary if (size := len(gram)) <= words) for words in range(longest)]
        return {
            "mode": "TF",
            "min_gram_length": 1,
            "max_gram_length": longest,
            "max_skip_count": 0,
            "ngram_counts": sizes,
            "ngram_indexes": list(range(self.width)),
            "pool_strings": [word for gram in self.vocabulary for word in gram],
        }


def fit_words(
    index: int,
    name: str,
    imputed: bool,
    codes: Float32Array,
    texts: tuple[str, ...],
    most: int,
    longest: int,
    minimum_rows: int,
) -> Fitted:
    """Fit a text to training rows.

    Args:
        index: position among the features.
        name: of the feature.
        imputed: whether texts may be missing.
        codes: [n], positions among the texts.
        texts: all of the data.
        most: of how many words, or sequences of them, there is a column.
        longest: words of a sequence.
        minimum_rows: that must have a word.

    Raises:
        StepError: no word is in so many rows, or there are too many to count.
    """
    present = codes[~np.isnan(codes)].astype(np.intp)
    rows = Counter[Gram]()
    for position, times in zip(*(found.tolist() for found in np.unique(present, return_counts=True)), strict=True):
        for gram in set(_grams(texts[position], longest)):
            rows[gram] += times
        if len(rows) > MOST_GRAMS:
            raise StepError(
                f"feature {name!r} has more than {MOST_GRAMS} different words and sequences of words to count; "
                "set ngrams: 1 or a smaller training.sample_rows in the model file"
            )
    frequent = [gram for gram, count in rows.items() if count >= minimum_rows]
    if not frequent:
        raise StepError(
            f"feature {name!r} has no word that {minimum_rows} training rows have; set a smaller minimum_rows, or take "
            "it out of the model file"
        )
    kept = sorted(frequent, key=lambda gram: (-rows[gram], len(gram), gram))[:most]
    vocabulary = tuple(sorted(kept, key=lambda gram: (len(gram), gram)))
    place = {gram: column for column, gram in enumerate(vocabulary)}
    found = np.array([rows[gram] for gram in vocabulary], np.float64)
    weights = np.log((1 + len(codes)) / (1 + found)) + 1
    counted = [Counter(place[gram] for gram in _grams(text, longest) if gram in place) for text in texts]
    pointers = np.cumsum([0, *map(len, counted), 0])
    counts = np.array([times for one in counted for times in one.values()], np.float64)
    columns = np.array([column for one in counted for column in one], np.int32)
    heavy = counts * weights[columns]
    of_text = np.repeat(np.arange(len(texts)), np.diff(pointers)[:-1])
    lengths = np.sqrt(np.bincount(of_text, weights=heavy**2, minlength=len(texts)))
    scaled = heavy / lengths[of_text]
    return Words(index, name, imputed, texts, vocabulary, weights, pointers, columns, counts, scaled)


def _grams(text: str, longest: int) -> Iterator[Gram]:
    """Yield the words of a text, and those that follow each other."""
    words = text.split()
    for size in range(1, longest + 1):
        for start in range(len(words) - size + 1):
            yield tuple(words[start : start + size])
