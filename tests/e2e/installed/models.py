"""Models and rows that the scenarios use."""

import csv
import io
import random
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.e2e.installed.installation import ROOT

MODELS = ROOT / "pipelines" / "models"
Row = dict[str, str]
RAISED = 10.0
"""What `dearer` adds to each price, in 1000 USD."""


def homes() -> str:
    """Return a model file like housing's with the linear candidate alone: its steps take little time."""
    model = yaml.safe_load((MODELS / "housing" / "model.yaml").read_text())
    model |= {"name": "homes", "title": "Homes", "source": {"uri": "s3://molino/sources/homes.csv"}}
    model["candidates"] = [{"name": "linear", "kind": "linear", "alpha": 1.0}]
    model["gate"] = {"bounds": {"rmse": {"maximum": 6.0}}, "champion_tolerance": 0.02}
    return yaml.safe_dump(model, sort_keys=False)


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


def dearer(found: list[Row]) -> None:
    """Raise each price, so that a model of these rows beats one of the rows before on them."""
    for row in found:
        row["medv"] = str(float(row["medv"]) + RAISED)


def shuffled(found: list[Row]) -> None:
    """Give the prices to other rows: there is nothing left to learn."""
    prices = [row["medv"] for row in found]
    random.Random(1).shuffle(prices)
    for row, price in zip(found, prices, strict=True):
        row["medv"] = price


def write(folder: Path, name: str, content: str) -> Path:
    """Write a model file; return its path."""
    path = folder / f"{name}.yaml"
    path.write_text(content)
    return path
