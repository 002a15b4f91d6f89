import http.client
import json
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from killed import kill_after, start_step
from registered_run import RegisteredRun, Runs, champion, deploy, workers
from running_server import JSON, RunningServer

from molino.contracts.errors import BrokenReleaseError, DeployError, StoreError
from molino.contracts.pointer import bundle_path, point_to, pointer_path, read_pointer
from molino.contracts.record import Record, failure_summary, record_key
from molino.contracts.results import RegisterResult
from training.deploy.rollout import agree


def alter(
    run: RegisteredRun, change: Callable[[dict], None] = lambda release: None, graph: bytes | None = None
) -> None:
    """Register other bytes in place of a release, as if the steps before had made them."""
    key = record_key("housing", run.run_id, "register")
    record = Record.model_validate_json(run.store.read(key))
    result = RegisterResult.model_validate(record.result)
    onnx = run.store.write(result.onnx.key, graph or run.store.read(result.onnx.key))
    release = json.loads(run.store.read(result.release.key))
    release |= {"onnx_sha256": onnx.sha256, "onnx_bytes": onnx.bytes}
    change(release)
    document = run.store.write(result.release.key, json.dumps(release).encode())
    result = result.model_copy(update={"onnx": onnx, "release": document})
    record = record.model_copy(update={"result": result.model_dump(mode="json")})
    run.store.write(key, record.model_dump_json().encode())


def promise_other_answers(release: dict) -> None:
    """Too far for the deploy step, near enough for the server's own look at the example."""
    release["example"]["predictions"] = [1.0005 * value for value in release["example"]["predictions"]]


class Questions:
    """Two callers that ask all the while: one on one connection, one on a new connection each time."""

    def __init__(self, server: RunningServer, row: list) -> None:
        self.port, self.body = server.port, json.dumps({"data": [row]})
        self.answers: Counter[str] = Counter()
        self.failed: list[str] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(keep,)) for keep in (True, False)]

    def __enter__(self) -> "Questions":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def ask(self, keep: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not self.over.is_set():
            try:
                connection.request("POST", "/models/housing/predict", self.body, JSON)
                answer = connection.getresponse()
                content = json.loads(answer.read())
            except OSError as error:
                self.failed.append(repr(error))
                connection.close()
                continue
            if answer.status == 200:
                self.answers[content["model"]["version"]] += 1
            else:
                self.failed.append(f"{answer.status}: {content}")
            if not keep:
                connection.close()
        connection.close()


# What is deployed.


def test_all_workers_serve_the_release(runs: Runs, server: RunningServer) -> None:
    deploy(runs["r1"])
    assert workers(server) == {"1": 2}


def test_the_release_becomes_the_champion(runs: Runs) -> None:
    deploy(runs["r1"])
    assert champion(runs["r1"]) == "1"


def test_the_record_has_the_answer_of_the_server(runs: Runs, server: RunningServer) -> None:
    result = deploy(runs["r1"])
    example = json.loads(runs["r1"].store.read("releases/housing/1/release.json"))["example"]
    said = server.ask("POST", "/models/housing/predict", json.dumps({"data": example["data"]}).encode()).json
    assert result.answered == said["predictions"]


def test_the_record_names_versions_and_endpoint(runs: Runs, server: RunningServer) -> None:
    deploy(runs["r1"])
    result = deploy(runs["r2"])
    assert result.model_dump(exclude={"answered"}) == {
        "target": "embedded",
        "version": "2",
        "previous_version": "1",
        "endpoint": f"{server.url}/models/housing/predict",
        "approval": None,
    }


def test_no_request_fails_while_releases_change(runs: Runs, server: RunningServer) -> None:
    deploy(runs["r1"])
    row = json.loads(runs["r1"].store.read("releases/housing/1/release.json"))["example"]["data"][0]
    with Questions(server, row) as questions:
        deploy(runs["r2"])
        alter(runs["r3"], graph=b"no graph")
        with pytest.raises(DeployError):
            deploy(runs["r3"])
    assert (questions.failed, set(questions.answers)) == ([], {"1", "2"})


def test_other_models_stay_in_service(runs: Runs) -> None:
    folder = runs["r1"].settings.serving_folder
    point_to(folder, "other", "7")
    deploy(runs["r1"])
    assert read_pointer(folder) == {"housing": "1", "other": "7"}


# What is refused.


@pytest.fixture(params=["no graph", "other answers"])
def refused(request: pytest.FixtureRequest, runs: Runs) -> str:
    """The error of a third release that can't serve, after the second was deployed."""
    deploy(runs["r1"])
    deploy(runs["r2"])
    if request.param == "no graph":
        alter(runs["r3"], graph=b"no graph")
    else:
        alter(runs["r3"], promise_other_answers)
    with pytest.raises(BrokenReleaseError) as caught:
        deploy(runs["r3"])
    assert json.loads(failure_summary(caught.value)) == {"status": "put-back", "error": str(caught.value)}
    return str(caught.value)


def test_a_bad_release_gives_way_to_the_one_before(refused: str, server: RunningServer) -> None:
    assert workers(server) == {"2": 2}


def test_a_bad_release_is_told_in_one_line(refused: str) -> None:
    assert refused.endswith("; version 2 is back in service")
    assert "\n" not in refused


def test_a_bad_release_does_not_become_the_champion(refused: str, runs: Runs) -> None:
    assert champion(runs["r3"]) == "2"


def test_a_bad_release_leaves_no_record(refused: str, runs: Runs) -> None:
    assert not runs["r3"].store.exists(record_key("housing", "r3", "deploy"))


def test_a_bad_first_release_leaves_nothing_in_service(runs: Runs, server: RunningServer) -> None:
    alter(runs["r1"], promise_other_answers)
    with pytest.raises(DeployError, match="no version of housing is in service"):
        deploy(runs["r1"])
    server.wait("no worker serves it", lambda: workers(server) == {})


def test_a_bad_release_that_gives_way_to_nothing_is_worth_another_try(runs: Runs) -> None:
    deploy(runs["r1"])
    alter(runs["r2"], promise_other_answers)
    shutil.rmtree(bundle_path(runs["r1"].settings.serving_folder, "housing", "1"))
    with pytest.raises(DeployError, match=r"; and putting housing back to version 1 failed: ") as caught:
        deploy(runs["r2"])
    assert not isinstance(caught.value, BrokenReleaseError)
    assert json.loads(failure_summary(caught.value))["status"] == "failed"


def test_a_bug_keeps_its_traceback_after_putting_back(
    runs: Runs, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(runs["r1"])

    def bug(*_: object) -> None:
        raise TypeError("a bug")

    monkeypatch.setattr("training.deploy.rollout.agree", bug)
    with pytest.raises(TypeError, match="a bug") as caught:
        deploy(runs["r2"])
    assert caught.value.__notes__ == ["version 1 is back in service"]
    assert workers(server) == {"1": 2}


def test_a_full_disk_is_no_bug(runs: Runs, server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    deploy(runs["r1"])
    points = []

    def full(home: Path, model: str, version: str | None) -> str | None:
        points.append(version)
        if version == "2":
            raise OSError(28, "No space left on device")
        return point_to(home, model, version)

    monkeypatch.setattr("training.deploy.targets.embedded.point_to", full)
    with pytest.raises(DeployError, match=r"No space left on device; version 1 is back in service"):
        deploy(runs["r2"])


def test_an_altered_bundle_changes_nothing(runs: Runs, server: RunningServer) -> None:
    deploy(runs["r1"])
    runs["r2"].store.write("releases/housing/2/model.onnx", b"altered")
    with pytest.raises(StoreError, match="was altered"):
        deploy(runs["r2"])
    assert workers(server) == {"1": 2}


def test_a_rejected_run_deploys_nothing(runs: Runs) -> None:
    run = runs["r1"]
    key = record_key("housing", "r1", "register")
    record = Record.model_validate_json(run.store.read(key))
    nothing = dict.fromkeys(RegisterResult.model_fields)
    run.store.write(key, record.model_copy(update={"result": nothing, "status": "rejected"}).model_dump_json().encode())
    assert run.step("deploy").status == "rejected"
    assert read_pointer(run.settings.serving_folder) == {}


# Where there is no server to ask.


def elsewhere(run: RegisteredRun, **settings: object) -> str:
    run.settings = run.settings.model_copy(update=settings)
    with pytest.raises(DeployError) as caught:
        deploy(run)
    return str(caught.value)


def test_without_a_server_it_says_how_to_start_one(runs: Runs) -> None:
    said = elsewhere(runs["r1"], serving_url="http://127.0.0.1:1")
    assert said == (
        "no server answers at http://127.0.0.1:1 ([Errno 111] Connection refused): start one by `molino serve`, "
        "or set MOLINO_SERVING_URL"
    )


def test_without_a_server_nothing_changes(runs: Runs) -> None:
    elsewhere(runs["r1"], serving_url="http://127.0.0.1:1")
    folder = runs["r1"].settings.serving_folder
    assert (list(folder.iterdir()), read_pointer(folder)) == ([pointer_path(folder)], {})


def test_a_wrong_key_is_told(runs: Runs) -> None:
    from pydantic import SecretStr

    assert "check MOLINO_API_KEY" in elsewhere(runs["r1"], api_key=SecretStr("wrong"))


def test_kubernetes_wants_to_be_in_a_cluster(runs: Runs) -> None:
    said = elsewhere(runs["r1"], deploy_target="kubernetes")
    assert said.startswith("MOLINO_DEPLOY_TARGET=kubernetes works in a pod of the cluster alone (")


# Killed, and at once.


@pytest.mark.parametrize("event", ["pointed to", "answered", "champion"])
def test_a_killed_step_run_again_ends_as_if_it_was_not(runs: Runs, server: RunningServer, event: str) -> None:
    deploy(runs["r1"])
    kill_after(runs["r2"], "deploy", event)
    result = deploy(runs["r2"])
    assert (result.version, result.previous_version, workers(server), champion(runs["r2"])) == ("2", "1", {"2": 2}, "2")


def test_a_killed_step_with_a_bad_release_run_again_puts_back(runs: Runs, server: RunningServer) -> None:
    deploy(runs["r1"])
    alter(runs["r2"], promise_other_answers)
    kill_after(runs["r2"], "deploy", "pointed to")
    with pytest.raises(DeployError, match="version 1 is back in service"):
        deploy(runs["r2"])
    assert workers(server) == {"1": 2}


def test_two_deploys_at_once_end_one_after_the_other(runs: Runs, server: RunningServer) -> None:
    processes = [start_step(runs[run_id], "deploy") for run_id in ("r1", "r2")]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert list(workers(server)) == [champion(runs["r1"])]


# How answers are compared.


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        ([20.0, 0.001], [20.0, 0.0], True),
        ([20.0, 1.0], [20.0, 1.01], False),
        ([20.0], [20.0, 1.0], False),
        ([0.0], [0.0], True),
        (["Adelie"], ["Adelie"], True),
        (["Adelie"], ["Gentoo"], False),
        ([1.0], ["Adelie"], False),
    ],
)
def test_answers_are_compared(found: list, expected: list, same: bool) -> None:
    assert agree(found, expected) is same


# Without a server.


def test_without_a_server_the_release_becomes_the_champion_unasked(runs: Runs, server: RunningServer) -> None:
    settings = runs["r1"].settings.model_copy(update={"deploy_target": "none"})
    result = deploy(RegisteredRun(settings, "r1"))
    assert (result.version, result.endpoint, result.answered) == ("1", None, None)
    assert (champion(runs["r1"]), workers(server)) == ("1", {})
