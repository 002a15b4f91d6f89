import numpy as np
import pytest
from mixed import case_of, model_of

from molino.contracts.errors import StepError
from training.train.parity import (
    GENERATED_ROWS,
    check_labels,
    check_parity,
    check_target,
    generate_rows,
    measure_parity,
)

MODEL = model_of("regression")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return case_of(tmp_path_factory.mktemp("mixed"), MODEL)


@pytest.fixture(scope="module")
def rows(case):
    return generate_rows(case.material.encoding, 0)


def parity(case, native, graph, rows, spread=1.0):
    return measure_parity(case.material.encoding, native, graph, rows, spread)


def off_at(row, by):
    def ask(rows):
        answers = np.zeros(len(rows))
        answers[row] += by
        return answers

    return ask


def test_there_are_ten_thousand_generated_rows(rows):
    assert len(rows) == GENERATED_ROWS == 10_000


@pytest.mark.parametrize(("column", "low", "high"), [(0, 0, 50), (2, 1, 9), (3, 0, 1), (4, 0, 3), (5, 0, 1)])
def test_generated_values_fill_their_range(rows, column, low, high):
    found = rows[:, column]
    assert (np.floor(np.nanmin(found)), np.ceil(np.nanmax(found))) == (low, high)


def test_a_number_without_a_range_keeps_to_that_of_the_training_rows(rows, case):
    seen = case.material.train.features[:, 1]
    assert np.nanmin(seen) <= np.nanmin(rows[:, 1]) < np.nanmax(rows[:, 1]) <= np.nanmax(seen)


def test_integers_are_whole(rows):
    whole = rows[:, 2][~np.isnan(rows[:, 2])]
    assert np.array_equal(whole, np.round(whole))


def test_values_are_missing_only_where_they_may_be(rows):
    assert np.isnan(rows).any(axis=0).tolist() == [False, True, True, False, True, False]


def test_the_worst_row_is_found(case, rows):
    found = parity(case, off_at(7, 0), off_at(7, 2.0), rows)
    assert found.row["size"] == float(rows[7, 0])


def test_a_difference_is_relative_to_the_spread(case, rows):
    assert parity(case, off_at(7, 0), off_at(7, 2.0), rows, spread=4.0).worst == 0.5


@pytest.mark.parametrize("answer", [np.nan, np.inf])
def test_no_number_is_the_worst_difference(case, rows, answer):
    assert parity(case, off_at(7, 0), off_at(7, answer), rows).worst == np.inf


def test_a_difference_above_the_tolerance_is_refused(case, rows):
    found = parity(case, off_at(7, 0), off_at(7, 2e-4), rows)
    with pytest.raises(StepError, match=r"candidate mlp: .* differ by 0.0002 .* worst row .*'colour'"):
        check_parity("mlp", found, 1e-4)


def test_a_difference_within_the_tolerance_passes(case, rows):
    check_parity("mlp", parity(case, off_at(7, 0), off_at(7, 5e-5), rows), 1e-4)


def test_an_answer_that_is_no_number_is_refused(case, rows):
    with pytest.raises(StepError, match="differ by inf"):
        check_parity("mlp", parity(case, off_at(7, 0), off_at(7, np.nan), rows), 1e-4)


def test_what_32_bits_round_off_a_large_answer_is_no_difference(case, rows):
    native = np.full(len(rows), 1e7 + 0.4)
    found = parity(case, lambda _: native, lambda _: native.astype(np.float32).astype(float), rows, spread=10.0)
    assert found.worst == 0


def test_more_than_32_bits_round_off_is_a_difference(case, rows):
    native = np.full(len(rows), 1e7)
    assert parity(case, lambda _: native, lambda _: native + 3, rows, spread=10.0).worst == pytest.approx(0.2)


def test_a_label_of_a_less_probable_class_is_refused():
    native = np.array([[0.6, 0.4], [0.3, 0.7]])
    with pytest.raises(StepError, match="candidate mlp: ONNX labels row 1 'no', but the native model finds 'yes'"):
        check_labels("mlp", native, np.array([0, 0]), ("no", "yes"), 1e-4)


def test_either_of_two_tied_classes_may_be_the_label():
    check_labels("mlp", np.array([[0.50001, 0.49999]]), np.array([1]), ("no", "yes"), 1e-4)


def test_a_target_that_32_bits_cant_tell_apart_is_refused():
    with pytest.raises(StepError, match=r"target 'y': 32-bit floats.* step by 64 .*subtract a constant"):
        check_target("y", 1e9 + np.random.default_rng(0).normal(0, 1, 100), 1e-4)


@pytest.mark.parametrize(("centre", "told"), [(1e7, True), (0.0, False)])
def test_a_target_with_wide_steps_is_told(centre, told):
    found = check_target("y", centre + np.random.default_rng(0).normal(0, 10, 100), 1e-4)
    assert (found is not None) is told
