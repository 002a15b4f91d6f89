"""Texts as how often their words come: as they are, or weighted by TF-IDF, in numpy and as nodes of a graph.

The weight of a word that `df` of `n` training rows have is `ln((1 + n) / (1 + df)) + 1`, and the weighted counts of a
text are divided by the root of the sum of their squares, as scikit-learn's `TfidfVectorizer` does by default. A graph
takes one text after the other, so that no long one among many short ones costs memory for each of them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from training.features.fitted import Derived, Fitted, Float32Array, Nodes

if TYPE_CHECKING:
    import onnx

FLOAT, STRING, DOUBLE = 1, 8, 11
"""ONNX's numbers of its types."""
MOST_GRAMS = 4_000_000
"""Different words and sequences of words of the training rows, which are counted in memory."""
SHOWN_CHARACTERS = 60

Gram = tuple[str, ...]
"""Words that follow each other."""
BodyNode = Callable[..., str]


@dataclass(frozen=True)
class Words(Derived):
    """A text: of each of the words that are counted, how often it comes. A missing text has none."""

    texts: tuple[str, ...]
    """Of the data; a code is a position among them."""
    vocabulary: tuple[Gram, ...]
    """What is counted, by its number of words and then in alphabetical order."""
    weights: NDArray[np.float64]
    """[width]."""
    counts: Any
    """SciPy CSR array [texts + 1, width]: how often each comes in each text; in the last, a missing one, none."""
    scaled: Any
    """The same weighted, each row of length 1."""

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
        return np.asarray(self.counts[self._positions(codes)].toarray(), np.float32)

    def dense(self, codes: Float32Array) -> Float32Array:
        """Return codes [n] as weighted counts, [n, width]."""
        return np.asarray(self.scaled[self._positions(codes)].toarray(), np.float32)

    def sparse(self, codes: Float32Array) -> Any:
        """Return the same as a SciPy CSR array."""
        return self.scaled[self._positions(codes)]

    def export_numbers(self, graph: Nodes) -> str:
        """Add the nodes of `numbers` and return their output."""
        return self._export(graph, "counts", lambda _node, counts: counts)

    def export_dense(self, graph: Nodes) -> str:
        """Add the nodes of `dense` and return their output."""
        weights = graph.constant(f"columns/{self.name}/weights", self.weights)
        least = graph.constant(f"columns/{self.name}/least", np.float64(1))
        axis = graph.constant(f"columns/{self.name}/axis", np.array([0], np.int64))

        def weighted(node: BodyNode, counts: str) -> str:
            """Weigh counts in 64 bits; a text with any word has a length of 1 at least, since weights are."""
            heavy = node("Mul", [node("Cast", [counts], "exact", to=DOUBLE), weights], "heavy")
            squares = node("ReduceSum", [node("Mul", [heavy, heavy], "squares"), axis], "square", keepdims=1)
            length = node("Max", [node("Sqrt", [squares], "root"), least], "length")
            return node("Cast", [node("Div", [heavy, length], "unit")], "scaled", to=FLOAT)

        return self._export(graph, "weighted", weighted)

    def _positions(self, codes: Float32Array) -> NDArray[np.intp]:
        return np.where(np.isnan(codes), len(self.texts), codes).astype(np.intp)

    def _export(self, graph: Nodes, name: str, ending: Callable[[BodyNode, str], str]) -> str:
        """Add a node that counts the words of one text after the other, and `ending` to what it does of each."""
        from onnx import helper

        scope = graph.constant(f"columns/{self.name}/{name}/none", np.float32(0)).removesuffix("none")
        nodes: list[onnx.NodeProto] = []

        def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
            nodes.append(helper.make_node(kind, list(inputs), [scope + output], **attributes))
            return scope + output

        nodes.append(
            helper.make_node("StringSplit", [f"{scope}text"], [f"{scope}words", f"{scope}number"], delimiter=" ")
        )
        answer = ending(node, node("TfIdfVectorizer", [f"{scope}words"], "counts", **self._counted()))
        body = helper.make_graph(
            nodes,
            f"{scope}body",
            [helper.make_tensor_value_info(f"{scope}text", STRING, [])],
            [helper.make_tensor_value_info(answer, FLOAT, [self.width])],
        )
        return graph.node("Scan", [self.name], f"columns/{self.name}/{name}/rows", body=body, num_scan_inputs=1)

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
    from scipy.sparse import csr_array, diags_array  # type: ignore[import-untyped]

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
    cells = np.array([times for one in counted for times in one.values()], np.float64)
    columns = np.array([column for one in counted for column in one], np.int32)
    counts = csr_array((cells, columns, pointers), shape=(len(texts) + 1, len(vocabulary)))
    heavy = counts @ diags_array(weights)
    lengths = np.sqrt(np.asarray((heavy * heavy).sum(axis=1))).reshape(-1)
    scaled = csr_array(heavy)
    scaled.data /= np.repeat(np.maximum(lengths, 1), np.diff(scaled.indptr))
    return Words(index, name, imputed, texts, vocabulary, weights, counts, scaled)


def _grams(text: str, longest: int) -> Iterator[Gram]:
    """Yield the words of a text, and those that follow each other."""
    words = text.split()
    for size in range(1, longest + 1):
        for start in range(len(words) - size + 1):
            yield tuple(words[start : start + size])
