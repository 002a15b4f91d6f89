"""Models and rows that the scenarios use."""

import csv
import io
import random
from collections.abc import Callable

import yaml

from tests.e2e.installed.installation import ROOT

MODELS = ROOT / "pipelines" / "models"
Row = dict[str, str]
RAISED = 10.0
"""What `dearer` adds to each price each time, in 1000 USD."""
SMALL = ("homes", "flats", "rooms")
"""Models of the chart's values, beside those in the image."""
WRONG = "wrong"
"""One more, with an error."""
ROWS = "small"
"""Name of their source."""


def small(name: str) -> str:
    """Return a model file like housing's with the linear candidate alone: its steps take little time."""
    model = yaml.safe_load((MODELS / "housing" / "model.yaml").read_text())
    model |= {"name": name, "title": name.title(), "source": {"uri": f"s3://molino/sources/{ROWS}.csv"}}
    model["candidates"] = [{"name": "linear", "kind": "linear", "alpha": 1.0}]
    model["gate"] = {"bounds": {"rmse": {"maximum": 6.0}}, "champion_tolerance": 0.02}
    return yaml.safe_dump(model, sort_keys=False)


def wrong() -> str:
    """Return a model file of a task that there isn't."""
    return yaml.safe_dump(yaml.safe_load(small(WRONG)) | {"task": "guessing"}, sort_keys=False)


def rows(change: Callable[[list[Row]], None] = lambda found: None) -> bytes:
    """Return the housing rows as CSV, changed."""
    with (MODELS / "housing" / "housing.csv").open(newline="") as file:
        reader = csv.DictReader(file)
        found, names = list(reader), reader.fieldnames
    assert names
    change(found)
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue().encode()


def dearer(times: int = 1) -> Callable[[list[Row]], None]:
    """Return what raises each price, so that a model of these rows beats one of rows raised less often on them."""

    def change(found: list[Row]) -> None:
        for row in found:
            row["medv"] = str(float(row["medv"]) + times * RAISED)

    return change


def shuffled(found: list[Row]) -> None:
    """Give the prices to other rows: there is nothing left to learn."""
    prices = [row["medv"] for row in found]
    random.Random(1).shuffle(prices)
    for row, price in zip(found, prices, strict=True):
        row["medv"] = price
