"""Ranges in place of hyperparameters: what is wrong with one is a line with its place."""

import json
from pathlib import Path

import pytest
import yaml

from molino.contracts.errors import ModelFileError
from molino.contracts.model_file import parse_model

HOUSING = yaml.safe_load((Path(__file__).parents[4] / "pipelines/models/housing/model.yaml").read_text())
LINEAR = {"name": "one", "kind": "linear"}
BOOSTING = {"name": "one", "kind": "gradient_boosting"}


def parsed(candidate):
    return parse_model(json.dumps(HOUSING | {"candidates": [candidate]}).encode(), "m.yaml").candidates[0]


def test_a_range_has_its_first_value_until_it_is_settled():
    one = parsed(BOOSTING | {"max_iter": {"low": 10, "high": 50, "step": 20}})
    assert (one.max_iter, one.settled({"max_iter": 50}).max_iter) == (10, 50)
    assert one.settled({"max_iter": 50}).ranges == {}


@pytest.mark.parametrize(("candidate", "said"), [
    (LINEAR | {"alpha": {"low": 1, "high": 0.1}}, "alpha.low: expected no more than high, which is 0.1 (got 1)"),
    (LINEAR | {"alpha": {"low": 0, "high": 1, "log": True}}, "alpha.low: expected greater than 0 (got '0')"),
    (BOOSTING | {"l2_regularization": {"low": 0, "high": 1, "log": True}}, "low: expected more than 0, as log is true"),
    (LINEAR | {"alpha": {"choices": []}}, "alpha.choices: expected at least one choice"),
    (LINEAR | {"alpha": {"choices": [1, -1]}}, "alpha.choices.1: expected greater than 0 (got -1)"),
    (LINEAR | {"alpha": {"low": 1}}, "alpha.high: this key is required: a range has low and high, or choices"),
    (LINEAR | {"alpha": {"low": 1, "high": 2, "stp": 1}}, "alpha.stp: unknown key; expected one of low, high, log"),
    (BOOSTING | {"max_iter": {"low": 1, "high": 2.5}}, "max_iter.high: expected a valid integer (got 2.5)"),
    (LINEAR | {"kind": "sklearn", "estimator": {"choices": ["sklearn.tree.T"]}}, "estimator: this key takes no range"),
    (LINEAR | {"search": {"trials": 3}}, "search: there is no range to search"),
    (LINEAR | {"alpha": {"low": 1.0, "high": 2.0, "step": 1e-320}}, "alpha.step: expected at most 1e+09 steps"),
    (
        {"name": "one", "kind": "xgboost", "parameters": {"gamma": {"low": -1e308, "high": 1e308}}},
        "parameters.gamma.high: expected a range that is no wider",
    ),
])  # fmt: skip
def test_a_bad_range_is_one_line(candidate, said):
    with pytest.raises(ModelFileError) as error:
        parsed(candidate)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("m.yaml:1: candidates.0.")
    assert said in str(error.value)


@pytest.mark.parametrize(("choices", "quantile", "said"), [
    (["squared_error", "quantile"], {}, "quantile: this key is required by loss: quantile"),
    (["squared_error", "poisson"], {"quantile": 0.5}, "quantile: a quantile belongs to loss: quantile"),
    (["squared_error", "quantile"], {"quantile": 0.5}, None),
    (["quantile", "squared_error"], {"quantile": 0.5}, None),
])  # fmt: skip
def test_a_quantile_goes_with_each_loss_that_may_be_drawn(choices, quantile, said):
    candidate = BOOSTING | {"loss": {"choices": choices}} | quantile
    if said is None:
        assert parsed(candidate).quantile == 0.5
        return
    with pytest.raises(ModelFileError, match=said):
        parsed(candidate)


@pytest.mark.parametrize("classes", [{"low": 1, "high": 3}, {"choices": 2, "low": 1}])
def test_weights_of_classes_called_as_the_keys_of_a_range_are_none(classes):
    one = parsed({"name": "one", "kind": "lightgbm", "parameters": {"class_weight": classes}})
    assert (one.ranges, one.parameters["class_weight"]) == ({}, classes)


def test_weights_of_classes_may_be_searched_by_choices():
    choices = {"choices": ["balanced", None]}
    one = parsed({"name": "one", "kind": "lightgbm", "parameters": {"class_weight": choices}})
    assert list(one.ranges) == ["parameters.class_weight"]
