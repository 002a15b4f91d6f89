"""`python -m tests.bench.generated ROWS FOLDER`: a model of 13 columns and a CSV of generated rows for it.

Written part by part, so that memory doesn't grow with the rows; the same number of rows gives the same file.
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import yaml

MODEL = "generated"
NUMBERS = 10
COLOURS = ("blue", "green", "red", "yellow")
PART_ROWS = 250_000
SEED = 20


def write_model(folder: Path) -> None:
    """Write the model file: ten numbers, an integer, a category, and the target."""
    features: list[dict[str, object]] = [
        {"name": f"x{i}", "type": "number", "minimum": -1000, "maximum": 1000} for i in range(NUMBERS)
    ]
    features += [
        {"name": "count", "type": "integer", "minimum": 0, "maximum": 100},
        {"name": "colour", "type": "category", "values": list(COLOURS)},
    ]
    content = {
        "name": MODEL,
        "title": "Generated rows",
        "task": "regression",
        "source": {"uri": "generated.csv"},
        "target": {"name": "y"},
        "features": features,
        "quality": {"duplicates": "drop"},
        "candidates": [
            {"name": "linear", "kind": "linear"},
            {"name": "boosting", "kind": "gradient_boosting", "max_iter": 50},
            {"name": "mlp", "kind": "keras_mlp", "hidden": [32], "batch_size": 4096, "epochs": 2, "patience": 2},
        ],
        "metric": "rmse",
    }
    (folder / "model.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def write_rows(rows: int, path: Path) -> None:
    """Write a CSV whose target is a smooth function of some columns, and noise."""
    random = np.random.default_rng(SEED)
    with path.open("wb") as file:
        for start in range(0, rows, PART_ROWS):
            part = _rows(min(PART_ROWS, rows - start), random)
            part.write_csv(file, include_header=start == 0)


def _rows(rows: int, random: np.random.Generator) -> pl.DataFrame:
    numbers = [np.round(random.normal(10 * i, 3, rows), 4) for i in range(NUMBERS)]
    count, colour = random.integers(0, 50, rows), random.integers(0, len(COLOURS), rows)
    target = 2 * numbers[0] + np.sin(numbers[1] - 10) * 5 + numbers[2] * 0.1 * colour + 0.2 * count
    columns = {f"x{i}": column for i, column in enumerate(numbers)}
    return pl.DataFrame(columns).with_columns(
        pl.Series("count", count),
        pl.Series("colour", np.array(COLOURS)[colour]),
        pl.Series("y", np.round(target + random.normal(0, 1, rows), 4)),
    )


def main() -> None:
    """Make the model's folder."""
    rows, folder = int(sys.argv[1]), Path(sys.argv[2]) / MODEL
    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder)
    write_rows(rows, folder / "generated.csv")


if __name__ == "__main__":
    main()
