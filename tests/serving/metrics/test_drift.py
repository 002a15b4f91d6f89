from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bundles import HOUSING_ROW
from running_server import JSON, KEY
from werkzeug.test import Client

from molino.contracts.release import Reference, Release
from serving.metrics.drift import Drift, DriftTally, Expected, expect, read_drift, read_seen
from serving.metrics.shared_counters import SharedCounters


@pytest.fixture(params=["housing", "penguins"])
def release(request: pytest.FixtureRequest, releases: Path) -> Release:
    return Release.model_validate_json((releases / request.param / "1" / "release.json").read_text())


@pytest.fixture
def housing(releases: Path) -> Release:
    return Release.model_validate_json((releases / "housing" / "1" / "release.json").read_text())


@pytest.fixture
def penguins(releases: Path) -> Release:
    return Release.model_validate_json((releases / "penguins" / "1" / "release.json").read_text())


def seen_of(counters: SharedCounters, release: Release) -> dict[str, Drift]:
    """The drift of each feature in the window of a day."""
    drift = read_drift(read_seen(counters), release, expect(release))
    return {name: windows[-1] for name, windows in drift.items()}


def matrix(rows: Any) -> dict[str, Any]:
    return {"features": np.array(rows, np.float32)}


def test_rows_are_counted_like_matrices(housing: Release) -> None:
    rows = [[value, *HOUSING_ROW[1:]] for value in (0.01, 3.5, 80.0, 1e6)]
    counted = []
    for by_row in (True, False):
        counters = SharedCounters(1)
        tally = DriftTally(housing, counters.worker(0))
        for row in rows:
            if by_row:
                tally.observe_row(row)
            else:
                tally.observe(matrix([row]))
        tally.flush()
        counted.append(seen_of(counters, housing))

    assert counted[0] == counted[1]
    assert counted[0]["crim"].rows == len(rows)


EDGES = [
    (40.71271, 40.712711, 40.712712, 40.712713, 40.712714, 40.712715),
    (1.7e9, 1.7e9 + 1, 1.7e9 + 2, 1.7e9 + 3, 1.7e9 + 4, 1.7e9 + 5),
    (1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
]


@pytest.mark.parametrize("edges", EDGES)
def test_no_two_bins_have_one_name(housing: Release, edges: tuple[float, ...]) -> None:
    near = housing.reference["crim"].model_copy(update={"edges": edges, "counts": (4, 4, 4, 4, 4)})
    changed = housing.model_copy(update={"reference": {**housing.reference, "crim": near}})
    names = expect(changed).bins[0]

    assert len(set(names)) == len(names) == 7


REFERENCE = Reference(rows=1000, missing=100, edges=(0, 1, 2), counts=(450, 450))


def index(*counts: float) -> float:
    """The index of these counts (missing, outside, one of each bin) against the reference."""
    _, psi = Expected({"crim": REFERENCE}).index(np.array([counts], float))
    return float(psi.item())


def test_equal_shares_have_no_distance() -> None:
    assert index(10, 0, 45, 45) == pytest.approx(0, abs=1e-12)


def test_the_index_is_the_known_sum() -> None:
    expected = (0.72 - 0.45) * np.log(0.72 / 0.45) + (0.18 - 0.45) * np.log(0.18 / 0.45)

    assert index(1e7, 0, 7.2e7, 1.8e7) == pytest.approx(expected, rel=1e-6)


def test_the_reference_itself_has_no_drift(housing: Release) -> None:
    counters = SharedCounters(1)
    tally = DriftTally(housing, counters.worker(0))
    edges = np.array(housing.reference["crim"].edges)
    middles = np.repeat((edges[:-1] + edges[1:]) / 2, np.array(housing.reference["crim"].counts) * 40)
    for value in middles:
        tally.observe(matrix([[value, *HOUSING_ROW[1:]]]))
    tally.flush()
    seen = seen_of(counters, housing)["crim"]

    assert (seen.rows, seen.level) == (len(middles), "none")


def test_values_far_away_are_a_major_drift(housing: Release) -> None:
    counters = SharedCounters(1)
    tally = DriftTally(housing, counters.worker(0))
    for _ in range(600):
        tally.observe(matrix([[1e6, *HOUSING_ROW[1:]]]))
    tally.flush()
    seen = seen_of(counters, housing)["crim"]

    assert (seen.outside, seen.level) == (600, "major")


def test_few_rows_give_no_level(housing: Release) -> None:
    counters = SharedCounters(1)
    tally = DriftTally(housing, counters.worker(0))
    tally.observe(matrix([HOUSING_ROW]))
    tally.flush()

    assert seen_of(counters, housing)["crim"].level == "unknown"


def test_missing_and_unknown_categories_are_counted(penguins: Release) -> None:
    counters = SharedCounters(1)
    tally = DriftTally(penguins, counters.worker(0))
    inputs = {f.name: np.full(4, np.nan, np.float32) for f in penguins.features if f.type != "category"}
    inputs["island"] = np.array(["Dream"] * 4, object)
    inputs["sex"] = np.array(["male", "", "\ufffd", ""], object)
    tally.observe(inputs)
    tally.flush()
    drift = seen_of(counters, penguins)

    assert (drift["sex"].rows, drift["sex"].missing, drift["sex"].outside) == (4, 2, 1)
    assert (drift["year"].rows, drift["year"].missing) == (4, 4)


def test_large_requests_are_sampled_evenly(housing: Release) -> None:
    counters = SharedCounters(1)
    tally = DriftTally(housing, counters.worker(0))
    tally.observe(matrix([HOUSING_ROW] * 10_000))
    tally.flush()

    assert seen_of(counters, housing)["crim"].rows == 100


def test_a_model_out_of_service_leaves_no_counts(release: Release) -> None:
    counters = SharedCounters(1)
    tally = DriftTally(release, counters.worker(0))
    tally.flush()
    tally.close()

    assert counters.totals("drift|") == {}


def test_monitor_shows_the_drift_of_what_was_asked(client: Client) -> None:
    client.post("/predict", json={"data": [HOUSING_ROW] * 3}, headers=JSON)
    drift = client.get("/monitor", headers=KEY).json["models"]["housing"]["drift"]  # type: ignore[index]

    assert {feature["rows"] for feature in drift.values()} == {3}
