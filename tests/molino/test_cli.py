import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from molino import __version__
from molino.cli import app

COMMANDS = tuple(command.name or "" for command in app.registered_commands)
GROUPS = {group.name or "": group.typer_instance for group in app.registered_groups}
SUBCOMMANDS = tuple(f"{name} {one.name}" for name, group in GROUPS.items() for one in group.registered_commands)
HEAVY = {"dvc", "flask", "matplotlib", "mlflow", "numpy", "onnxruntime", "pandas", "polars", "sklearn", "tensorflow"}


def molino(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as a shell does."""
    import os

    command = [sys.executable, "-m", "molino", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def output(*arguments: str) -> str:
    return CliRunner().invoke(app, arguments).output


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOLINO_HOME", str(tmp_path))


@pytest.mark.parametrize("command", [*COMMANDS, *GROUPS])
def test_the_help_lists_every_command(command: str) -> None:
    assert f" {command} " in output("--help")


@pytest.mark.parametrize("command", [*COMMANDS, "runs", *SUBCOMMANDS])
def test_the_help_of_a_command_has_an_example(command: str) -> None:
    assert "Example: " in output(*command.split(), "--help")


def test_the_help_imports_nothing_heavy() -> None:
    code = "import sys; from molino.cli import app; app(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stdout.split())


def test_a_known_cause_is_one_line_on_stderr(tmp_path: Path) -> None:
    ended = molino("step", "version", "--model", "housing", "--run-id", "r1")
    assert ended.stderr == "molino: version of housing run r1 needs the record of ingest; run that step first\n"


def test_a_known_cause_exits_1() -> None:
    assert molino("step", "version", "--model", "housing", "--run-id", "r1").returncode == 1


def test_a_wrong_setting_is_named() -> None:
    ended = molino("doctor", MOLINO_DEPLOY_TARGET="mars")
    assert ended.stderr.startswith("molino: MOLINO_DEPLOY_TARGET: ")


@pytest.mark.parametrize("url", ["nowhere", "127.0.0.1:8000", "http://", "http://[::1", "http://127.0.0.1:port"])
def test_a_server_without_a_url_is_refused(url: str) -> None:
    ended = molino("models", MOLINO_SERVING_URL=url)
    assert ended.stderr == (
        f"molino: MOLINO_SERVING_URL: expected the URL of a server, such as http://127.0.0.1:8000, not {url!r}\n"
    )


def test_an_unknown_step_is_named() -> None:
    assert "'bake' is no step" in output("step", "bake", "--model", "housing", "--run-id", "r1")


def test_an_unknown_model_is_named_with_those_that_are_there() -> None:
    ended = molino("step", "ingest", "--model", "houses", "--run-id", "r1")
    assert "no model 'houses' in " in ended.stderr
    assert "(there: housing, penguins)" in ended.stderr


def test_no_run_gives_an_empty_list() -> None:
    assert json.loads(molino("runs", "--json").stdout) == []


def test_models_are_listed_without_a_server() -> None:
    rows = json.loads(molino("models", "--json", MOLINO_SERVING_URL="http://127.0.0.1:1").stdout)
    assert [row["name"] for row in rows] == ["housing", "penguins"]


def test_a_wrong_model_file_is_listed_with_its_fault(tmp_path: Path) -> None:
    (tmp_path / "models" / "rows").mkdir(parents=True)
    (tmp_path / "models" / "rows" / "model.yaml").write_text("name: rows\ntaks: regression\n")
    said = molino("models", "--json", MOLINO_MODELS=str(tmp_path / "models"), MOLINO_SERVING_URL="http://127.0.0.1:1")
    assert "model.yaml:2: taks: unknown key" in json.loads(said.stdout)[0]["fault"]


def test_doctor_exits_1_where_something_is_wrong(tmp_path: Path) -> None:
    assert molino("doctor", MOLINO_MODELS=str(tmp_path)).returncode == 1


def test_doctor_says_what_to_do(tmp_path: Path) -> None:
    assert (
        "→ set MOLINO_MODELS to the folder of your model folders"
        in molino("doctor", MOLINO_MODELS=str(tmp_path)).stdout
    )


@pytest.mark.parametrize("command", ["run", "serve", "metrics"])
def test_a_port_out_of_range_is_refused(command: str) -> None:
    assert "65535" in output(command, "--port", "99999")


@pytest.mark.parametrize("run_id", ["../..", "..", "a/b", "a\n"])
def test_a_strange_run_id_touches_nothing(run_id: str, tmp_path: Path) -> None:
    kept = tmp_path / "work" / "keep.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    ended = molino("step", "ingest", "--model", "housing", "--run-id", run_id, MOLINO_WORK=str(kept.parent))
    assert (ended.returncode, kept.read_text(), ended.stdout) == (2, "mine", "")
    assert "expected letters, digits and the signs _ . -" in " ".join(ended.stderr.replace("│", " ").split())


@pytest.mark.parametrize("arguments", [("runs", "show", "../.."), ("runs", "--model", "../x"), ("run", "--model", "A")])
def test_a_strange_name_is_a_wrong_use(arguments: tuple[str, ...]) -> None:
    ended = molino(*arguments)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)


def test_a_strange_record_is_named_and_the_other_runs_are_listed(tmp_path: Path) -> None:
    fixture = Path(__file__).parent / "contracts" / "fixtures" / "e016fe5" / "ingest.json"
    runs = tmp_path / "store" / "runs" / "penguins"
    for run_id, content in (("good", fixture.read_bytes()), ("strange", b'{"schema_version": 9}')):
        (runs / run_id).mkdir(parents=True)
        (runs / run_id / "ingest.json").write_bytes(content)
    ended = molino("runs", "--json")
    assert [run["run_id"] for run in json.loads(ended.stdout)] == ["good"]
    assert "strange/ingest.json" in ended.stderr
    assert "schema_version: expected 1" in ended.stderr


def test_the_version_is_told() -> None:
    done = molino("--version")
    assert (done.returncode, done.stdout) == (0, f"molino {__version__}\n")
