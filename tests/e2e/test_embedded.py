"""The pipeline_run on one machine, from a CSV to an answer, looked at from outside."""

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Up
from embedded import HOST, ROOT, Ended, Home, wait_for

from molino.contracts.steps import STEP_NAMES
from tests.ports import free_port

pytestmark = pytest.mark.embedded

RMSE_AT_MOST = 3.5
CLOSE = 1e-5


@pytest.fixture(scope="session")
def lineage(home: Home, first: Ended) -> dict[str, Any]:
    return home.lineage(first.run_id)


def results(lineage: dict[str, Any], step: str) -> dict[str, Any]:
    found: dict[str, Any] = lineage["records"][step]["result"]
    return found


def housing_rows(count: int) -> list[list[float]]:
    with (ROOT / "pipelines" / "models" / "housing" / "housing.csv").open() as file:
        rows = list(csv.reader(file))[1 : count + 1]
    return [[float(cell) for cell in row[:-1]] for row in rows]


# One run.


def test_a_prediction_is_shown(first: Ended) -> None:
    assert 5 < first.answer["predictions"][0] < 50


def test_the_command_that_is_shown_asks_the_same(up: Up, first: Ended) -> None:
    command = up.output[up.output.index("curl ") :].split("\n{")[0]
    said = subprocess.check_output(["bash", "-c", command.replace("curl", "curl -sS", 1)], text=True)
    assert json.loads(said)["predictions"] == first.answer["predictions"]


def test_the_champion_is_good(lineage: dict[str, Any]) -> None:
    evaluated = results(lineage, "evaluate")
    assert evaluated["scores"][evaluated["best"]]["rmse"]["value"] <= RMSE_AT_MOST


def test_penguins_answers_a_class(penguins: Ended) -> None:
    assert penguins.answer["predictions"][0] in ("Adelie", "Chinstrap", "Gentoo")


def test_both_models_are_served(up: Up) -> None:
    assert {model["name"] for model in up.home.ask("/models")["models"]} == {"housing", "penguins"}


def test_the_uis_answer(up: Up) -> None:
    def answers(port: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    wait_for(lambda: answers(up.home.mlflow_port), "MLflow's UI", 90)
    wait_for(lambda: answers(up.home.tensorboard_port), "TensorBoard", 90)


# Lineage.


def test_every_step_has_its_record(lineage: dict[str, Any]) -> None:
    assert tuple(lineage["records"]) == STEP_NAMES


def test_the_source_is_the_file(lineage: dict[str, Any]) -> None:
    source = ROOT / "pipelines" / "models" / "housing" / "housing.csv"
    assert results(lineage, "ingest")["source_sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()


def test_training_took_the_versioned_data(lineage: dict[str, Any]) -> None:
    assert results(lineage, "train")["revision"] == results(lineage, "version")["revision"]


def test_the_bundle_names_its_origin(up: Up, lineage: dict[str, Any]) -> None:
    told = up.home.ask("/models/housing")["lineage"]
    assert told["data_revision"] == results(lineage, "version")["revision"]
    assert told["source_sha256"] == results(lineage, "ingest")["source_sha256"]


def test_the_registered_version_serves(up: Up, lineage: dict[str, Any]) -> None:
    assert up.home.ask("/models/housing")["version"] == results(lineage, "register")["version"]


def test_the_lineage_is_told_to_people(home: Home, first: Ended) -> None:
    told = home.molino("runs", "show", first.run_id).stdout
    assert all(step in told for step in STEP_NAMES)


# As users' tools see it.


def test_the_data_comes_by_git_and_dvc(home: Home, lineage: dict[str, Any], tmp_path: Path) -> None:
    version = results(lineage, "version")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for command in (
        ["git", "clone", "--quiet", version["git_remote"], "data"],
        ["git", "-C", "data", "checkout", "--quiet", version["revision"]],
        ["dvc", "pull", "--quiet"],
    ):
        cwd = tmp_path / "data" if command[0] == "dvc" else tmp_path
        subprocess.run(command, cwd=cwd, env=environment, check=True)
    pulled = (tmp_path / "data" / version["path"]).read_bytes()
    assert hashlib.sha256(pulled).hexdigest() == results(lineage, "ingest")["clean"]["sha256"]


def test_pyfunc_gives_what_predict_gives(up: Up) -> None:
    import mlflow
    import pandas as pd

    rows = housing_rows(506)
    names = [feature["name"] for feature in up.home.ask("/models/housing")["features"]]
    mlflow.set_tracking_uri(f"sqlite:///{up.home.path / 'mlflow.db'}")
    champion = mlflow.pyfunc.load_model("models:/housing@champion")
    theirs = champion.predict(pd.DataFrame(rows, columns=names))["prediction"]
    assert list(theirs) == pytest.approx(up.home.ask("/predict", {"data": rows})["predictions"], rel=CLOSE)


@pytest.fixture(scope="module")
def scoring_server(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    log = tmp_path_factory.mktemp("scoring") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", "models:/housing@champion",
                "--env-manager", "local", "--host", HOST, "--port", str(port), "--workers", "1",
            ],
            env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{up.home.path / 'mlflow.db'}",
                 "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )  # fmt: skip

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}/ping", timeout=5):
                return True
        except OSError:
            return False

    wait_for(answers, "mlflow models serve", 120)
    yield f"http://{HOST}:{port}"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_mlflow_models_serve_gives_what_predict_gives(up: Up, scoring_server: str) -> None:
    names = [feature["name"] for feature in up.home.ask("/models/housing")["features"]]
    rows = housing_rows(20)
    body = json.dumps({"dataframe_split": {"columns": names, "data": rows}}).encode()
    request = urllib.request.Request(scoring_server + "/invocations", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        theirs = json.loads(answer.read())["predictions"]
    found = [row["prediction"] for row in theirs]
    assert found == pytest.approx(up.home.ask("/predict", {"data": rows})["predictions"], rel=CLOSE)


# The predict and models commands.


def test_a_csv_gets_its_predictions(up: Up, tmp_path: Path) -> None:
    source = ROOT / "pipelines" / "models" / "housing" / "housing.csv"
    ended = up.home.molino("predict", str(source), str(tmp_path / "out.csv"), "--model", "housing", "--batch", "100")
    assert ended.returncode == 0, ended.stderr
    with (tmp_path / "out.csv").open() as file:
        found = [float(row["prediction"]) for row in csv.DictReader(file)]
    assert found == pytest.approx(up.home.ask("/predict", {"data": housing_rows(506)})["predictions"], rel=CLOSE)


def test_classes_come_with_their_probabilities(up: Up, tmp_path: Path) -> None:
    source = ROOT / "pipelines" / "models" / "penguins" / "penguins.csv"
    ended = up.home.molino("predict", str(source), str(tmp_path / "out.csv"), "--model", "penguins")
    assert ended.returncode == 0, ended.stderr
    with (tmp_path / "out.csv").open() as file:
        row = next(csv.DictReader(file))
    shares = [float(row[f"probability_{name}"]) for name in ("Adelie", "Chinstrap", "Gentoo")]
    assert sum(shares) == pytest.approx(1, abs=1e-4)


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A CSV of five rows, of which the second and the fourth are wrong."""
    with (ROOT / "pipelines" / "models" / "housing" / "housing.csv").open() as file:
        rows = list(csv.reader(file))[:6]
    rows[2][rows[0].index("rm")] = "six"
    rows[4][rows[0].index("tax")] = ""
    with (tmp_path / "faulty.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "faulty.csv"


def test_a_wrong_row_is_named(up: Up, faulty: Path, tmp_path: Path) -> None:
    ended = up.home.molino("predict", str(faulty), str(tmp_path / "out.csv"), "--model", "housing")
    assert [line.split(": ")[:2] for line in ended.stderr.splitlines()] == [
        [f"{faulty}:3", "rm"],
        [f"{faulty}:5", "tax"],
    ]


def test_the_rows_beside_a_wrong_one_are_predicted(up: Up, faulty: Path, tmp_path: Path) -> None:
    ended = up.home.molino("predict", str(faulty), str(tmp_path / "out.csv"), "--model", "housing")
    with (tmp_path / "out.csv").open() as file:
        assert [bool(row["prediction"]) for row in csv.DictReader(file)] == [True, False, True, False, True]
    assert ended.returncode == 1


def test_a_csv_without_a_feature_is_refused(up: Up, tmp_path: Path) -> None:
    (tmp_path / "short.csv").write_text("crim,zn\n1,2\n")
    ended = up.home.molino("predict", str(tmp_path / "short.csv"), str(tmp_path / "out.csv"), "--model", "housing")
    assert ended.stderr.startswith(f"molino: {tmp_path}/short.csv:1: the model's features indus, chas")


def test_the_served_versions_are_listed(up: Up) -> None:
    rows = json.loads(up.home.molino("models", "--json").stdout)
    assert {row["name"]: row["served"] for row in rows} == {"housing": "1", "penguins": "1"}


def test_doctor_is_content(up: Up) -> None:
    ended = up.home.molino("doctor")
    assert ended.returncode == 0, ended.stdout


# Taken up again.


def test_a_second_run_takes_up_what_is_there(up: Up, first: Ended) -> None:
    assert f"run {first.run_id} is there" in up.output


def test_a_second_run_makes_nothing(up: Up) -> None:
    counts = up.home.counts()
    assert (counts["records"], counts["model versions"], counts["releases"]) == (12, 2, 2)
