"""One installation for all scenarios, in their order; MOLINO_E2E=1 and a cluster that is up (`make e2e`)."""

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, StorageState

from tests.chromium import open_browser
from tests.cluster.cluster import Cluster
from tests.e2e.installed import images, models, runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.broken import Broken, run_broken
from tests.e2e.installed.installation import CHART, PASSWORD, USER, Installation
from tests.e2e.installed.killed import Killed, kill_scheduler, kill_step, run_and_kill
from tests.e2e.installed.outage import Outage, run_without
from tests.e2e.installed.pages import log_in_to_airflow, open_page, press_trigger
from tests.e2e.installed.report import LINES, show
from tests.e2e.installed.runs import FIRST, UNCHANGED, PipelineRun
from tests.e2e.installed.watch import PodWatch

HERE = Path(__file__).parent
ASKED = os.environ.get("MOLINO_E2E") == "1"
collect_ignore_glob = [] if ASKED else ["test_*.py"]
ORDER = (
    "test_install", "test_network", "test_run", "test_pages", "test_bad_values", "test_by_hand", "test_rollout",
    "test_unchanged", "test_unreachable", "test_killed", "test_refused", "test_outage", "test_upgrade",
    "test_uninstall",
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
    own_code = {"models": own, "modelCode": models.CODE_VALUES}
    network = {"networkPolicies": {"enabled": True}}
    file.write_text(yaml.safe_dump({**images.values(cluster), **network, **own_code}))
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


@pytest.fixture
def bad(cluster: Cluster) -> Iterator[Installation]:
    """An empty namespace for an installation that won't come up."""
    found = Installation(cluster, "molino-bad")
    found.make_namespace()
    yield found
    cluster.kubectl("delete", "namespace", found.namespace, "--ignore-not-found", "--wait=true", "--timeout=180s")


@pytest.fixture(scope="session")
def airflow(installation: Installation) -> Iterator[Airflow]:
    with installation.forward("airflow-api-server", 8080) as port:
        yield Airflow(f"http://127.0.0.1:{port}", USER, PASSWORD)


@pytest.fixture(scope="session")
def pods(installation: Installation) -> Iterator[PodWatch]:
    with PodWatch(installation) as watch:
        yield watch


@pytest.fixture(scope="session")
def first(airflow: Airflow, pods: PodWatch) -> PipelineRun:  # the pods are watched from here on
    """The first pipeline run, with nothing beside it: its times are measured."""
    return runs.run_pipeline(airflow, "housing", FIRST)


@pytest.fixture(scope="session")
def under_way() -> Iterator[Executor]:
    """What runs while something else is looked at."""
    with ThreadPoolExecutor() as executor:
        yield executor


@pytest.fixture(scope="session")
def small_rows(installation: Installation) -> str:
    """The source that the small models name, written; its URI."""
    return runs.put_rows(installation, models.ROWS)


@pytest.fixture(scope="session")
def killed_scheduler(
    installation: Installation,
    airflow: Airflow,
    pods: PodWatch,
    under_way: Executor,
    first: PipelineRun,
    small_rows: str,
) -> Killed:
    """A run during which the scheduler's pod is killed, under way while pages are opened and wrong values tried."""
    start = partial(runs.start, airflow, "flats", "e2e-killed-scheduler")
    return run_and_kill(installation, pods, under_way, start, kill_scheduler)


@pytest.fixture(scope="session")
def beside(airflow: Airflow, killed_scheduler: Killed, under_way: Executor) -> Mapping[str, Future[PipelineRun]]:
    """The first pipeline runs of two more models, from the scheduler's kill on: a new one starts them at once."""

    def first_run(model: str) -> PipelineRun:
        killed_scheduler.at.result()
        return runs.run_pipeline(airflow, model, f"e2e-{model}")

    return {model: under_way.submit(first_run, model) for model in ("penguins", "homes")}


@pytest.fixture(scope="session")
def unchanged(airflow: Airflow, alone: None, under_way: Executor) -> Future[dict[str, Any]]:
    """A run of a data DAG over the rows that it has versioned before."""
    return under_way.submit(lambda: airflow.wait("penguins_data", airflow.trigger("penguins_data", run_id=UNCHANGED)))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def signed_in(installation: Installation, browser: Browser) -> StorageState:
    """The cookies of who has logged in to Airflow."""
    with installation.forward("airflow-api-server", 8080) as port, open_page(browser) as page:
        log_in_to_airflow(page, port, PASSWORD)
        page.get_by_role("link", name="Dags").first.wait_for()
        return page.context.storage_state()


@pytest.fixture(scope="session")
def by_hand(
    installation: Installation,
    airflow: Airflow,
    first: PipelineRun,
    under_way: Executor,
    browser: Browser,
    signed_in: StorageState,
) -> Future[dict[str, Any]]:
    """A run of a model DAG alone, started by its button, under way beside that."""
    return under_way.submit(airflow.wait, "housing_model", press_trigger(installation, airflow, browser, signed_in))


@pytest.fixture(scope="session")
def alone(killed_scheduler: Killed, beside: Mapping[str, Future[PipelineRun]], by_hand: Future[object]) -> None:
    """Nothing runs any more of what was under way beside that."""
    for future in (killed_scheduler.pipeline_run, *beside.values(), by_hand):
        future.result()


@pytest.fixture(scope="session")
def minio_away(
    installation: Installation, airflow: Airflow, pods: PodWatch, under_way: Executor, alone: None, small_rows: str
) -> Outage:
    """A pipeline run during which the object store goes away, under way while unreachable ones are tried."""
    return run_without(installation, airflow, pods, under_way, "minio", small_rows)


@pytest.fixture(scope="session")
def killed_step(
    installation: Installation, airflow: Airflow, pods: PodWatch, under_way: Executor, minio_away: Outage
) -> Killed:
    """The pipeline run after the outage of the store, whose train pod is killed."""
    minio_away.over.result()
    # Dearer rows than those before, so that the gate lets the model through.
    source = runs.put_rows(installation, "dearer-again", models.dearer(2))
    start = partial(runs.start, airflow, "flats", "e2e-killed-step", source=source)
    return run_and_kill(installation, pods, under_way, start, kill_step)


@pytest.fixture(scope="session")
def refused(
    installation: Installation, airflow: Airflow, under_way: Executor, killed_step: Killed
) -> Future[PipelineRun]:
    """A pipeline run on rows that have nothing to teach, beside that one."""
    source = runs.put_rows(installation, "shuffled", models.shuffled)
    return under_way.submit(runs.run_pipeline, airflow, "homes", "e2e-refused", source=source)


@pytest.fixture(scope="session")
def settled(minio_away: Outage, refused: Future[PipelineRun], killed_step: Killed) -> None:
    """Nothing runs any more of what was under way since the outage of the store."""
    for future in (minio_away.ended, refused, killed_step.pipeline_run):
        future.result()


@pytest.fixture(scope="session")
def postgres_away(
    installation: Installation, airflow: Airflow, pods: PodWatch, under_way: Executor, settled: None
) -> Outage:
    """A pipeline run during which the database goes away."""
    source = runs.put_rows(installation, "dearer-rooms", models.dearer())  # unchanged rows would train nothing
    return run_without(installation, airflow, pods, under_way, "postgres", source)


@pytest.fixture(scope="session")
def broken(
    installation: Installation, airflow: Airflow, pods: PodWatch, under_way: Executor, postgres_away: Outage
) -> Broken:
    """The pipeline runs after the outage of the database: one whose release no server can load, and one beside it."""
    postgres_away.over.result()
    return run_broken(installation, airflow, pods, under_way)
