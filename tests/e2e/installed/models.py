"""Models and rows that the scenarios use."""

import csv
import io
import random
from collections.abc import Callable
from datetime import date, timedelta

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
SOLD = "sold"
"""The date that its rows have."""
RICH = "flats"
"""The one of them with a date, a Python file of its own, and a search."""
TRIALS = 3
"""Of the search."""
CODE_FILE = "ridge.py"
CODE = """from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def estimator(alpha):
    return make_pipeline(StandardScaler(), Ridge(alpha))
"""
CODE_VALUES = {f"{RICH}.{CODE_FILE}": CODE}
"""The chart's `modelCode`."""


def small(name: str) -> str:
    """Return a model file like housing's with the linear candidate alone: its steps take little time."""
    model = yaml.safe_load((MODELS / "housing" / "model.yaml").read_text())
    model |= {"name": name, "title": name.title(), "source": {"uri": f"s3://molino/sources/{ROWS}.csv"}}
    model["candidates"] = [{"name": "linear", "kind": "linear", "alpha": 1.0}]
    model["gate"] = {"bounds": {"rmse": {"maximum": 6.0}}, "champion_tolerance": 0.02}
    if name == RICH:
        model["features"].append({"name": SOLD, "type": "date", "parts": ["year", "month", "age"]})
        model["serving"]["example"].append("1970-06-01")
        (linear,) = model["candidates"]
        linear |= {"alpha": {"low": 0.1, "high": 10.0, "log": True}, "search": {"trials": TRIALS}}
        own = {"name": "own", "kind": "python", "file": CODE_FILE, "parameters": {"alpha": 1.0}}
        model["candidates"].append(own)
    return yaml.safe_dump(model, sort_keys=False)


def wrong() -> str:
    """Return a model file of a task that there isn't."""
    return yaml.safe_dump(yaml.safe_load(small(WRONG)) | {"task": "guessing"}, sort_keys=False)


def rows(change: Callable[[list[Row]], None] = lambda found: None) -> bytes:
    """Return the housing rows as CSV, each with a date of its own, changed."""
    with (MODELS / "housing" / "housing.csv").open(newline="") as file:
        reader = csv.DictReader(file)
        found, names = list(reader), reader.fieldnames
    assert names
    change(found)
    for day, row in enumerate(found):
        row[SOLD] = str(date(1970, 1, 1) + timedelta(days=day))
    text = io.StringIO()
    writer = csv.DictWriter(text, [*names, SOLD])
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue().encode()


def dearer(times: float = 1) -> Callable[[list[Row]], None]:
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
