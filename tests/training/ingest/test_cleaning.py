import math
from collections.abc import Iterator

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import FEATURES, csv_text, good_rows, model

from molino.contracts.model_file import ModelFile
from training.ingest import csv_text as text
from training.ingest.cleaning import ROW, Cleaned, Cleaner
from training.ingest.csv_source import CsvSource

NUMBERS = st.one_of(
    st.floats(-1200, 1200).map(repr),
    st.integers(-5, 25).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(repr),
    st.sampled_from(["", "NA", " 1 ", "1e3", "+2", ".5", "5.", "1_0", "0x10", "1,5", "inf", "NaN", "1e999", "-0"]),
    st.text(st.characters(codec="utf-8", exclude_characters='\0"\r\n', exclude_categories=("Cs",)), max_size=5),
)
TRUTHS = st.sampled_from(["0", "1", "true", "False", "", "NA", "yes", "1.0", "2"])
AREAS = st.sampled_from(["north", "south", " north", "east", "", "NA"])
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, TRUTHS, AREAS, NUMBERS), max_size=30)
POLICIES = st.sampled_from(["keep", "drop", "quarantine"])


class Bytes:
    """Bytes that are read as a file is."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def read(self, size: int, /) -> bytes:
        data, self.rest = self.rest[:size], self.rest[size:]
        return data


def quoted(row: tuple[str, ...]) -> str:
    return ",".join(f'"{cell}"' if "," in cell else cell for cell in row)


def cleaned(data: bytes, described: ModelFile, cleaner: Cleaner | None = None) -> Iterator[Cleaned]:
    cleaner = cleaner or Cleaner(described)
    yield from map(cleaner.clean, CsvSource(Bytes(data), described, "rows").batches())


def clean_rows(data: bytes, described: ModelFile) -> list[tuple[object, ...]]:
    return [row for part in cleaned(data, described) for row in part.clean.rows()]


def quarantined_rows(data: bytes, described: ModelFile) -> list[tuple[object, ...]]:
    return [row for part in cleaned(data, described) if part.quarantined is not None for row in part.quarantined.rows()]


def with_duplicates(policy: str) -> ModelFile:
    return model(quality={"duplicates": policy, "max_quarantined_share": 1.0})


@settings(deadline=None)
@given(ROWS, POLICIES)
def test_each_row_is_clean_quarantined_or_dropped(rows: list[tuple[str, ...]], policy: str) -> None:
    cleaner = Cleaner(with_duplicates(policy))
    parts = list(cleaned(csv_text(*map(quoted, rows)), cleaner.model, cleaner))
    tally = cleaner.tally
    clean = sum(part.clean.height for part in parts)
    quarantined = sum(part.quarantined.height for part in parts if part.quarantined is not None)
    assert (tally.read, tally.clean, tally.quarantined) == (len(rows), clean, quarantined)
    assert tally.dropped == len(rows) - clean - quarantined >= 0


@settings(deadline=None)
@given(ROWS)
def test_clean_rows_follow_the_model_file(rows: list[tuple[str, ...]]) -> None:
    for size, rooms, garden, area, price in clean_rows(csv_text(*map(quoted, rows)), model()):
        assert 0 <= size <= 1000
        assert rooms is None or 1 <= rooms <= 20
        assert garden in (True, False)
        assert area in ("north", "south")
        assert 0 <= price < math.inf


@settings(deadline=None)
@given(ROWS)
def test_clean_rows_equal_in_nothing_but_their_place_are_dropped(rows: list[tuple[str, ...]]) -> None:
    data = csv_text(*map(quoted, rows))
    kept = clean_rows(data, with_duplicates("keep"))
    assert clean_rows(data, with_duplicates("drop")) == list(dict.fromkeys(kept))


@settings(deadline=None)
@given(ROWS)
def test_quarantined_rows_are_the_text_of_their_row(rows: list[tuple[str, ...]]) -> None:
    for number, _, *cells in quarantined_rows(csv_text(*map(quoted, rows)), model()):
        assert [cell or "" for cell in cells] == list(rows[int(str(number)) - 1])


@settings(deadline=None)
@given(ROWS)
def test_a_row_fares_the_same_beside_whatever_rows(rows: list[tuple[str, ...]]) -> None:
    """A piece with a cell that is no number is read as text: that must not change what becomes of its other rows."""
    described, word = model(), "word,1,1,north,1"
    alone = csv_text(*map(quoted, rows))
    beside = csv_text(*map(quoted, rows), word)
    assert clean_rows(alone, described) == clean_rows(beside, described)
    assert quarantined_rows(alone, described) == quarantined_rows(beside, described)[:-1]


@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(20, 200))
def test_the_cut_into_pieces_changes_nothing(rows: list[tuple[str, ...]], size: int) -> None:
    described = with_duplicates("drop")
    data = csv_text(*map(quoted, rows))
    whole = clean_rows(data, described), quarantined_rows(data, described)
    piece_bytes, text.PIECE_BYTES = text.PIECE_BYTES, size
    try:
        assert (clean_rows(data, described), quarantined_rows(data, described)) == whole
    finally:
        text.PIECE_BYTES = piece_bytes


def test_rows_are_numbered_from_the_first_below_the_header() -> None:
    data = csv_text(*good_rows(200_000), "x,1,1,north,1")
    parts = [part.quarantined for part in cleaned(data, model()) if part.quarantined is not None]
    assert pl.concat(parts)[ROW].to_list() == [200_001]


def test_the_first_row_of_a_reason_is_told() -> None:
    cleaner = Cleaner(model())
    list(cleaned(csv_text(*good_rows(3), "1,1,1,east,1", "1,1,1,east,1"), cleaner.model, cleaner))
    assert cleaner.tally.first_rows == {"area: not one of the listed values": 4}


def test_integers_beyond_32_bit_floats_are_set_aside() -> None:
    described = model(features=[{"name": "size", "type": "integer"}, *FEATURES[1:]])
    data = csv_text("16777216,1,1,north,1", "16777217,1,1,north,1", "-16777217,1,1,north,1")
    assert [row[1] for row in quarantined_rows(data, described)] == [
        "size: above 16777216 (use type: number)",
        "size: below -16777216 (use type: number)",
    ]


def test_numbers_beyond_32_bit_floats_are_set_aside() -> None:
    described = model(features=[{"name": "size", "type": "number"}, *FEATURES[1:]])
    data = csv_text("3.4e38,1,1,north,1", "3.5e38,1,1,north,1", "-1e300,1,1,north,1")
    assert [row[0] for row in quarantined_rows(data, described)] == [2, 3]
