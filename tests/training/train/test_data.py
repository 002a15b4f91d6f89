import numpy as np
import polars as pl
import pytest
from mixed import FEATURES, case_of, frame_of, model_of, parts_of

import training.train.data
from molino.contracts.errors import StepError
from training.splits import TEST, TRAIN, VALIDATION
from training.train.data import Dataset

MODEL = model_of("classification")


@pytest.fixture
def case(tmp_path):
    return case_of(tmp_path, MODEL)


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(training.train.data, "PIECE_ROWS", 70)


def rows_of(case, part):
    """The rows of a part, without any of the code under test but the split."""
    frame = frame_of(MODEL)
    return frame.filter(pl.Series(parts_of(MODEL, frame) == part))


def column(rows, name):
    return rows.features[:, [feature.name for feature in MODEL.features].index(name)]


def test_a_number_comes_as_it_is(case):
    wanted = rows_of(case, TRAIN)["size"].to_numpy().astype(np.float32)
    assert np.array_equal(column(case.material.train, "size"), wanted)


def test_a_missing_number_is_nan(case):
    gaps = rows_of(case, TRAIN)["rooms"].is_null().to_numpy()
    assert np.array_equal(np.isnan(column(case.material.train, "rooms")), gaps)


def test_a_boolean_is_0_or_1(case):
    wanted = rows_of(case, TRAIN)["garden"].to_numpy()
    assert np.array_equal(column(case.material.train, "garden"), wanted)


@pytest.mark.parametrize(("value", "code"), [("blue", 0), ("green", 1), ("red", 2), ("pink", 3)])
def test_a_category_is_the_position_of_its_value(case, value, code):
    found = column(case.material.train, "colour")[(rows_of(case, TRAIN)["colour"] == value).fill_null(False).to_numpy()]
    assert set(found.tolist()) == {code}


def test_a_missing_category_is_nan(case):
    gaps = rows_of(case, TRAIN)["colour"].is_null().to_numpy()
    assert np.array_equal(np.isnan(column(case.material.train, "colour")), gaps)


def test_values_not_listed_are_learnt(case):
    assert case.dataset.overview.values["street"] == ("Elm", "Oak")


def test_values_are_learnt_from_training_rows_alone(tmp_path):
    model = model_of("classification", split={"key": "id"})
    frame = frame_of(model).with_columns(id=pl.int_range(pl.len()).cast(pl.String))
    streets = np.where(parts_of(model, frame) == TEST, "Unheard-of", frame["street"].to_numpy())
    case = case_of(tmp_path, model, frame.with_columns(street=pl.Series(streets)))
    assert case.dataset.overview.values["street"] == ("Elm", "Oak")


def many_streets(unseen):
    feature = {**FEATURES[5], "unseen": unseen}
    model = model_of("regression", [*FEATURES[:5], feature])
    frame = frame_of(model, 6000)
    names = [f"s{index // 2}" if index < 4000 else "Main" for index in range(6000)]
    return model, frame.with_columns(street=pl.Series(names))


def test_too_many_values_are_refused(tmp_path):
    with pytest.raises(StepError, match=r"'street' has .* more than 1000; list its values or set unseen: other"):
        case_of(tmp_path, *many_streets("refuse"))


def test_of_too_many_values_the_frequent_ones_are_kept(tmp_path):
    case = case_of(tmp_path, *many_streets("other"))
    known = case.dataset.overview.values["street"]
    assert (len(known), "Main" in known) == (1000, True)


def test_a_class_is_its_position(case):
    wanted = [MODEL.target.classes.index(value) for value in rows_of(case, TRAIN)["y"]]
    assert case.material.train.target.tolist() == wanted


def test_held_out_rows_are_the_test_rows_as_they_were(case, tmp_path, small_pieces):
    case.dataset.write_held_out(tmp_path / "held_out.parquet")
    assert pl.read_parquet(tmp_path / "held_out.parquet").equals(rows_of(case, TEST))


def test_writing_held_out_rows_leaves_nothing_else_behind(case, tmp_path):
    case.dataset.write_held_out(tmp_path / "held_out.parquet")
    assert {path.name for path in tmp_path.iterdir()} == {"clean.parquet", "held_out.parquet"}


def test_a_sample_has_no_more_rows_than_asked(case):
    assert len(case.dataset.sample(TRAIN, 100, 1)) <= 100


def test_a_sample_is_of_about_the_size_asked(tmp_path):
    model = model_of("regression")
    dataset = case_of(tmp_path, model, frame_of(model, 20_000)).dataset
    assert len(dataset.sample(TRAIN, 1000, 1)) > 900


def test_a_sample_repeats_itself(case, small_pieces):
    first, second = case.dataset.sample(TRAIN, 100, 1), case.dataset.sample(TRAIN, 100, 1)
    assert np.array_equal(first.features, second.features, equal_nan=True)


def test_another_seed_draws_another_sample(case):
    first, second = case.dataset.sample(TRAIN, 100, 1), case.dataset.sample(TRAIN, 100, 2)
    assert not np.array_equal(first.features[:50], second.features[:50], equal_nan=True)


def test_pieces_make_no_difference_to_a_sample(case, monkeypatch):
    whole = case.dataset.sample(VALIDATION, 10_000, 1)
    monkeypatch.setattr(training.train.data, "PIECE_ROWS", 31)
    assert np.array_equal(case.dataset.sample(VALIDATION, 10_000, 1).features, whole.features, equal_nan=True)


def test_a_stream_gives_every_training_row_once(case, small_pieces):
    streamed = np.concatenate([rows.features[:, 0] for rows in case.dataset.stream(TRAIN, 1)])
    assert sorted(streamed.tolist()) == sorted(case.material.train.features[:, 0].tolist())


def test_a_stream_holds_a_few_pieces_at_a_time(case, small_pieces):
    assert max(len(rows) for rows in case.dataset.stream(TRAIN, 1, buffered=2)) <= 140


def test_a_stream_keeps_targets_with_their_rows(case, small_pieces):
    target_of = dict(zip(case.material.train.features[:, 0], case.material.train.target, strict=True))
    assert all(
        target_of[size] == target
        for rows in case.dataset.stream(TRAIN, 1)
        for size, target in zip(rows.features[:, 0], rows.target, strict=True)
    )


@pytest.mark.parametrize(("seed", "same"), [(1, True), (2, False)])
def test_the_seed_of_a_stream_is_its_order(case, small_pieces, seed, same):
    first, second = (
        np.concatenate([rows.features[:, 0] for rows in case.dataset.stream(TRAIN, one)]) for one in (1, seed)
    )
    assert np.array_equal(first, second) is same


def test_too_few_rows_are_refused(tmp_path):
    model = model_of("regression")
    frame_of(model, 3).write_parquet(tmp_path / "few.parquet")
    with pytest.raises(StepError, match=r"mixed: 3 clean rows leave . .* rows, and at least 2 are needed"):
        Dataset(tmp_path / "few.parquet", model, 3)


def test_rows_that_are_all_alike_are_said_to_be(tmp_path):
    model = model_of("regression")
    alike = frame_of(model, 1)
    pl.concat([alike] * 30).write_parquet(tmp_path / "alike.parquet")
    with pytest.raises(StepError, match="; rows equal in every feature stay together, and all rows are such; give"):
        Dataset(tmp_path / "alike.parquet", model, 3)


def test_a_category_without_any_value_is_refused(tmp_path):
    model = model_of("regression", [*FEATURES[:5], {**FEATURES[5], "missing": "impute"}])
    frame = frame_of(model).with_columns(street=pl.lit(None, pl.String))
    with pytest.raises(StepError, match=r"'street' has no value in any training row"):
        case_of(tmp_path, model, frame)
