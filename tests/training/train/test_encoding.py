import numpy as np
import pytest
from mixed import case_of, frame_of, model_of, train_on, with_absurd_row

MODEL = model_of("regression")
SIZE, AGE, ROOMS, GARDEN, COLOUR, STREET = range(6)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return case_of(tmp_path_factory.mktemp("mixed"), MODEL)


def one_row(case, **changes):
    row = case.material.train.features[:1].copy()
    row[0, :] = [10, 2000, 3, 1, 0, 0]
    for name, value in changes.items():
        row[0, [feature.name for feature in MODEL.features].index(name)] = value
    return case.material.encoding.dense(row)[0]


def test_numbers_are_normalised(case):
    dense = case.material.encoding.dense(case.material.train.features)
    assert np.allclose([dense[:, SIZE].mean(), dense[:, SIZE].std()], [0, 1], atol=1e-5)


def test_a_missing_number_is_the_median_of_the_training_rows(case):
    present = case.material.train.features[:, ROOMS]
    median = np.median(present[~np.isnan(present)])
    assert np.array_equal(one_row(case, rooms=np.nan), one_row(case, rooms=median))


def test_a_constant_number_stays_finite(tmp_path):
    frame = frame_of(MODEL).with_columns(size=7.0)
    constant = case_of(tmp_path, MODEL, frame)
    assert set(constant.material.encoding.dense(constant.material.train.features)[:, SIZE].tolist()) == {0.0}


@pytest.mark.parametrize("code", range(3))
def test_a_known_value_has_a_column_of_its_own(case, code):
    assert one_row(case, colour=code)[4:9].tolist() == np.eye(5)[code].tolist()


def test_other_has_a_column_where_training_rows_had_it(case):
    assert one_row(case, colour=3)[4:9].tolist() == [0, 0, 0, 1, 0]


def test_missing_has_a_column_where_training_rows_had_it(case):
    assert one_row(case, colour=np.nan)[4:9].tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("code", [2, np.nan])
def test_what_training_rows_never_had_has_no_column(case, code):
    assert one_row(case, street=code)[9:].tolist() == [0, 0]


def test_the_width_is_that_of_the_dense_rows(case):
    assert case.material.encoding.width == len(one_row(case))


def test_indexed_rows_keep_missing_values(case):
    features = case.material.train.features
    assert np.array_equal(case.material.encoding.indexed(features), features, equal_nan=True)


@pytest.mark.parametrize("values", [1e9 + np.random.default_rng(0).normal(0, 1e-6, 600), np.full(600, 0.1)])
def test_a_number_that_differs_by_rounding_alone_is_constant(tmp_path, values):
    constant = case_of(tmp_path, MODEL, frame_of(MODEL).with_columns(size=values))
    assert constant.material.encoding.numeric[SIZE].factor == 1


@pytest.mark.parametrize("size", [1e-20, 1e-30, 1e20])
def test_a_number_of_any_size_is_normalised(tmp_path, size):
    case = case_of(tmp_path, MODEL, frame_of(MODEL).with_columns(size=np.random.default_rng(0).normal(0, size, 600)))
    assert case.material.encoding.dense(case.material.train.features)[:, SIZE].std() == pytest.approx(1, rel=1e-4)


def test_sparse_rows_are_the_dense_ones(case):
    features, encoding = case.material.train.features, case.material.encoding
    assert np.allclose(encoding.sparse(features).toarray(), encoding.dense(features), atol=1e-6)


def test_bounds_leave_ordinary_rows_alone(case):
    numbers, encoding = case.material.train.features[:, : GARDEN + 1], case.material.encoding
    assert (encoding.floors <= np.nanmin(numbers, axis=0)).all()
    assert (encoding.ceilings >= np.nanmax(numbers, axis=0)).all()


@pytest.mark.parametrize("number", [1e6, -1e30])
def test_an_absurd_number_leaves_the_others_their_spread(case, number):
    absurd = with_absurd_row(case, "train", number)
    sizes = absurd.material.encoding.dense(absurd.material.train.features)[:, SIZE]
    assert 0.9 < np.delete(sizes, 3).std() < 1
    assert 2 < abs(sizes[3]) < 5


def test_no_outermost_of_rare_numbers_hides_the_others(tmp_path):
    sizes = np.where(np.arange(600) % 200 == 0, 5.0, 0.0)
    sizes[7] = 1e30
    rare = case_of(tmp_path, MODEL, frame_of(MODEL).with_columns(size=sizes)).material
    assert rare.encoding.ceilings[SIZE] < 10
    assert len(set(rare.encoding.dense(rare.train.features)[:, SIZE].tolist())) == 3


def test_a_rare_number_is_still_told_apart(tmp_path):
    sizes = np.where(np.arange(600) % 300 == 0, 5.0, 0.0)
    rare = case_of(tmp_path, MODEL, frame_of(MODEL).with_columns(size=sizes))
    assert len(set(rare.material.encoding.dense(rare.material.train.features)[:, SIZE].tolist())) == 2


@pytest.mark.parametrize("part", ["train", "validation"])
def test_an_absurd_row_leaves_the_linear_model_as_good(case, part):
    rows = case.material.validation
    ordinary = np.arange(len(rows)) != 3

    def rmse(found):
        return np.sqrt(np.mean((found.predict(rows.features) - rows.target)[ordinary] ** 2))

    assert rmse(train_on(with_absurd_row(case, part), kind="linear")) < 1.2 * rmse(train_on(case, kind="linear"))
