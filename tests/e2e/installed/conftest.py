"""One installation for all scenarios, in their order; MOLINO_E2E=1 and a cluster that is up (`make e2e`)."""

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.cluster import Cluster
from tests.e2e.installed import images, models, runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import CHART, Installation
from tests.e2e.installed.killed import kill_step, turn_and_kill
from tests.e2e.installed.report import LINES, show
from tests.e2e.installed.runs import FIRST, Wheel
from tests.e2e.installed.watch import PodWatch

HERE = Path(__file__).parent
ASKED = os.environ.get("MOLINO_E2E") == "1"
collect_ignore_glob = [] if ASKED else ["test_*.py"]
ORDER = (
    "test_install", "test_run", "test_pages", "test_rollout", "test_bad_values", "test_killed", "test_refused",
    "test_outage", "test_upgrade", "test_uninstall",
)  # fmt: skip
MAIN_PATH = ("test_install", "test_run")
"""Always run; the other scenarios are skipped when MOLINO_E2E_UNTIL has passed (seconds since 1970)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.parent == HERE else -1)


def pytest_runtest_setup(item: pytest.Item) -> None:
    until = float(os.environ.get("MOLINO_E2E_UNTIL", "inf"))
    if item.path.parent == HERE and item.path.stem not in MAIN_PATH and time.time() > until:
        pytest.skip("left out: the time that MOLINO_E2E_UNTIL gives is over")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed and "installation" in getattr(item, "fixturenames", ()) and "installation" in item.funcargs:
        report.sections.append(("the installation", item.funcargs["installation"].state()))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for text in LINES:
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    found = Cluster.here()
    assert found.is_up(), "the cluster is down: make cluster"
    return found


@pytest.fixture(scope="session")
def values(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Return the values files of the installation: the chart's own for one's own machine, and the scenarios'."""
    file = tmp_path_factory.mktemp("values") / "scenarios.yaml"
    own = {**{name: models.small(name) for name in models.SMALL}, models.WRONG: models.wrong()}
    file.write_text(yaml.safe_dump({**images.values(cluster), "models": own}))
    return CHART / "values-kind.yaml", file


@pytest.fixture(scope="session")
def installation(cluster: Cluster, values: tuple[Path, ...]) -> Installation:
    """Install the chart into an empty namespace, and wait until every pod is ready."""
    found = Installation(cluster, "molino")
    found.make_namespace()
    began = time.monotonic()
    found.upgrade(*values)
    found.wait_ready()
    show(f"every pod ready {time.monotonic() - began:.0f} s after helm install")
    return found


@pytest.fixture(scope="session")
def airflow(installation: Installation) -> Iterator[Airflow]:
    with installation.forward("airflow-api-server", 8080) as port:
        yield Airflow(f"http://127.0.0.1:{port}", "admin", "mercadolibre")


@pytest.fixture(scope="session")
def pods(installation: Installation) -> Iterator[PodWatch]:
    with PodWatch(installation) as watch:
        yield watch


@pytest.fixture(scope="session")
def first(airflow: Airflow, pods: PodWatch) -> Wheel:  # the pods are watched from here on
    """The first turn, with nothing beside it: its times are measured."""
    return runs.turn(airflow, "housing", FIRST)


@pytest.fixture(scope="session")
def under_way() -> Iterator[Executor]:
    """What turns while something else is looked at."""
    with ThreadPoolExecutor() as executor:
        yield executor


@pytest.fixture(scope="session")
def small_rows(installation: Installation) -> str:
    """The source that the small models name, written; its URI."""
    return runs.put_rows(installation, models.ROWS)


@pytest.fixture(scope="session")
def beside(airflow: Airflow, first: Wheel, under_way: Executor, small_rows: str) -> Mapping[str, Future[Wheel]]:
    """The first turns of two more models, under way while the pages are opened."""
    return {model: under_way.submit(runs.turn, airflow, model, f"e2e-{model}") for model in ("penguins", "homes")}


@pytest.fixture(scope="session")
def refused(
    installation: Installation, airflow: Airflow, beside: Mapping[str, Future[Wheel]], under_way: Executor
) -> Future[Wheel]:
    """A turn on rows that have nothing to teach, under way while wrong values are tried."""
    beside["homes"].result()
    source = runs.put_rows(installation, "shuffled", models.shuffled)
    return under_way.submit(runs.turn, airflow, "homes", "e2e-refused", source=source)


@pytest.fixture(scope="session")
def killed_step(
    installation: Installation, airflow: Airflow, pods: PodWatch, under_way: Executor, small_rows: str
) -> Future[Wheel]:
    """A turn whose train pod is killed, under way beside the refused one."""
    turning = runs.start(airflow, "flats", "e2e-killed-step")
    return under_way.submit(lambda: turn_and_kill(installation, pods, turning, kill_step)[0])


@pytest.fixture(scope="session")
def settled(refused: Future[Wheel], killed_step: Future[Wheel]) -> None:
    """Nothing turns any more of what was under way beside the wrong values."""
    for future in (refused, killed_step):
        future.result()
