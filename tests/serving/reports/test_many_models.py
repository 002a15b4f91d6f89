"""Reports of many models: whole, and right whatever models are called."""

import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asgi_client import make_client
from bundles import HOUSING_ROW
from prometheus_client.parser import text_string_to_metric_families
from running_server import KEY, RunningServer, run_server

from molino.contracts.pointer import bundle_path, write_pointer
from serving.metrics.request_counters import OVERFLOW, RequestCounters, Series
from serving.metrics.shared_counters import SharedCounters, joined, parted
from serving.reports.exposition import expose
from serving.reports.monitor import monitor
from serving.service import Service, open_service
from serving.settings import ServingSettings

MODELS = 200
SOME = 20
STRANGE = ("a|b", "100%", 'say "hi"', "a%7Cb", "back\\slash")


def copy_model(home: Path, name: str) -> None:
    """Make housing a model of another name."""
    folder = Path(shutil.copytree(bundle_path(home, "housing", "1"), bundle_path(home, name, "1")))
    content = json.loads((folder / "release.json").read_text())
    (folder / "release.json").write_text(json.dumps({**content, "name": name}))


@pytest.fixture(scope="module")
def many(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of 200 models, each of which has answered 600 rows."""
    home = Path(shutil.copytree(releases, tmp_path_factory.mktemp("many") / "home"))
    names = [f"model-{number}" for number in range(MODELS)]
    for name in names:
        copy_model(home, name)
    write_pointer(home, dict.fromkeys(names, "1"))
    body = json.dumps({"data": [HOUSING_ROW] * 100}).encode()
    with run_server(home, home.parent / "log") as server:
        for name in names:
            for _ in range(6):
                assert server.ask("POST", f"/models/{name}/predict", body).status == 200
            server.ask("POST", f"/models/{name}/predict", b"{}")
        yield server


def test_ids_of_operations_differ_whatever_models_are_called(own_releases: Path) -> None:
    names = ["rent", "rent_ready", "rent-ready"]
    for name in names:
        copy_model(own_releases, name)
    write_pointer(own_releases, dict.fromkeys(names, "1"))
    contract = make_client(ServingSettings(home=own_releases)).get("/openapi.json", headers=KEY).json
    operations = [told for item in contract["paths"].values() for told in item.values() if isinstance(told, dict)]
    ids = [told["operationId"].replace("-", "_") for told in operations]

    assert len(set(ids)) == len(ids)


def test_a_report_has_all_models(many: RunningServer) -> None:
    models = many.ask("GET", "/monitor").json["models"]
    families = text_string_to_metric_families(many.ask("GET", "/metrics").body.decode())
    rows = next(family for family in families if family.name == "molino_predicted_rows").samples

    assert {(model["requests"], model["rows"]) for model in models.values()} == {(7, 600)}
    assert (len(models), len(rows), {sample.value for sample in rows}) == (MODELS, MODELS, {600})


@pytest.fixture(scope="module")
def some(releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A server's parts in this process, with models each of which has answered 600 rows."""
    home = Path(shutil.copytree(releases, tmp_path_factory.mktemp("some") / "home"))
    names = [f"model-{number}" for number in range(SOME)]
    for name in names:
        copy_model(home, name)
    write_pointer(home, dict.fromkeys(names, "1"))
    service = open_service(ServingSettings(home=home, access_log=False))
    service.repository.refresh()
    for name, model in service.repository.state.models.items():
        for _ in range(6):
            model.predict([HOUSING_ROW] * 100)
            service.request_counters.count(Series("/models/{name}/predict", "POST", 200, name, "1"), 0.001, 100)
        service.flush()
    return service


@pytest.mark.parametrize(("report", "most"), [(expose, 300), (monitor, 400)])
def test_a_report_takes_little_of_each_model(some: Service, report: Callable[[Service], object], most: int) -> None:
    report(some)  # What is worked out once per release is worked out here.
    calls = Counter[str]()
    sys.setprofile(lambda frame, event, _: calls.update([event]))
    try:
        report(some)
    finally:
        sys.setprofile(None)

    assert (calls["call"] + calls["c_call"]) / SOME <= most


def test_a_report_has_plain_figures(some: Service) -> None:
    def figures(told: object) -> Iterator[object]:
        if isinstance(told, dict | list):
            for part in told.values() if isinstance(told, dict) else told:
                yield from figures(part)
        else:
            yield told

    assert {type(figure) for figure in figures(monitor(some))} <= {int, float, str, bool, type(None)}


def test_models_are_counted_whatever_they_are_called(releases: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(releases, tmp_path / "home"))
    for name in STRANGE:
        copy_model(home, name)
    write_pointer(home, dict.fromkeys(STRANGE, "1"))
    body = json.dumps({"data": [HOUSING_ROW]}).encode()
    with run_server(home, tmp_path / "log", MOLINO_SERVING_DEFAULT_MODEL="a|b") as server:
        server.wait_for_workers()
        assert server.ask("POST", "/predict", body).status == 200
        models = server.ask("GET", "/monitor").json["models"]
        text = server.ask("GET", "/metrics").body.decode()
        served = {
            sample.labels["model"]: sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "molino_model_workers"
        }

    assert (models["a|b"]["requests"], models["a%7Cb"]["requests"]) == (1, 0)
    assert served == dict.fromkeys(STRANGE, 2)
    assert all(json.loads(line) for line in (tmp_path / "log").read_text().splitlines())


@pytest.mark.parametrize("parts", [("a|b", "c"), ("a", "b|c"), ("a%7Cb", "c"), ("", "|"), ("%", "%25")])
def test_joined_parts_come_apart_again(parts: tuple[str, ...]) -> None:
    assert parted(joined(*parts)) == list(parts)


def test_a_full_table_counts_requests_together_and_says_so() -> None:
    counters = SharedCounters(1, worker_bytes=20_000)
    requests = RequestCounters(counters, counters.worker(0))
    for number in range(100):
        requests.count(Series("/predict", "POST", 200, f"model-{number}", "1"), 0.001, 1)
    tallies = requests.tallies()

    assert sum(tally.requests for tally in tallies.values()) == 100
    assert tallies[Series(OVERFLOW, OVERFLOW, 200)].requests > 80
    assert counters.room().used > 0.9 * counters.room().size


def test_a_vector_without_room_is_told() -> None:
    counters = SharedCounters(1, worker_bytes=4096)
    counters.worker(0).vector("drift|model", 2000)

    assert counters.room().lost == 1


@pytest.mark.parametrize("read", [lambda c: c.totals("a|"), lambda c: c.totals("")])
def test_what_is_known_of_the_memory_is_renewed(read: Callable[[SharedCounters], dict[str, list[float]]]) -> None:
    counters = SharedCounters(1)
    own = counters.worker(0)
    own.vector("a|x", 1)[0] = 1
    before = read(counters)
    own.release("a|x")
    own.vector("a|y", 1)[0] = 2
    own.vector("a|z", 1)[0] = 3

    assert [sorted(v[0] for v in found.values() if v[0]) for found in (before, read(counters))] == [[1], [2, 3]]
