"""Split conformal prediction intervals: the half-width by hand, and how many of new rows they hold."""

from fractions import Fraction

import numpy as np
import pytest
from mixed import NUMBERS, Case, case_of, frame_of, model_of, train_on

from molino.contracts.errors import ModelFileError, StepError
from training.splits import TEST
from training.train.intervals import candidate_half_width, check_rows, half_width, rank


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
    check_rows(model, needed)
    with pytest.raises(StepError, match=f"takes at least {needed} validation rows, and there are {needed - 1}"):
        check_rows(model, needed - 1)


@pytest.fixture(scope="module", params=[None, "log"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    target = {"name": "y"} | ({"transform": request.param} if request.param else {})
    model = model_of("regression", NUMBERS, target=target, intervals={"level": 0.8})
    return case_of(tmp_path_factory.mktemp("case"), model, frame_of(model, 4000))


def test_intervals_hold_the_share_of_test_rows_in_the_targets_unit(case: Case) -> None:
    trained = train_on(case, kind="linear")
    width = candidate_half_width(case.material, trained)
    rows = case.dataset.sample(TEST, 10_000, 1)
    assert np.mean(np.abs(rows.target - trained.predict(rows.features)) <= width) == pytest.approx(0.8, abs=0.04)


def test_a_classification_has_no_intervals() -> None:
    with pytest.raises(ModelFileError, match="prediction intervals belong to a regression"):
        model_of("binary", intervals={"level": 0.9})
