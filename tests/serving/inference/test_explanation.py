"""Explanations beside exact Shapley values, which are worked out here over all sets of features."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from bundles import HOUSING_ROW, PENGUIN_ROWS
from graphs import replace_graph, sum_graph

from molino.contracts.pointer import bundle_path
from serving.inference.background import draw_columns
from serving.inference.explanation import explain
from serving.inference.model import Model, load_bundle

PERMUTATIONS = 500


@pytest.fixture(scope="module")
def penguins(releases: Path) -> Model:
    return load_bundle(bundle_path(releases, "penguins", "1"))


@pytest.fixture(scope="module")
def housing(releases: Path) -> Model:
    return load_bundle(bundle_path(releases, "housing", "1"))


def exact_values(model: Model, row: tuple[object, ...], rows: int, output: int) -> tuple[list[float], float]:
    """Return each feature's Shapley value and the mean answer, beside as many background rows."""
    example = model.columns_of(model.read_example())
    background = draw_columns(model.features, model.release.reference, example, rows)
    asked = [column[0] for column in model.columns_of([row])]
    features = range(len(asked))
    worth: dict[frozenset[int], float] = {}
    for size in range(len(asked) + 1):
        for known in map(frozenset, itertools.combinations(features, size)):
            columns = [np.full(rows, asked[i], background[i].dtype) if i in known else background[i] for i in features]
            worth[known] = float(model.evaluate(columns)[:, output].mean())
    values = [
        sum(
            math.factorial(len(known)) * math.factorial(len(asked) - len(known) - 1) / math.factorial(len(asked))
            * (worth[known | {i}] - worth[known])
            for known in worth
            if i not in known
        )
        for i in features
    ]  # fmt: skip
    return values, worth[frozenset()]


@pytest.mark.parametrize("row", PENGUIN_ROWS)
def test_contributions_are_shapley_values(penguins: Model, row: tuple[object, ...]) -> None:
    (told,) = explain(penguins, [row], PERMUTATIONS)
    assert penguins.classes
    output = penguins.classes.index(str(told.prediction))
    exact, base = exact_values(penguins, row, PERMUTATIONS, output)

    assert told.contributions == pytest.approx(exact, abs=0.02)
    assert told.base == pytest.approx(base, abs=1e-6)
    assert max(map(abs, exact)) > 0.1


@pytest.mark.parametrize("permutations", [1, 3, 64])
def test_all_adds_up_to_the_answer(housing: Model, permutations: int) -> None:
    rows = [HOUSING_ROW, tuple(value * 1.1 if index == 5 else value for index, value in enumerate(HOUSING_ROW))]
    told = explain(housing, rows, permutations)

    assert [one.base + sum(one.contributions) for one in told] == pytest.approx([one.value for one in told], rel=1e-12)
    assert [one.value for one in told] == housing.predict(rows).values


@pytest.mark.parametrize("permutations", [1, 20])
def test_a_feature_gets_what_the_model_makes_of_it_whatever_goes_with_it(own_releases: Path, permutations: int) -> None:
    """Of a sum that leaves the last feature out, each gets its distance to its own mean, and the last one nothing."""
    row = list(HOUSING_ROW)
    example = {"data": [row], "predictions": [sum(row[:-1])]}
    replace_graph(own_releases, "housing", "1", sum_graph(), example=example)
    model = load_bundle(bundle_path(own_releases, "housing", "1"))
    drawn = draw_columns(model.features, model.release.reference, model.columns_of([row]), permutations)
    (told,) = explain(model, [row], permutations)

    assert told.contributions[:-1] == pytest.approx(
        [value - column.mean() for value, column in zip(row[:-1], drawn[:-1], strict=True)], abs=1e-3
    )
    assert told.contributions[-1] == pytest.approx(0, abs=1e-3)


def test_explanations_are_the_same_each_time(housing: Model) -> None:
    assert explain(housing, [HOUSING_ROW], 5) == explain(housing, [HOUSING_ROW], 5)


def test_background_rows_are_like_those_of_training(penguins: Model) -> None:
    example = penguins.columns_of(penguins.read_example())
    island, length, *_, year = draw_columns(penguins.features, penguins.release.reference, example, 3000)

    reference = penguins.release.reference
    edges = reference["bill_length_mm"].edges
    assert edges
    assert set(island) <= {"Biscoe", "Dream", "Torgersen"}
    assert edges[0] <= np.nanmin(length) <= np.nanmax(length) <= edges[-1]
    assert np.isnan(length).mean() == pytest.approx(1 / 3, abs=0.05)
    assert (year == np.rint(year)).all()


def test_what_nobody_asked_for_is_no_drift(housing: Model) -> None:
    seen: list[int] = []
    housing.observe = lambda inputs: seen.append(len(inputs["features"]))
    housing.observe_row = lambda _: seen.append(1)
    try:
        explain(housing, [HOUSING_ROW], 5)
    finally:
        housing.observe = housing.observe_row = None

    assert seen == [1]
