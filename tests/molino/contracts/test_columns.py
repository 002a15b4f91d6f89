import pytest

from molino.contracts.columns import columns_of

BLANKS = [{"name": "a_b_2", "column": "a b"}, {"name": "a_b", "column": None}]
"""As `molino init` calls two columns whose names differ by a blank."""
RENAMED = [{"name": "x", "column": "area"}, {"name": "area", "column": "Area (m2)"}]
"""One feature has the name of the other's column."""


@pytest.mark.parametrize(
    ("features", "header", "places"),
    [
        (BLANKS, ["a b", "a_b"], {"a_b_2": "a b", "a_b": "a_b"}),
        (BLANKS, ["a_b", "a_b_2"], {"a_b_2": "a_b_2", "a_b": "a_b"}),
        (RENAMED, ["Area (m2)", "area"], {"x": "area", "area": "Area (m2)"}),
        (RENAMED, ["area", "x"], {"x": "x", "area": "area"}),
        (RENAMED, ["area", "x", "Area (m2)"], {"x": "area", "area": "Area (m2)"}),
    ],
)
def test_a_table_has_the_source_s_headers_or_the_features_names(
    features: list[dict[str, str | None]], header: list[str], places: dict[str, str]
) -> None:
    assert columns_of(features, header) == places


def test_no_column_is_taken_for_two_features() -> None:
    assert columns_of(RENAMED, ["area", "other"]) == {"x": "area"}


def test_what_lacks_in_one_reading_may_be_called_by_the_other() -> None:
    features = [{"name": "a", "column": "A A"}, {"name": "b", "column": "B B"}, {"name": "c", "column": "C C"}]
    assert columns_of(features, ["A A", "B B", "c"]) == {"a": "A A", "b": "B B", "c": "c"}
    assert columns_of(features, ["a", "b", "C C"]) == {"a": "a", "b": "b", "c": "C C"}
