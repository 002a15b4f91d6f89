"""What the section of the ten splits says, and that a case goes through its steps."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from molino.contracts.settings import Settings
from tests.bench.public_tables import public_table
from tests.bench.split_seeds import CASES, Case, Found, by_init, section, try_splits

HOUSING, _, WEATHER = CASES


def row(found: Found) -> list[str]:
    return section(found, "- machine\n").splitlines()[-1].strip("| ").split(" | ")


@pytest.mark.parametrize(
    ("case", "mean", "said"),
    [(HOUSING, 3.1, "reached"), (HOUSING, 3.2, "missed"), (WEATHER, 0.76, "reached"), (WEATHER, 0.75, "missed")],
)
def test_a_mean_is_on_the_side_that_is_wanted(case: Case, mean: float, said: str) -> None:
    assert row(Found(case, [mean - 0.01, mean + 0.01], ["a", "b"], {"a": [mean]}))[5] == said


def test_it_tells_how_often_each_was_chosen() -> None:
    assert row(Found(HOUSING, [1.0, 2.0, 3.0], ["mlp", "linear", "mlp"], {}))[6] == "mlp 2, linear 1"


def linear_iris(settings: Settings) -> Path:
    """Write iris' model file with one cheap candidate."""
    table = public_table("datasets/iris", "Species")
    path = by_init(settings, "iris", table.content, table.target)
    content = yaml.safe_load(path.read_text()) | {"candidates": [{"name": "linear", "kind": "linear"}]}
    path.write_text(yaml.safe_dump(content))
    return path


def test_each_seed_splits_the_rows_anew() -> None:
    found = try_splits(replace(WEATHER, name="iris", metric="log_loss", write=linear_iris), (0, 1))
    assert found.chosen == ["linear", "linear"]
    assert found.values[0] != found.values[1]
