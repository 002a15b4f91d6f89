"""A password stands in every address that a run is given, and in nothing that comes out of it."""

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from running_server import run_server
from servers_with_a_password import has_git_backend, server

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PASSWORD = "pl4nted/s3cr3t"
WRITTEN = "pl4nted%2Fs3cr3t"
TOKEN = "t0k3n-0f-th3-s0urc3"
SETTINGS = {
    "MOLINO_API_KEYS": "pl4nted-k3y-0f-cl13nts",
    "MOLINO_S3_ACCESS_KEY": "ada",
    "MOLINO_S3_SECRET_KEY": "pl4nted-k3y-0f-th3-st0re",
}
"""Secrets that are settings of their own."""
SECRETS = (PASSWORD, WRITTEN, TOKEN, "0nly-m4d3-up", SETTINGS["MOLINO_API_KEYS"], SETTINGS["MOLINO_S3_SECRET_KEY"])
"""Of these, `0nly-m4d3-up` is in addresses where nothing answers."""

pytestmark = [
    pytest.mark.embedded,
    pytest.mark.skipif(not has_git_backend(), reason="git has no git-http-backend here"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The servers' folder, and a model of which the file itself has a password in its source."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "files").mkdir()
    shutil.copy(ROOT / "pipelines" / "models" / "housing" / "housing.csv", folder / "files")
    git = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(folder / "git" / "data.git")]
    subprocess.run(git, check=True)
    return folder


@pytest.fixture(scope="module")
def planted(place: Path, mlflow_database: Path) -> Iterator[dict[str, str]]:
    shutil.copy(mlflow_database, place / "mlflow.db")
    with server(place, "ada", PASSWORD) as host:
        content = yaml.safe_load((ROOT / "pipelines" / "models" / "housing" / "model.yaml").read_text())
        content["source"]["uri"] = f"http://ada:{WRITTEN}@{host}/files/housing.csv?token={TOKEN}"
        content["candidates"] = [{"name": "linear", "kind": "linear"}]
        content["gate"] = {"bounds": {"rmse": {"maximum": 20.0}}}
        (place / "models" / "housing").mkdir(parents=True)
        (place / "models" / "housing" / "model.yaml").write_text(yaml.safe_dump(content))
        tracking = free_port()
        command = [sys.executable, "-m", "mlflow", "server", "--port", str(tracking), "--workers", "1",
                   "--backend-store-uri", f"sqlite:///{place / 'mlflow.db'}",
                   "--artifacts-destination", str(place / "artifacts")]  # fmt: skip
        with (place / "mlflow.log").open("wb") as log:
            mlflow = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
            )
        try:
            yield {
                "MOLINO_HOME": str(place / "home"),
                "MOLINO_MODELS": str(place / "models"),
                "MOLINO_GIT_REMOTE": f"http://ada:{WRITTEN}@{host}/git/data.git",
                "MOLINO_DVC_REMOTE": f"http://ada:{WRITTEN}@{host}/files/dvc",
                "MOLINO_MLFLOW_TRACKING_URI": f"http://ada:{WRITTEN}@127.0.0.1:{tracking}",
                "MOLINO_LOG_FORMAT": "json",
                **SETTINGS,
            }
        finally:
            mlflow.terminate()
            mlflow.wait()


def molino(planted: dict[str, str], *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **planted, **variables}
    command = [sys.executable, "-m", "molino", *words]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def ran(planted: dict[str, str], place: Path) -> Path:
    """The folder of all that came out of a whole run, and of the commands that tell of it."""
    said = place / "said"
    said.mkdir()
    done = molino(planted, "run", "--once", "--port", str(free_port()))
    (said / "run").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (path.name for path in (place / "home" / "store" / "runs" / "housing").iterdir())
    for words in (("runs",), ("runs", "--json"), ("runs", "show", run), ("runs", "show", run, "--json"), ("doctor",)):
        done = molino(planted, *words)
        (said / "-".join(words).replace("/", "")).write_text(done.stdout + done.stderr)
    log = subprocess.run(
        ["git", "-C", str(place / "git" / "data.git"), "log", "--patch", "--all"], capture_output=True, check=True
    )
    (said / "git-log").write_bytes(log.stdout)
    with run_server(place / "home" / "serving", said / "serving.log") as serving:
        for path in ("/models", "/models/housing", "/", "/monitor", "/v2/models/housing"):
            answer = serving.ask("GET", path)
            assert answer.status == 200, path
            (said / f"answer{path.replace('/', '-')}").write_bytes(answer.body)
    return place


def holders(folder: Path) -> list[str]:
    """Return the files below a folder that hold one of the secrets, also packed by gzip."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        found += [f"{path.relative_to(folder)}: {secret}" for secret in SECRETS if secret.encode() in data]
    return found


def test_what_is_kept_holds_none(ran: Path) -> None:
    assert holders(ran / "home") == []


def test_what_is_said_holds_none(ran: Path) -> None:
    assert holders(ran / "said") == []


def test_what_mlflow_keeps_holds_none(ran: Path) -> None:
    (ran / "tracked").mkdir()
    for name in ("mlflow.db", "mlflow.log"):
        shutil.copy(ran / name, ran / "tracked")
    assert holders(ran / "tracked") + holders(ran / "artifacts") == []


def test_the_data_repository_and_the_bytes_hold_none(ran: Path) -> None:
    assert holders(ran / "git") + holders(ran / "files") == []


def test_the_addresses_are_still_told(ran: Path) -> None:
    assert "127.0.0.1" in (ran / "said" / "answer-models-housing").read_text()


def nowhere() -> str:
    return f"http://ada:0nly-m4d3-up@127.0.0.1:{free_port()}/x?key=0nly-m4d3-up"


@pytest.mark.parametrize(
    ("variable", "step"),
    [
        ("MOLINO_SOURCE", "ingest"),
        ("MOLINO_STORE", "ingest"),
        ("MOLINO_S3_ENDPOINT", "ingest"),
        ("MOLINO_MLFLOW_ARTIFACTS", "ingest"),
        ("MOLINO_GIT_REMOTE", "version"),
        ("MOLINO_DVC_REMOTE", "version"),
        ("MOLINO_MLFLOW_TRACKING_URI", "train"),
        ("MOLINO_SERVING_URL", "deploy"),
    ],
)
def test_an_address_where_nothing_answers_is_told_without_it(
    ran: Path, planted: dict[str, str], variable: str, step: str, tmp_path: Path
) -> None:
    shutil.copytree(ran / "home" / "store", tmp_path / "store")
    (record,) = (tmp_path / "store" / "runs" / "housing").glob(f"*/{step}.json")
    record.unlink()
    own = {"MOLINO_STORE": str(tmp_path / "store"), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", variable: nowhere()}
    done = molino(planted, "step", step, "--model", "housing", "--run-id", record.parent.name, **own)
    assert (done.returncode, "127.0.0.1" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    assert [secret for secret in SECRETS if secret in done.stdout + done.stderr] == []


def test_doctor_tells_where_nothing_answers_without_it(planted: dict[str, str]) -> None:
    names = ("STORE", "GIT_REMOTE", "DVC_REMOTE", "MLFLOW_TRACKING_URI", "SERVING_URL")
    done = molino(planted, "doctor", **{f"MOLINO_{name}": nowhere() for name in names})
    assert (done.returncode, "127.0.0.1" in done.stdout) == (1, True)
    assert [secret for secret in SECRETS if secret in done.stdout + done.stderr] == []
