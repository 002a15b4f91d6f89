"""A small table with features of every type, missing values and values never seen, and model files for it."""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from molino.contracts.model_file import ModelFile, parse_model
from training.splits import TRAIN, VALIDATION, identify, place
from training.splits.place import known
from training.train.candidates import fit
from training.train.candidates.contract import Material, Trained
from training.train.data import Dataset
from training.train.encoding import fit_encoding

ROWS = 600
FEATURES: list[dict[str, Any]] = [
    {"name": "size", "type": "number", "minimum": 0, "maximum": 50},
    {"name": "age", "type": "number", "missing": "impute"},
    {"name": "rooms", "type": "integer", "minimum": 1, "maximum": 9, "missing": "impute"},
    {"name": "garden", "type": "boolean"},
    {"name": "colour", "type": "category", "values": ["blue", "green", "red"], "unseen": "other", "missing": "impute"},
    {"name": "street", "type": "category"},
]
NUMBERS = FEATURES[:4]
DATES: list[dict[str, Any]] = [
    *FEATURES,
    {"name": "built", "type": "date", "missing": "impute"},
    {"name": "seen", "type": "datetime", "parts": ["hour", "weekday", "age"], "cyclic": False},
    {"name": "opens", "type": "time", "missing": "impute"},
    {"name": "shuts", "type": "time", "cyclic": False},
]


def model_of(task: str, features: list[dict[str, Any]] = FEATURES, **more: Any) -> ModelFile:
    """Return a model file; tasks are regression, binary and classification."""
    classes = {"binary": ["no", "yes"], "classification": ["low", "middle", "high"]}.get(task)
    content = {
        "name": "mixed",
        "title": "Mixed",
        "task": "regression" if classes is None else "classification",
        "source": {"uri": "mixed.csv"},
        "target": {"name": "y"} | ({"classes": classes} if classes else {}),
        "features": features,
        "split": {"test": 0.2, "validation": 0.2, "seed": 3},
        "candidates": [{"name": "linear", "kind": "linear"}],
        "metric": "log_loss" if classes else "rmse",
    } | more
    return parse_model(yaml.safe_dump(content).encode(), "mixed")


def frame_of(model: ModelFile, rows: int = ROWS) -> pl.DataFrame:
    """Return rows as ingest leaves them."""
    rng = np.random.default_rng(5)
    gaps = rng.random((3, rows)) < 0.1
    columns: dict[str, Any] = {
        "size": rng.uniform(0, 50, rows),
        "age": [None if gap else value for gap, value in zip(gaps[0], rng.normal(2000, 0.5, rows), strict=True)],
        "rooms": [None if gap else int(value) for gap, value in zip(gaps[1], rng.integers(1, 10, rows), strict=True)],
        "garden": rng.random(rows) < 0.5,
        "colour": [
            None if gap else value
            for gap, value in zip(gaps[2], rng.choice(["blue", "green", "red", "pink"], rows), strict=True)
        ],
        "street": rng.choice(["Elm", "Oak"], rows),
    }
    days = rng.integers(-40_000, 20_000, rows)
    columns["built"] = [None if day % 10 == 0 else date(2000, 1, 1) + timedelta(days=int(day)) for day in days]
    columns["seen"] = [datetime(2024, 1, 1) + timedelta(minutes=int(day)) for day in rng.integers(0, 900_000, rows)]
    clocks = [time(int(day) % 24, int(day) % 60, int(day) % 59) for day in days]
    columns["opens"] = [None if clock.minute % 10 == 1 else clock for clock in clocks]
    columns["shuts"] = clocks
    signal = columns["size"] / 10 + columns["garden"] + (columns["street"] == "Elm") + rng.normal(0, 0.2, rows)
    classes = model.target.classes
    if classes is None:
        columns["y"] = signal * 100 + 5000
    else:
        position = np.digitize(signal, np.quantile(signal, np.linspace(0, 1, len(classes) + 1)[1:-1]))
        columns["y"] = np.array(classes)[position]
    return pl.DataFrame(columns).select(model.columns)


def parts_of(model: ModelFile, frame: pl.DataFrame) -> np.ndarray:
    """Return the part of each row, over the whole table at once."""
    identity = identify(model)
    placement = place(identity, frame, model.target.classes or ())
    kind = known(identity.kind)
    boundaries = kind.boundaries(identity, placement)
    return kind.parts(identity.model_copy(update={"boundaries": boundaries}), placement)


@dataclass(frozen=True)
class Case:
    """A model file, its data, and what candidates are trained on."""

    model: ModelFile
    dataset: Dataset
    material: Material


def case_of(folder: Path, model: ModelFile, frame: pl.DataFrame | None = None, sample_rows: int = 10_000) -> Case:
    """Write rows to a folder and prepare them as the train step does."""
    path = folder / "clean.parquet"
    (frame_of(model) if frame is None else frame).write_parquet(path)
    dataset = Dataset(path, model, model.split.seed)
    train = dataset.sample(TRAIN, sample_rows, 1)
    material = Material(
        model=model,
        encoding=fit_encoding(model, dataset.overview.values, train.features),
        train=train,
        validation=dataset.sample(VALIDATION, sample_rows, 1),
        rows_train=dataset.count(TRAIN),
        stream=lambda seed: dataset.stream(TRAIN, seed),
        seed=1,
        tensorboard=folder / "tensorboard",
        report=lambda *_: None,
    )
    return Case(model, dataset, material)


def with_absurd_row(case: Case, part: str, number: float = 1e6) -> Case:
    """Return the case with a size in one row of a part, `train` or `validation`, that none can have."""
    rows = getattr(case.material, part)
    features = rows.features.copy()
    features[3, 0] = number
    material = replace(case.material, **{part: replace(rows, features=features)})
    encoding = fit_encoding(case.model, case.dataset.overview.values, material.train.features)
    return replace(case, material=replace(material, encoding=encoding))


def train_on(case: Case, **candidate: Any) -> Trained:
    """Train one candidate, given as in a model file."""
    content = [{"name": "one", **candidate}]
    model = model_of(
        "regression" if case.model.target.classes is None else "binary",
        candidates=content,
        metric="rmse" if case.model.target.classes is None else "log_loss",
    )
    return fit(model.candidates[0], case.material)
