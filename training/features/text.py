"""Free text."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from molino.contracts.errors import StepError
from molino.contracts.features.text import Text
from molino.contracts.release import Reference
from molino.contracts.words import word_count, words_of
from training.features.base import FeatureType, Known
from training.features.category import value_positions
from training.features.fitted import Fitted, Float32Array
from training.features.words import fit_words
from training.profiles.profile import ColumnProfile, Measure, Spread
from training.profiles.reference import measured_reference

MOST_TEXTS = 2**24
"""So many positions 32-bit floats can tell apart."""
MOST_BYTES = 2**28
"""Of the different texts of a column, which training holds in memory."""


class TextType(FeatureType[Text]):
    """Free text, kept as its words; its code is its position among all texts of the data."""

    dtype = "string"
    remembers = True

    def accepts(self, dtype: pl.DataType) -> bool:
        """Take text alone."""
        del dtype
        return False

    def parsed(self, dtype: pl.DataType) -> pl.Expr:
        """Return the words; each different text is read once."""
        del dtype
        return self.column.cast(pl.String).map_batches(_read, return_dtype=pl.String())

    def clean_type(self) -> pl.DataType:
        """Return strings."""
        return pl.String()

    def measure(self) -> Measure:
        """Return what takes in how many words there are."""
        return WordCounts()

    def described(self, rows: int, missing: int) -> ColumnProfile:
        """Return the profile, whose numbers are those of words."""
        return super().described(rows, missing).model_copy(update={"unit": "words"})

    def reference(self, present: NDArray[np.float64], rows: int, known: Known) -> Reference:
        """Return bins of how many words texts have; one of no words counts as missing, as in the graph."""
        counts = np.array([word_count(text) for text in known or ()], np.float64)[present.astype(np.intp)]
        return measured_reference(counts[counts > 0], rows)

    def known(self, seen: pl.DataFrame | None) -> Known:
        """Return every text, in alphabetical order."""
        assert seen is not None
        texts = seen["value"]
        size = int(texts.str.len_bytes().sum())
        if len(texts) > MOST_TEXTS or size > MOST_BYTES:
            raise StepError(
                f"feature {self.name!r} has {len(texts)} different texts of {size / 2**20:.0f} MiB, more than "
                f"{MOST_BYTES >> 20} MiB or {MOST_TEXTS} of them; give fewer rows, or take it out of the model file"
            )
        return tuple(sorted(texts))

    def codes(self, column: pl.Series, known: Known) -> Float32Array:
        """Return positions among the texts."""
        return value_positions(column, known or ())

    def fit(self, index: int, codes: Float32Array, known: Known) -> Fitted:
        """Fit the words that are counted, and their weights."""
        feature = self.feature
        return fit_words(
            index, self.name, feature.missing == "impute", codes, known or (),
            feature.max_features, feature.ngrams, feature.minimum_rows,
        )  # fmt: skip


class WordCounts(Spread):
    """Range, mean, standard deviation and histogram of how many words texts have."""

    def __init__(self) -> None:
        super().__init__(whole=True)

    def add(self, column: pl.Series) -> None:
        """Take in texts."""
        super().add(pl.Series([word_count(text) for text in column]))


def _read(cells: pl.Series) -> pl.Series:
    different = cells.unique().drop_nulls()
    read = pl.Series([words_of(text) for text in different], dtype=pl.String)
    table = pl.DataFrame({"cell": different, "read": read})
    found = cells.to_frame("cell").join(table, on="cell", how="left", maintain_order="left")
    return found["read"].alias(cells.name)
