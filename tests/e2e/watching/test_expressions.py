"""What the run on the cluster goes by: every expression once, and excuses that are excuses."""

import re

import pytest

from tests.e2e.watching.expressions import EMPTY, Empty, asked, excuse


def test_no_variable_of_grafana_is_left() -> None:
    assert [name for name, expr in asked("watching").items() if "$" in expr] == []


@pytest.mark.parametrize("one", EMPTY, ids=lambda one: one.metrics)
def test_an_excuse_excuses_something(one: Empty) -> None:
    found = [expr for expr in asked("watching").values() if re.search(rf"\b{one.metrics}", expr)]
    assert found
    assert all(excuse(expr) for expr in found)


def test_what_serving_and_mlflow_tell_is_never_excused() -> None:
    assert [e for e in asked("watching").values() if re.search(r"\b(mlflow|molino_model)_", e) and excuse(e)] == []
