"""Drift in windows, against the shares of the training rows, and what of it is said."""

import json
from pathlib import Path

import numpy as np
import pytest
from bundles import HOUSING_ROW, PENGUIN_ROWS
from prometheus_client.parser import text_string_to_metric_families
from running_server import RunningServer, run_server
from scipy.stats import chi2, entropy

from molino.contracts.release import Reference, Release
from serving.metrics.drift import LEAST_ROWS, DriftTally, Expected, _chi_squared, expect, read_drift, read_seen
from serving.metrics.shared_counters import SharedCounters

DRIFTED = [[1e5, *HOUSING_ROW[1:]]] * 100
USUAL = [HOUSING_ROW] * 100


class Clock:
    def __init__(self) -> None:
        self.now = 50_000.0

    def __call__(self) -> float:
        return self.now


def with_reference(release: Release, **references: Reference) -> Release:
    return release.model_copy(update={"reference": references})


@pytest.fixture
def housing(releases: Path) -> Release:
    """Housing, whose reference is 1,000 rows of one feature in ten equal bins."""
    release = Release.model_validate_json((releases / "housing" / "1" / "release.json").read_text())
    crim = Reference(rows=1000, missing=0, edges=tuple(np.linspace(0, 10, 11).tolist()), counts=(100,) * 10)
    return with_reference(release, crim=crim)


@pytest.fixture
def penguins(releases: Path) -> Release:
    """Penguins, of whose training rows three in ten are of islands that the model doesn't know, and one has none."""
    release = Release.model_validate_json((releases / "penguins" / "1" / "release.json").read_text())
    values = ("Biscoe", "Dream", "Torgersen")
    return with_reference(release, island=Reference(rows=1000, missing=100, values=values, counts=(300, 200, 100)))


def observe(tally: DriftTally, release: Release, column: str, values: np.ndarray) -> None:  # type: ignore[type-arg]
    """Have the values of one column counted, in requests of 100 rows."""
    for start in range(0, len(values), 100):
        part = values[start : start + 100]
        if release.signature.layout == "matrix":
            rows = np.tile(np.array(HOUSING_ROW, np.float32), (len(part), 1))
            rows[:, [feature.name for feature in release.features].index(column)] = part
            tally.observe({"features": rows})
        else:
            tally.observe({column: part})
        tally.flush()


def levels(counters: SharedCounters, release: Release, clock: Clock) -> dict[float, tuple[int, str]]:
    drifts = read_drift(read_seen(counters, clock=clock), release, expect(release))
    (windows,) = drifts.values()
    return {drift.seconds: (drift.rows, drift.level) for drift in windows}


def test_what_was_asked_long_ago_hides_nothing(housing: Release) -> None:
    clock, counters = Clock(), SharedCounters(1)
    tally = DriftTally(housing, counters.worker(0), clock=clock)
    rng = np.random.default_rng(1)
    observe(tally, housing, "crim", rng.uniform(0, 10, 20_000))
    clock.now += 3 * 3600
    observe(tally, housing, "crim", np.full(1000, 3.5))

    assert levels(counters, housing, clock) == {3600.0: (1000, "major"), 86400.0: (21_000, "none")}


def test_a_window_ends(housing: Release) -> None:
    clock, counters = Clock(), SharedCounters(1)
    observe(DriftTally(housing, counters.worker(0), clock=clock), housing, "crim", np.full(600, 3.5))
    seen = []
    for minutes in (0, 59, 66, 1300, 200):
        clock.now += minutes * 60
        seen.append([rows for rows, _ in levels(counters, housing, clock).values()])

    assert seen == [[600, 600], [600, 600], [0, 600], [0, 600], [0, 0]]


def test_the_windows_of_all_workers_are_added_up(housing: Release) -> None:
    clock, counters = Clock(), SharedCounters(3)
    for slot in range(3):
        observe(DriftTally(housing, counters.worker(slot), clock=clock), housing, "crim", np.full(200, 3.5))

    assert levels(counters, housing, clock)[3600.0] == (600, "major")


def test_the_training_rows_own_unknown_and_missing_values_are_no_drift(penguins: Release) -> None:
    clock, counters = Clock(), SharedCounters(1)
    islands = ["Biscoe", "Dream", "Torgersen", "\ufffd", ""]
    drawn = np.random.default_rng(2).choice(islands, 2000, p=[0.3, 0.2, 0.1, 0.3, 0.1]).astype(object)
    observe(DriftTally(penguins, counters.worker(0), clock=clock), penguins, "island", drawn)

    assert levels(counters, penguins, clock)[3600.0] == (2000, "none")


@pytest.mark.parametrize("value", ["\ufffd", ""])
def test_more_unknown_or_missing_values_than_in_training_are_drift(penguins: Release, value: str) -> None:
    clock, counters = Clock(), SharedCounters(1)
    observe(DriftTally(penguins, counters.worker(0), clock=clock), penguins, "island", np.array([value] * 600, object))

    assert levels(counters, penguins, clock)[3600.0] == (600, "major")


@pytest.mark.parametrize(("rows", "level"), [(LEAST_ROWS - 1, "unknown"), (LEAST_ROWS, "major")])
def test_a_level_is_said_from_500_rows_on(housing: Release, rows: int, level: str) -> None:
    clock, counters = Clock(), SharedCounters(1)
    observe(DriftTally(housing, counters.worker(0), clock=clock), housing, "crim", np.full(rows, 3.5))

    assert levels(counters, housing, clock)[3600.0] == (rows, level)


@pytest.mark.parametrize("reference_rows", [100, 300, 5000])
@pytest.mark.parametrize("rows", [500, 2000])
def test_hardly_any_draw_of_the_training_distribution_is_called_drift(reference_rows: int, rows: int) -> None:
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(500):
        counts = tuple(rng.multinomial(reference_rows, [0.1] * 10).tolist())
        reference = Reference(rows=reference_rows, missing=0, edges=tuple(map(float, range(11))), counts=counts)
        expected = Expected({"x": reference})
        found = np.array([[0, 0, *rng.multinomial(rows, [0.1] * 10)]], float)
        alarms += expected.measure(found, [3600.0])[0][0].level != "none"

    assert alarms <= 10


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_the_index_is_the_one_of_scipy(housing: Release, shift: float) -> None:
    clock, counters = Clock(), SharedCounters(1)
    values = (np.random.default_rng(4).uniform(0, 10, 5000) + shift).clip(0, 9.99)
    observe(DriftTally(housing, counters.worker(0), clock=clock), housing, "crim", values)
    found = np.histogram(values.astype(np.float32), np.linspace(0, 10, 11).astype(np.float32))[0] / 5000
    expected = np.full(10, 0.1)
    (windows,) = read_drift(read_seen(counters, clock=clock), housing, expect(housing)).values()
    floored = np.maximum(found, 1e-4)

    assert windows[0].psi == pytest.approx(entropy(floored, expected) + entropy(expected, floored), rel=0.05, abs=0.003)


@pytest.mark.parametrize("freedom", [1, 2, 5, 11, 50])
def test_the_bound_of_noise_is_scipys_quantile(freedom: int) -> None:
    assert _chi_squared(freedom) == pytest.approx(chi2.ppf(0.999, freedom), rel=0.05)


def samples(server: RunningServer, name: str, **labels: str) -> dict[tuple[str, ...], float]:
    """The samples of a metric with these labels, by the others."""
    return {
        tuple(value for label, value in sample.labels.items() if label not in labels): sample.value
        for family in text_string_to_metric_families(server.ask("GET", "/metrics").body.decode())
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    }


def test_a_server_tells_its_windows_and_the_counts_of_bins(releases: Path, tmp_path: Path) -> None:
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_DRIFT_WINDOWS="6, 86400") as server:
        for _ in range(4):
            server.ask("POST", "/predict", json.dumps({"data": USUAL}).encode())
        feature = {"model": "housing", "version": "1", "feature": "crim"}
        server.wait("they are counted", lambda: samples(server, "molino_drift_rows", **feature).get(("86400",)) == 400)
        few = samples(server, "molino_drift_psi", **feature)
        for _ in range(6):
            server.ask("POST", "/predict", json.dumps({"data": DRIFTED}).encode())
        server.wait("they are counted", lambda: samples(server, "molino_drift_rows", **feature).get(("86400",)) == 1000)
        bins = samples(server, "molino_drift_bin_total", **feature)
        told = server.ask("GET", "/monitor").json["models"]["housing"]["drift"]["crim"]

        assert (few, samples(server, "molino_drift_psi", **feature)["86400",] > 0.25) == ({}, True)
        assert (sum(bins.values()), max(bins, key=lambda labels: bins[labels])[0].endswith("..+Inf")) == (1000, True)
        assert sum(samples(server, "molino_drift_bin_expected", **feature).values()) == pytest.approx(1, abs=1e-4)
        assert samples(server, "molino_drift_outside_total", **feature) == {(): 600}
        assert [window["seconds"] for window in told["windows"]] == [6, 86400]
        server.wait("the short window ends", lambda: samples(server, "molino_drift_rows", **feature)["6",] == 0, 20)
        assert sum(samples(server, "molino_drift_bin_total", **feature).values()) == 1000


def test_a_reference_that_doesnt_fit_ends_the_counting_of_its_model_alone(own_releases: Path, tmp_path: Path) -> None:
    path = own_releases / "housing" / "1" / "release.json"
    content = json.loads(path.read_text())
    content["reference"]["crim"] |= {"edges": None, "counts": [1, 2, 3]}
    path.write_text(json.dumps(content))
    penguins = json.dumps({"data": [PENGUIN_ROWS[0]]}).encode()
    with run_server(own_releases, tmp_path / "log") as server:
        for _ in range(3):
            server.ask("POST", "/predict", json.dumps({"data": USUAL}).encode())
            server.ask("POST", "/models/penguins/predict", penguins)
        server.wait(
            "penguins are counted",
            lambda: server.ask("GET", "/monitor").json["models"]["penguins"]["drift"]["island"]["rows"] == 3,
        )

        assert server.ask("GET", "/metrics").status == 200
