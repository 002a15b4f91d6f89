"""Runs `molino run` as a person does, and looks at what it left from outside."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ports import HOST, free_port

ROOT = Path(__file__).parents[2]
KEY = "mercadolibre"
LIMIT_SECONDS = 300.0


def wait_for(condition: Callable[[], object], what: str, seconds: float = LIMIT_SECONDS) -> None:
    """Wait for a condition, and fail with its name when it doesn't come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {seconds:.0f} s"
        time.sleep(0.01)


@dataclass
class Ended:
    """What a run said."""

    code: int
    output: str
    errors: str
    seconds: float

    @property
    def answer(self) -> dict[str, Any]:
        """The answer of /predict that was shown."""
        return next(json.loads(line) for line in self.output.splitlines() if line.startswith('{"predictions"'))

    @property
    def run_id(self) -> str:
        """The run that was begun or taken up."""
        found = re.search(r"run (\S+) (?:is there|goes on|starts)", self.output)
        assert found, self.output + self.errors
        return found.group(1)


@dataclass
class Home:
    """One state folder, and what can be done with it."""

    path: Path
    models: Path = ROOT / "pipelines" / "models"
    variables: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    mlflow_port: int = field(default_factory=free_port)
    tensorboard_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "MOLINO_HOME": str(self.path),
            "MOLINO_MODELS": str(self.models),
            "MOLINO_SERVING_URL": self.url,
            **self.variables,
        }

    def run(self, model: str = "housing") -> Ended:
        """`molino run --once` to its end."""
        began = time.monotonic()
        process = self.start(model, "--once")
        output, errors = process.communicate(timeout=LIMIT_SECONDS)
        return Ended(process.returncode, output, errors, time.monotonic() - began)

    def start(self, model: str = "housing", *options: str) -> "subprocess.Popen[str]":
        """`molino run`, as a terminal starts it: leader of its own group."""
        return subprocess.Popen(
            [
                sys.executable, "-m", "molino", "run", "--model", model, "--port", str(self.port),
                "--mlflow-port", str(self.mlflow_port), "--tensorboard-port", str(self.tensorboard_port), *options,
            ],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )  # fmt: skip

    def molino(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Any other command, with this home."""
        command = [sys.executable, "-m", "molino", *arguments]
        return subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)

    def lineage(self, run_id: str, model: str = "housing") -> dict[str, Any]:
        """Return a run's records, as `molino runs show --json` tells them."""
        told = self.molino("runs", "show", run_id, "--model", model, "--json")
        assert told.returncode == 0, told.stderr
        found: dict[str, Any] = json.loads(told.stdout)
        return found

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the JSON that the API answers."""
        headers = {"X-API-KEY": KEY, "Content-Type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=30) as answer:
            return json.loads(answer.read())

    def counts(self) -> dict[str, int]:
        """Return how many there are of all that a run makes, to see that nothing is doubled."""
        from mlflow.tracking import MlflowClient

        client = MlflowClient(f"sqlite:///{self.path / 'mlflow.db'}")
        experiments = [experiment.experiment_id for experiment in client.search_experiments()]
        return {
            "records": len(list((self.path / "store" / "runs").glob("*/*/*.json"))),
            "MLflow runs": len(client.search_runs(experiments)),
            "unfinished MLflow runs": len(client.search_runs(experiments, "attributes.status != 'FINISHED'")),
            "model versions": len(client.search_model_versions()),
            "releases": len(list((self.path / "store" / "releases").glob("*/*/release.json"))),
            "commits": int(
                subprocess.check_output(["git", "rev-list", "--count", "main"], cwd=self.path / "data.git", text=True)
            ),
        }


def quick_home(folder: Path, kinds: Sequence[str] = ("linear",), database: Path | None = None, **changes: Any) -> Home:
    """Return a home whose model `quick` is housing's, with the candidates of these kinds alone.

    Args:
        folder: where the model, its data and the state go.
        kinds: of the candidates that stay.
        database: an MLflow database with its tables, which the home begins with; none makes its own.
        changes: sections of the model file, by name.
    """
    import yaml

    model = folder / "models" / "quick"
    model.mkdir(parents=True)
    origin = ROOT / "pipelines" / "models" / "housing"
    content = yaml.safe_load((origin / "model.yaml").read_text())
    content["name"] = "quick"
    content["candidates"] = [one for one in content["candidates"] if one["kind"] in kinds]
    content["gate"] = {"bounds": {"rmse": {"maximum": 6.0}}}  # housing's own bounds are its network's
    (model / "model.yaml").write_text(yaml.safe_dump({**content, **changes}))
    (model / "housing.csv").write_bytes((origin / "housing.csv").read_bytes())
    home = Home(folder / "home", models=folder / "models")
    if database is not None:
        home.path.mkdir()
        shutil.copyfile(database, home.path / "mlflow.db")
    return home


def children(pid: int) -> list[int]:
    """Return the processes that a process started and that are still there."""
    found: list[int] = []
    for of_thread in Path("/proc").glob(f"{pid}/task/*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in of_thread.read_text().split()]
    return found


def descendants(pid: int) -> set[int]:
    """Return the processes that a process started, and those that they started."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        started = children(waiting.pop())
        found.update(started)
        waiting += started
    return found


def command_line(pid: int) -> bytes:
    """Return the words of a process's command, each with a zero byte after it; none where it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def leads_group(pid: int) -> bool:
    """Tell whether a process is the first of its group, not one that has ended."""
    with suppress(ProcessLookupError):
        return os.getpgid(pid) == pid
    return False


def alive(pids: set[int]) -> set[int]:
    """Return those that still run; one that only waits for its parent doesn't."""
    running = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in "ZX":
            running.add(pid)
    return running


def interrupt(process: "subprocess.Popen[str]", number: signal.Signals = signal.SIGINT) -> tuple[str, str]:
    """Do what Ctrl-C does, to the group of the terminal's foreground job; return what was said."""
    os.killpg(process.pid, number)
    return process.communicate(timeout=60)
