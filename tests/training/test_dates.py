"""A model with dates and times on its whole way: from a CSV through every step to what serving and MLflow answer."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from small_home import run_steps, small_home

from molino.asked_rows import open_asked
from molino.contracts.model_file import Source
from molino.contracts.pointer import write_pointer
from molino.contracts.release import Release, release_prefix
from molino.contracts.settings import Settings
from serving.inference.model import Model, load_bundle
from serving.routes.inference import describe_tensors
from serving.service import open_service
from serving.settings import ServingSettings
from training.stores.file import FolderStore

STEPS = ("ingest", "version", "train", "evaluate", "register")
CONTENT: dict[str, Any] = {
    "name": "sales",
    "title": "Sales",
    "task": "regression",
    "source": {"uri": "sales.csv"},
    "target": {"name": "sold"},
    "features": [
        {"name": "day", "type": "date", "format": "%d.%m.%Y", "missing": "impute"},
        {"name": "at", "type": "datetime", "parts": ["hour"]},
        {"name": "opens", "type": "time"},
    ],
    "candidates": [{"name": "boosting", "kind": "gradient_boosting", "max_iter": 200}],
    "metric": "rmse",
}


@pytest.fixture(scope="module")
def home(mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dates")
    days = [date(2020, 1, 1) + timedelta(days=day) for day in range(1000)]
    hours = [7 * index % 24 for index in range(len(days))]
    rows = [
        f"{day:%d.%m.%Y},{day} {hour:02}:30,{index % 12 or 12}:05 {'ap'[index % 2]}m,{10 * (day.weekday() > 4) + hour}"
        for index, (day, hour) in enumerate(zip(days, hours, strict=True))
    ]
    settings = small_home(mlflow_database, root, CONTENT, ["day,at,opens,sold", *rows, ",2020-01-01 05:00,9:05,5"])
    run_steps(settings, "sales", STEPS)
    return settings.home


@pytest.fixture(scope="module")
def release(home: Path) -> Release:
    store = FolderStore(home / "store")
    return Release.model_validate_json(store.read("releases/sales/1/release.json"))


@pytest.fixture(scope="module")
def model(home: Path) -> Model:
    return load_bundle(home / "store" / release_prefix("sales", "1"))


def asked(model: Model, day: Any, at: str, opens: str = "10:30") -> float:
    row = (day, at, opens)
    return float(model.predict(model.read(json.dumps({"data": [row]}).encode())).values[0])


def test_a_weekend_and_an_hour_of_the_future_are_answered_as_such(model: Model) -> None:
    assert asked(model, "2023-01-07", "2023-01-07T05:30:00") == pytest.approx(15, abs=1.5)
    assert asked(model, "2023-01-09", "2023-01-09T20:10:00Z") == pytest.approx(20, abs=1.5)


def test_a_missing_date_is_answered(model: Model) -> None:
    assert 0 < asked(model, None, "2023-01-07T05:30:00") < 35


def test_the_release_shows_dates_as_requests_give_them(release: Release) -> None:
    shown = [len(str(value)) for value in release.example.data[0]]
    assert shown == [len("2020-01-01"), len("2020-01-01T00:00:00"), len("10:30:00")]
    assert release.features[0].options["format"] == "%d.%m.%Y"


def test_tensors_take_texts(model: Model, home: Path) -> None:
    served = home / "store" / "releases"
    write_pointer(served, {"sales": "1"})
    service = open_service(ServingSettings(home=served))
    service.repository.refresh()
    found = {one["name"]: one["datatype"] for one in describe_tensors(service, "sales")["inputs"]}
    assert found == {"day": "BYTES", "at": "BYTES", "opens": "BYTES"}
    day, at = "2023-01-07", "2023-01-07T05:30:00"
    for columns in ([[day], [at], ["10:30"]], [["2023/1/7"], ["2023-01-07 06:30+01:00"], ["10:30 AM"]]):
        assert model.predict_columns(columns).values == [asked(model, day, at)]


def test_a_table_to_predict_is_read_as_the_source_and_asked_about_in_iso(release: Release, tmp_path: Path) -> None:
    path = tmp_path / "asked.csv"
    path.write_text("at,day,opens\n2023-01-07 05:30,07.01.2023,9:05\n2023-01-07 05:30,,9:05 PM\nx,2023-01-07,9.05\n")
    served = [feature.model_dump(mode="json") for feature in release.features]
    with open_asked(path, served, Source.model_validate({"uri": "-"}), "asked.csv", tmp_path, 1000) as source:
        rows = [row for part in source.rows(10) for row in part.values]
    assert rows == [
        ["2023-01-07", "2023-01-07T05:30:00", "09:05:00"],
        [None, "2023-01-07T05:30:00", "21:05:00"],
        ["2023-01-07", "x", "9.05"],
    ]


@pytest.mark.filterwarnings("ignore")
def test_mlflow_answers_the_same(home: Path, release: Release) -> None:
    import mlflow
    import pandas as pd

    tracking = Settings(home=home).tracking_uri
    mlflow.set_tracking_uri(tracking)
    mlflow.set_registry_uri(tracking)
    loaded = mlflow.pyfunc.load_model("models:/sales@challenger")
    frame = pd.DataFrame([list(row) for row in release.example.data], columns=["day", "at", "opens"])
    assert loaded.predict(frame)["prediction"].tolist() == list(release.example.predictions)
    frame["at"] = pd.to_datetime(frame["at"])
    frame["opens"] = pd.to_datetime(frame["opens"], format="%H:%M:%S").dt.time
    assert loaded.predict(frame)["prediction"].tolist() == list(release.example.predictions)
