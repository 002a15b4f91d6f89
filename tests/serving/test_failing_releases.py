"""A release that fails, at whatever moment, is its model's failure alone: it is told everywhere, and tried again."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
from bundles import HOUSING_ROW, PENGUIN_ROWS
from graphs import RUN, UNUSED, begin_with_a_group, disguise_tag, external_graph, look_up_graph, replace_graph
from running_server import ROOT, RunningServer, run_server

from molino.client import Client
from molino.contracts.errors import ReleaseError
from molino.contracts.external_data import has_external_data
from molino.contracts.pointer import bundle_path, point_to, write_pointer
from molino.contracts.release import MODEL_FILENAME, RELEASE_FILENAME
from serving.inference.model import load_bundle
from serving.inference.repository import FIRST_RETRY_SECONDS, Repository

PENGUINS = json.dumps({"data": [PENGUIN_ROWS[0]]}).encode()
HOUSING = json.dumps({"data": [HOUSING_ROW]}).encode()
PLACES = (*RUN, *UNUSED)
LOOKED_UP = 8
"""The whole number of this column of `HOUSING_ROW`, 4, is beyond the table that the graph looks it up in."""


def fail_when_run(home: Path, version: str) -> None:
    replace_graph(home, "housing", version, look_up_graph(LOOKED_UP))


def nest_deeply(home: Path, version: str) -> None:
    (bundle_path(home, "housing", version) / RELEASE_FILENAME).write_text('{"serving":' + '{"a":' * 100_000)


def make_a_folder_of_the_graph(home: Path, version: str) -> None:
    graph = bundle_path(home, "housing", version) / MODEL_FILENAME
    graph.unlink()
    graph.mkdir()


def ask_for_many_rows(home: Path, version: str) -> None:
    """A setting that msgspec can make no decoder of."""
    folder = bundle_path(home, "housing", version)
    content = json.loads((folder / RELEASE_FILENAME).read_text())
    content["serving"]["max_rows"] = "many"
    (folder / RELEASE_FILENAME).write_text(json.dumps(content))


def take_weights_from_a_file(home: Path, version: str) -> None:
    replace_graph(home, "housing", version, external_graph("branch", "pyproject.toml"))


DAMAGES = [fail_when_run, nest_deeply, make_a_folder_of_the_graph, ask_for_many_rows, take_weights_from_a_file]


def failed(server: RunningServer, model: str) -> float | None:
    found = re.search(rf'molino_model_failed\{{model="{model}"\}} (\S+)', server.ask("GET", "/metrics").body.decode())
    return float(found[1]) if found else None


def listens(server: RunningServer) -> bool:
    try:
        return server.ask("GET", "/ping").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("damage", DAMAGES)
def test_at_the_start_other_models_serve(
    own_releases: Path, tmp_path: Path, damage: Callable[[Path, str], None]
) -> None:
    damage(own_releases, "1")
    with run_server(own_releases, tmp_path / "log", ready=False) as server:
        server.wait("the server listens", lambda: listens(server))
        ready = server.ask("GET", "/ready")

        assert server.ask("POST", "/models/penguins/predict", PENGUINS).status == 200
        assert server.ask("POST", "/models/housing/predict", HOUSING).status == 503
        assert (ready.status, ready.json["detail"]) == (
            503,
            "a deployed model could not be loaded: housing; see /models",
        )
        assert server.ask("GET", "/v2/health/ready").status == 503
        client = Client(server.url, "key")
        assert (client.ready(), client.started()) == (False, True)
        assert server.ask("GET", "/models/housing").json["failure"].startswith("version 1: ")
        assert (failed(server, "housing"), failed(server, "penguins")) == (1, 0)


def test_what_fails_live_is_told_and_tried_again(own_releases: Path, tmp_path: Path) -> None:
    kept = Path(shutil.copytree(bundle_path(own_releases, "housing", "2"), tmp_path / "kept"))
    fail_when_run(own_releases, "2")
    with run_server(own_releases, tmp_path / "log") as server:
        server.wait_for_workers()
        point_to(own_releases, "housing", "2")
        server.wait("the failure is told", lambda: failed(server, "housing") == 1)
        ready = server.ask("GET", "/ready")

        assert (ready.status, ready.json["detail"]) == (200, "housing; see /models")
        assert "fails when it is run" in server.ask("GET", "/monitor").json["models"]["housing"]["failure"]
        assert server.ask("POST", "/predict", HOUSING).json["model"]["version"] == "1"

        for file in kept.iterdir():
            shutil.copy(file, bundle_path(own_releases, "housing", "2"))
        server.wait(
            "all workers serve 2", lambda: server.ask("GET", "/models/housing").json["workers"] == {"2": 2}, seconds=30
        )
        server.wait("nothing fails any more", lambda: "detail" not in server.ask("GET", "/ready").json)
        assert failed(server, "housing") == 0


def test_a_new_model_that_fails_keeps_no_other_one_from_answering(own_releases: Path, tmp_path: Path) -> None:
    write_pointer(own_releases, {"penguins": "1"})
    fail_when_run(own_releases, "1")
    with run_server(own_releases, tmp_path / "log") as server:
        server.wait_for_workers()
        point_to(own_releases, "housing", "1")
        asked = "/v2/models/housing/ready"
        server.wait("each worker tells it", lambda: {server.ask("GET", asked).status for _ in range(20)} == {503})

        assert failed(server, "housing") == 1
        assert {server.ask("POST", "/models/penguins/predict", PENGUINS).status for _ in range(20)} == {200}
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
        assert all({"timestamp", "level", "event"} <= line.keys() for line in lines)


def test_a_model_that_fails_on_some_values_is_told_by_all_workers(own_releases: Path, tmp_path: Path) -> None:
    small = [*HOUSING_ROW[:LOOKED_UP], 1, *HOUSING_ROW[LOOKED_UP + 1 :]]
    replace_graph(
        own_releases, "housing", "1", look_up_graph(LOOKED_UP), example={"data": [small], "predictions": [22.0]}
    )
    with run_server(own_releases, tmp_path / "log") as server:
        answer = server.ask("POST", "/predict", HOUSING)
        told = [server.ask("GET", "/models/housing").json["failure"] for _ in range(20)]

        assert (answer.status, "see /models" in answer.json["detail"]) == (500, True)
        assert all("failed when it was run" in failure for failure in told)
        assert (failed(server, "housing"), server.ask("GET", "/ready").status) == (1, 200)
        assert [line for line in server.log.read_text().splitlines() if not line.startswith("{")] == []

        well = json.dumps({"data": [small]}).encode()
        server.wait("it is well", lambda: not (server.ask("POST", "/predict", well), failed(server, "housing"))[1])


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_intervals_between_tries_grow(own_releases: Path) -> None:
    clock = Clock()
    fail_when_run(own_releases, "1")
    repository = Repository(own_releases, clock=clock)
    repository.refresh()
    tries = []
    for _ in range(600):
        clock.now += FIRST_RETRY_SECONDS
        if repository.changed():
            repository.refresh()
            tries.append(int(clock.now - 1000))

    assert tries[:6] == [1, 3, 7, 15, 31, 63]
    assert tries[-1] - tries[-2] <= 300


def test_a_pointer_file_that_cant_be_read_is_tried_again(own_releases: Path) -> None:
    clock = Clock()
    pointer = own_releases / "deployed.json"
    text = pointer.read_text()
    pointer.unlink()
    pointer.mkdir()
    repository = Repository(own_releases, clock=clock)
    repository.refresh()
    before = (repository.changed(), dict(repository.state.models))
    pointer.rmdir()
    pointer.write_text(text)
    clock.now += FIRST_RETRY_SECONDS
    repository.refresh()

    assert (before, sorted(repository.state.models)) == ((False, {}), ["housing", "penguins"])


@pytest.mark.parametrize("place", PLACES)
def test_weights_in_files_are_found_wherever_the_graph_has_them(place: str) -> None:
    assert has_external_data(external_graph(place, "pyproject.toml"))


@pytest.mark.parametrize("disguise", [disguise_tag, begin_with_a_group])
def test_weights_in_files_are_found_however_a_field_is_written(disguise: Callable[[bytes], bytes]) -> None:
    session = onnxruntime.InferenceSession(disguise(look_up_graph(LOOKED_UP)))

    assert [tensor.name for tensor in session.get_inputs()] == ["features"]  # ONNX Runtime reads it all the same.
    assert has_external_data(disguise(external_graph("initializer", "pyproject.toml")))


def test_a_graph_that_speaks_of_locations_has_all_its_weights(releases: Path) -> None:
    graph = (bundle_path(releases, "housing", "1") / MODEL_FILENAME).read_bytes()

    assert [has_external_data(graph), has_external_data(graph.replace(b"features", b"location"))] == [False, False]


@pytest.mark.parametrize("location", ["pyproject.toml", "../ext/api-keys", "/etc/hostname", str(ROOT / "README.md")])
@pytest.mark.parametrize(
    ("place", "scan"), [(place, scan) for scan, places in ((True, PLACES), (False, RUN)) for place in places]
)
def test_weights_from_files_are_refused(
    own_releases: Path, place: str, location: str, scan: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not scan:
        monkeypatch.setattr("serving.inference.model.has_external_data", lambda _: False)
    replace_graph(own_releases, "housing", "1", external_graph(place, location))

    with pytest.raises(ReleaseError):
        load_bundle(bundle_path(own_releases, "housing", "1"))


@pytest.mark.parametrize(
    ("model", "place", "value"),
    [
        ("housing", ("signature", "inputs"), []),
        ("housing", ("signature", "inputs", 0, "shape"), []),
        ("housing", ("serving", "max_rows"), None),
        ("housing", ("serving", "max_rows"), -1),
        ("penguins", ("features", 0, "values"), []),
    ],
)
def test_a_release_that_asks_for_what_cant_be_made_is_told_in_a_line(
    own_releases: Path, model: str, place: tuple[str | int, ...], value: object
) -> None:
    path = bundle_path(own_releases, model, "1") / RELEASE_FILENAME
    content = changed = json.loads(path.read_text())
    for key in place[:-1]:
        changed = changed[key]
    changed[place[-1]] = value
    path.write_text(json.dumps(content))

    with pytest.raises(ReleaseError, match="asks for what can't be made"):
        load_bundle(path.parent)


def test_a_full_log_disk_doesnt_stop_what_follows_deployments(own_releases: Path, tmp_path: Path) -> None:
    with run_server(own_releases, tmp_path / "log", stderr=Path("/dev/full")) as server:
        for _ in range(30):
            server.ask("POST", "/predict", HOUSING)
        point_to(own_releases, "housing", "2")
        server.wait(
            "all workers serve 2", lambda: server.ask("GET", "/models/housing").json["workers"] == {"2": 2}, seconds=30
        )

        assert {server.ask("POST", "/predict", HOUSING).json["model"]["version"] for _ in range(30)} == {"2"}
