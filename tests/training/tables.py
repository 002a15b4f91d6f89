"""Small tables and the model that describes them, for the tests of ingest."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from molino.contracts.model_file import LoadedModel, ModelFile, load_model, parse_model
from molino.contracts.record import Record
from molino.contracts.settings import Settings
from training.step import run_step

HEADER = "size,rooms,garden,area,price"
GOOD_ROW = "50.5,3,true,north,100"
FEATURES = [
    {"name": "size", "type": "number", "minimum": 0, "maximum": 1000},
    {"name": "rooms", "type": "integer", "minimum": 1, "maximum": 20, "missing": "impute"},
    {"name": "garden", "type": "boolean", "missing": "drop"},
    {"name": "area", "type": "category", "values": ["north", "south"]},
]


def model_content(**changes: Any) -> dict[str, Any]:
    """Return the content of a model file with some of its keys set anew."""
    return {
        "name": "homes",
        "title": "Homes",
        "task": "regression",
        "source": {"uri": "homes.csv"},
        "target": {"name": "price", "minimum": 0},
        "features": FEATURES,
        "quality": {"max_quarantined_share": 1.0},
        "candidates": [{"name": "linear", "kind": "linear"}],
        "metric": "rmse",
    } | changes


def model(**changes: Any) -> ModelFile:
    """Return the model."""
    return parse_model(json.dumps(model_content(**changes)).encode(), "model.yaml")


def csv_text(*rows: str, header: str = HEADER) -> bytes:
    """Return a CSV."""
    return "".join(f"{row}\n" for row in (header, *rows)).encode()


def good_rows(count: int) -> Iterable[str]:
    """Return different rows that break no rule."""
    areas = ("north", "south")
    return (f"{i % 1000}.{i % 7},{1 + i % 20},{i % 2},{areas[i % 2]},{i}" for i in range(count))


class Homes:
    """A home, a store and a folder of models with the one model, whose source is a file beside it."""

    def __init__(self, folder: Path, data: bytes | None = None, name: str = "homes.csv", **changes: Any) -> None:
        self.folder = folder / "models" / "homes"
        self.folder.mkdir(parents=True)
        self.source = self.folder / name
        if data is not None:
            self.source.write_bytes(data)
        (self.folder / "model.yaml").write_text(json.dumps(model_content(**{"source": {"uri": name}} | changes)))
        self.settings = Settings(home=folder / "home", models=folder / "models")

    @property
    def loaded(self) -> LoadedModel:
        """The model file, read."""
        return load_model(self.folder)

    @property
    def store(self) -> Path:
        """The folder of the store."""
        return Path(self.settings.store_uri)

    def ingest(self, run_id: str = "r1", **settings: Any) -> Record:
        """Run the step."""
        return run_step("ingest", self.loaded, run_id, self.settings.model_copy(update=settings))

    def artifact(self, name: str, run_id: str = "r1") -> Path:
        """Return one of the step's files in the store."""
        return self.store / "runs" / "homes" / run_id / "ingest" / name

    def stored(self) -> list[str]:
        """Return the names of all objects in the store."""
        return [path.name for path in self.store.rglob("*") if path.is_file()]
