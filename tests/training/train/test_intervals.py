"""Split conformal prediction intervals: the half-width by hand, and how many of new rows they hold."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from mixed import NUMBERS, Case, case_of, frame_of, model_of

from molino.contracts.errors import ModelFileError, StepError
from training.splits import CALIBRATION, JUDGED, TEST, TRAIN
from training.train.candidates import fit
from training.train.candidates.contract import Trained
from training.train.data import Dataset
from training.train.folds import divide
from training.train.intervals import calibrated, check_rows, half_width, of_folds, rank, set_aside, share_of
from training.train.preparation import prepare


def test_the_half_width_is_the_residual_of_the_finite_sample_rank() -> None:
    residuals = np.array([-9.0, 1, -2, 3, -4, 5, 6, -7, 8])  # 9 rows: rank 9 of 0.9 * 10, rank 5 of 0.5 * 10
    assert (half_width(residuals, 0.9), half_width(residuals, 0.5), half_width(residuals, 0.41)) == (9.0, 5.0, 5.0)


@pytest.mark.parametrize("rows", [99, 100, 1999])
def test_the_rank_is_not_moved_by_what_floats_round(rows: int) -> None:
    levels = [Fraction(percent, 100) for percent in range(50, 100)]
    expected = [-((-level * (rows + 1)) // 1) for level in levels]
    assert [rank(float(level), rows) for level in levels] == expected


@pytest.mark.parametrize(("level", "needed"), [(0.9, 9), (0.99, 99)])
def test_too_few_rows_for_a_level_are_refused_with_how_many_it_takes(level: float, needed: int) -> None:
    model = model_of("regression", intervals={"level": level})
    check_rows(model, needed, "rows to calibrate by", "intervals.calibration")
    with pytest.raises(
        StepError, match=f"at least {needed} rows to calibrate by, and there are {needed - 1}; give .*ca"
    ):
        check_rows(model, needed - 1, "rows to calibrate by", "intervals.calibration")


@pytest.fixture(scope="module", params=[None, "log"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    target = {"name": "y"} | ({"transform": request.param} if request.param else {})
    model = model_of("regression", NUMBERS, target=target, intervals={"level": 0.8})
    return case_of(tmp_path_factory.mktemp("case"), model, frame_of(model, 4000))


def test_intervals_hold_the_share_of_test_rows_in_the_targets_unit(case: Case) -> None:
    kept = prepare(set_aside(case.dataset), 1, case.material.tensorboard)
    assert kept.calibration is not None
    assert len(kept.calibration) == pytest.approx(400, abs=60)
    trained = fit(case.model.candidates[0], kept)
    width, count = calibrated(kept, trained) or (0.0, 0)
    assert count == len(kept.calibration)
    rows = case.dataset.sample(TEST, 10_000, 1)
    assert np.mean(np.abs(rows.target - trained.predict(rows.features)) <= width) == pytest.approx(0.8, abs=0.04)


def test_no_row_of_another_part_is_kept_for_intervals(case: Case) -> None:
    before, after = case.dataset.parts, set_aside(case.dataset).parts
    assert set(before[after != before]) == {TRAIN}
    assert set(after[after != before]) == {CALIBRATION}


@pytest.mark.parametrize(
    ("more", "share"),
    [
        ({"intervals": {"level": 0.9}}, 0.1),
        ({"intervals": {"level": 0.9, "calibration": 0.3}}, 0.3),
        ({"intervals": {"level": 0.9}, "selection": {"folds": 5}}, None),
        ({"intervals": {"level": 0.9, "calibration": 0.3}, "selection": {"folds": 5}}, 0.3),
        ({}, None),
    ],
)
def test_rows_are_kept_where_no_folds_tell_the_width(more: dict[str, Any], share: float | None) -> None:
    assert share_of(model_of("regression", **more)) == share


SEEDS = range(16)
LEVEL = 0.8
BOOSTING = {"name": "one", "kind": "gradient_boosting", "min_samples_leaf": 3, "learning_rate": 0.3, "max_iter": 30}


def noisy(folder: Path, seed: int, **more: Any) -> Dataset:
    """Return rows of noise, on which boosting that is stopped by few rows looks better than it is."""
    split = {"test": 0.5, "validation": 0.1}
    model = model_of("regression", NUMBERS[:1], intervals={"level": LEVEL}, split=split, **more)
    rng = np.random.default_rng(seed)
    pl.DataFrame({"size": rng.uniform(0, 50, 400), "y": rng.normal(0, 1, 400)}).write_parquet(folder / "clean.parquet")
    return Dataset(folder / "clean.parquet", model, seed)


def held(dataset: Dataset, trained: Trained, width: float) -> float:
    rows = dataset.sample(TEST, 10_000, 1)
    return float(np.mean(np.abs(rows.target - trained.predict(rows.features)) <= width))


def assert_within_bounds(shares: list[float], told_by: int, tests: int) -> None:
    """Refuse a mean over seeds that the level, with what calibration and test rows leave to chance, makes unlikely."""
    deviation = (LEVEL * (1 - LEVEL) * (1 / told_by + 1 / tests) / len(shares)) ** 0.5
    assert LEVEL - 3 * deviation <= np.mean(shares) <= LEVEL + 1 / (told_by + 1) + 3 * deviation


def test_rows_that_are_kept_hold_the_share_over_seeds(tmp_path: Path) -> None:
    shares = []
    for seed in SEEDS:
        dataset = set_aside(noisy(tmp_path, seed, candidates=[BOOSTING]))
        material = prepare(dataset, 1, tmp_path)
        trained = fit(dataset.model.candidates[0], material)
        width, told_by = calibrated(material, trained) or (0.0, 0)
        shares.append(held(dataset, trained, width))
    assert_within_bounds(shares, told_by, dataset.count(TEST))


def test_the_folds_rows_hold_the_share_over_seeds(tmp_path: Path) -> None:
    shares = []
    for seed in SEEDS:
        dataset = noisy(tmp_path, seed, candidates=[BOOSTING | {"max_iter": 5}], selection={"folds": 4})
        candidate, residuals = dataset.model.candidates[0], []
        for fold in divide(dataset, 4):
            rows = fold.sample(JUDGED, 10_000, 1)
            residuals.append(rows.target - fit(candidate, prepare(fold, 1, tmp_path)).predict(rows.features))
        width, told_by = of_folds(dataset.model, residuals) or (0.0, 0)
        assert told_by == dataset.rows - dataset.count(TEST)
        shares.append(held(dataset, fit(candidate, prepare(dataset, 1, tmp_path)), width))
    assert_within_bounds(shares, told_by, dataset.count(TEST))


def test_a_classification_has_no_intervals() -> None:
    with pytest.raises(ModelFileError, match="prediction intervals belong to a regression"):
        model_of("binary", intervals={"level": 0.9})
