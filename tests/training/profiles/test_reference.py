import numpy as np
import pytest
from mixed import case_of, model_of

from training.profiles.reference import bin_edges
from training.train.reference import reference_statistics

MODEL = model_of("regression")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return case_of(tmp_path_factory.mktemp("mixed"), MODEL)


@pytest.fixture(scope="module")
def found(case):
    return reference_statistics(MODEL, case.dataset.overview.values, case.material.train.features)


@pytest.mark.parametrize("name", [feature.name for feature in MODEL.features])
def test_every_feature_counts_all_rows(found, case, name):
    assert found[name].rows == case.dataset.count(0)


def test_missing_values_are_counted(found, case):
    assert found["age"].missing == int(np.isnan(case.material.train.features[:, 1]).sum())


def test_the_bins_of_a_number_hold_all_that_is_there(found):
    assert sum(found["age"].counts) == found["age"].rows - found["age"].missing


def test_a_number_has_one_edge_more_than_bins(found):
    assert len(found["size"].edges) == len(found["size"].counts) + 1


def test_the_bins_of_a_number_hold_about_as_much_each(found):
    assert max(found["size"].counts) < 1.5 * min(found["size"].counts)


def test_a_category_has_its_known_values(found):
    assert found["colour"].values == ("blue", "green", "red")


def test_values_that_are_not_known_are_in_no_count(found, case):
    others = int((case.material.train.features[:, 4] == 3).sum())
    reference = found["colour"]
    assert reference.rows - reference.missing - sum(reference.counts) == others


def test_a_boolean_counts_false_and_true(found, case):
    yes = int(case.material.train.features[:, 3].sum())
    assert (found["garden"].values, found["garden"].counts[1]) == (("false", "true"), yes)


def test_mean_and_spread_are_those_of_the_rows(found, case):
    size = case.material.train.features[:, 0].astype(float)
    assert (found["size"].mean, found["size"].std) == pytest.approx((size.mean(), size.std()))


def test_few_values_have_a_bin_each():
    assert bin_edges(np.array([1.0, 1.0, 2.0, 4.0])).tolist() == [1, 1.5, 3, 4]


def test_no_value_sits_on_an_inner_edge():
    values = np.repeat(np.round(np.linspace(0, 3, 40), 1), 7).astype(np.float32).astype(float)
    assert not np.isin(bin_edges(values)[1:-1], values).any()


def test_edges_ascend_where_one_value_is_most_of_them():
    edges = bin_edges(np.concatenate([np.zeros(900), np.linspace(1, 2, 100)]))
    assert (np.diff(edges) > 0).all()


def test_one_value_has_one_bin_around_it():
    assert bin_edges(np.full(5, 3.0)).tolist() == [2.5, 3.5]
