"""The numbers of the calendar: those of Python's own, over all of its years."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from training.features.calendar import Calendar, fit_calendar

DAYS = ("age", "year", "month", "day", "weekday", "day_of_year")
ORIGIN = date(2000, 1, 1)


def fitted(codes: np.ndarray, hours: int = 24, parts: tuple[str, ...] = DAYS, cyclic: bool = True) -> Calendar:
    return fit_calendar(0, "d", True, codes.astype(np.float32), hours, parts, cyclic, 31)


def numbers(day: date) -> dict[str, int]:
    return {
        "age": (day - date(2000, 2, 1)).days,
        "year": day.year,
        "month": day.month,
        "day": day.day,
        "weekday": day.weekday(),
        "day_of_year": day.timetuple().tm_yday,
    }


@pytest.mark.parametrize("years", [(1, 1700), (1700, 2130), (2130, 9999)])
def test_each_day_has_python_s_numbers(years: tuple[int, int]) -> None:
    first, last = ((date(year, 1, 1) - ORIGIN).days for year in years)
    codes = np.arange(first, last + 1, 1 if years[1] - years[0] < 500 else 3)
    found = fitted(codes)
    days = (numbers(date.fromordinal(code)) for code in (codes + ORIGIN.toordinal()).tolist())
    wanted = np.array([tuple(day.values()) for day in days], np.float32)
    order = [[*numbers(ORIGIN)].index(part) for part in found.ordered]
    assert np.array_equal(found.numbers(codes.astype(np.float32)), wanted[:, order])


def test_hours_are_those_of_the_day_also_before_2000() -> None:
    codes = np.array([0, 23, 24, -1, -24, -25])
    found = fitted(codes, hours=1, parts=("hour", "day"))
    moments = [datetime(2000, 1, 1) + timedelta(hours=int(code)) for code in codes]
    assert found.numbers(codes.astype(np.float32)).tolist() == [[one.day, one.hour] for one in moments]


def test_a_missing_date_has_no_numbers_and_is_the_median_elsewhere() -> None:
    found = fitted(np.array([0, 10, 20]))
    missing, median = np.array([np.nan], np.float32), np.array([10], np.float32)
    assert np.isnan(found.numbers(missing)).all()
    assert np.array_equal(found.dense(missing), found.dense(median))


def test_a_cycle_is_sine_and_cosine_so_that_its_ends_lie_beside_each_other() -> None:
    found = fitted(np.arange(366), parts=("month",))
    december, january, july = found.dense(np.array([-1, 0, 190], np.float32))
    assert found.width == 2
    assert np.linalg.norm(december - january) < np.linalg.norm(december - july) / 3


def test_without_cycles_each_part_is_a_normalised_number() -> None:
    codes = np.arange(3 * 365)
    dense = fitted(codes, cyclic=False).dense(codes.astype(np.float32))
    assert dense.shape == (len(codes), len(DAYS))
    assert np.allclose([dense.mean(axis=0), dense.std(axis=0)], [[0], [1]], atol=1e-4)


def test_a_constant_date_is_no_division_by_zero() -> None:
    assert np.isfinite(fitted(np.array([5, 5])).dense(np.array([5, 6], np.float32))).all()


def test_no_date_in_any_training_row_is_the_first_of_2000() -> None:
    assert fitted(np.array([np.nan])).readable(float(fitted(np.array([np.nan])).median)) == "2000-01-01T00:00:00"
