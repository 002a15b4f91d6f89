"""Working folders, homes and environments that aren't as one thinks: each works, or is told in one line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from molino.client import Client
from molino.contracts.settings import Settings
from pipelines import services
from pipelines.process import start, stop, wait_until
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).parent / "molino"
SHADOWS = ("molino", "serving", "training", "pipelines", "mlflow", "tensorboard", "dvc", "json")


def molino(*words: str, cwd: Path, **variables: str | None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MOLINO_MODELS": str(ROOT / "pipelines" / "models"), "MOLINO_HOME": str(cwd / "home")}
    for name, value in variables.items():
        environment.pop(name, None)
        environment |= {name: value} if value is not None else {}
    return subprocess.run([COMMAND, *words], env=environment, cwd=cwd, capture_output=True, text=True, check=False)


STEP = ("step", "ingest", "--model", "housing", "--run-id", "r1")


@pytest.fixture
def shadowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with folders that are called like packages, and are packages."""
    for name in SHADOWS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the working folder was imported')")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["molino serve", "serving", "mlflow"])
def test_a_service_imports_nothing_of_the_working_folder(shadowed: Path, mlflow_database: Path, name: str) -> None:
    port = free_port()
    settings = Settings(home=shadowed / "home")
    settings.root.mkdir()
    shutil.copy(mlflow_database, settings.root / "mlflow.db")
    wanted = services.mlflow(settings, port) if name == "mlflow" else services.serving(settings, port, "housing")
    command = [str(COMMAND), "serve"] if name == "molino serve" else wanted.command
    child = start(name, command, shadowed / "log", wanted.environment)
    try:
        answers = Client(wanted.url, "mercadolibre")
        path = "/version" if name == "mlflow" else "/ping"
        assert wait_until(lambda: child.exit_code is not None or _says_something(answers, path), 120)
        assert child.exit_code is None, (shadowed / "log").read_text()[-2000:]
    finally:
        stop([child])
    assert "the working folder was imported" not in (shadowed / "log").read_text()


def _says_something(client: Client, path: str) -> bool:
    import urllib.request

    try:
        with urllib.request.urlopen(client.url + path, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.mark.parametrize("home", [None, "/nowhere/at/all", "/dev/null"])
def test_a_step_needs_no_home_of_a_user(tmp_path: Path, home: str | None) -> None:
    done = molino(*STEP, cwd=tmp_path, HOME=home)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    done = molino("step", "version", "--model", "housing", "--run-id", "r1", cwd=tmp_path, HOME=home)
    assert (done.returncode, done.stderr if done.returncode else "") == (0, "")


@pytest.mark.parametrize("words", [STEP, ("run", "--once", "--port", "0")])
def test_a_home_that_cant_be_written_is_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    words = tuple(str(free_port()) if word == "0" else word for word in words)
    done = molino(*words, cwd=tmp_path, MOLINO_HOME="/proc/nowhere")
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("molino: ")]
    assert said.startswith("molino: MOLINO_HOME: /proc/nowhere")
    assert said.endswith("; set it to a folder that can be written")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


def test_the_home_of_nobody_is_one_line(tmp_path: Path) -> None:
    done = molino("runs", cwd=tmp_path, MOLINO_HOME="~nobody-at-all/x")
    assert done.stderr == (
        "molino: MOLINO_HOME: there is no home that ~nobody-at-all/x could be in; write the whole path\n"
    )


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_no_proxy_is_asked_for_what_is_on_this_machine(api: Client, tmp_path: Path, variable: str) -> None:
    proxy = {variable: f"http://127.0.0.1:{free_port()}", "no_proxy": None, "NO_PROXY": None}
    done = molino("models", cwd=tmp_path, MOLINO_SERVING_URL=api.url, **proxy)
    assert (done.returncode, done.stderr) == (0, "")
