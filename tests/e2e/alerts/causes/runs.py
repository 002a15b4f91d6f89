"""Runs that aren't well."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from molino.contracts.record import record_key
from tests.e2e.alerts import stage
from tests.e2e.alerts.contract import Again, Cause, Scene
from tests.e2e.installed import broken, models, runs
from tests.e2e.installed.models import Row
from tests.e2e.installed.runs import StartedRun
from tests.e2e.watching import stage as watching

IN_A_ROW = 6
"""So many runs begin about as far apart as they last."""
STRANGE_RUN = "alerts-strange"


def start(scene: Scene, name: str, change: Callable[[list[Row]], None], model: str = stage.MODEL) -> StartedRun:
    """Start a run of changed rows."""
    source = runs.put_rows(scene.installation, name, change)
    return runs.start(scene.airflow, model, f"alerts-{name}", source=source)


def mend(scene: Scene, name: str, times: float) -> None:
    """Bring a version of other rows into service, which ends what is told of the newest run."""
    source = runs.put_rows(scene.installation, name, models.dearer(times))
    runs.bring_into_service(scene.installation, stage.MODEL, f"alerts-{name}", source=source)


@contextmanager
def _worse(scene: Scene) -> Iterator[Again | None]:
    start(scene, "worse", watching.worse)
    yield None


@contextmanager
def _cut_off(scene: Scene) -> Iterator[Again | None]:
    start(scene, "cut-off", watching.cut_off)
    yield None
    mend(scene, "mended", 2)


@contextmanager
def _broken(scene: Scene) -> Iterator[Again | None]:
    """Put a graph that no server can load in the place of a release, before its deploy step starts."""
    started = start(scene, "broken", models.dearer(3))
    try:
        broken.hold_before_deploy(scene.installation, scene.pods, started)
        with runs.store(scene.installation) as client:
            broken.spoil(client, runs.records(client, started.model, started.run_id)["register"])
    finally:
        scene.airflow.pause(f"{started.model}_model", False)
    started.end()
    yield None
    mend(scene, "after-broken", 4)


@contextmanager
def _asked(scene: Scene) -> Iterator[Again | None]:
    """Have nobody approve a release, and then somebody."""
    started = start(scene, "asked", models.dearer(1), stage.ASKED)
    trained = started.trained()
    yield None
    dag = f"{started.model}_model"
    place = f"/dags/{dag}/dagRuns/{trained}/taskInstances/approve/-1/hitlDetails"
    scene.airflow.call("PATCH", place, {"chosen_options": ["Approve"], "params_input": {"reason": "it rang"}})
    state = scene.airflow.wait(dag, trained)["state"]
    assert state == "success", f"{dag} {trained}: {state}"


@contextmanager
def _no_room(scene: Scene) -> Iterator[Again | None]:
    """Let the node take no more pods, in the middle of a run that holds the only slot of the pool another one wants."""
    kubectl = scene.installation.cluster.kubectl
    (node,) = (one["metadata"]["name"] for one in kubectl.get("nodes")["items"])
    started = start(scene, "no-room", models.dearer(5))
    trained = started.trained()
    kubectl("cordon", node)
    try:
        page = scene.pod("tensorboard")["metadata"]["name"]
        scene.installation.kubectl("delete", "pod", page, "--wait=false")
        beside = start(scene, "beside-no-room", models.dearer(6), stage.OTHER)
        yield None
    finally:
        kubectl("uncordon", node)
    scene.airflow.wait(f"{started.model}_model", trained)
    beside.end()
    scene.installation.wait_ready()


@contextmanager
def _strange(scene: Scene) -> Iterator[Again | None]:
    """Leave the records of a run of which one is such as a version to come might write."""
    with runs.store(scene.installation) as client:
        known = runs.records(client, stage.MODEL, "alerts-no-room")["ingest"]
        now = datetime.now(UTC)
        first = known.model_copy(update={"run_id": STRANGE_RUN, "started": now, "ended": now})
        runs.put(client, record_key(stage.MODEL, STRANGE_RUN, "ingest"), first.model_dump_json().encode())
        runs.put(client, record_key(stage.MODEL, STRANGE_RUN, "version"), b'{"of": "a version to come"}')
        yield None
        for step in ("ingest", "version"):
            client.remove_object(bucket_name=runs.BUCKET, object_name=record_key(stage.MODEL, STRANGE_RUN, step))


@contextmanager
def _regular(scene: Scene) -> Iterator[Again | None]:
    """Run regularly on unchanged data, of which no model is trained, and then no more."""
    start(scene, "before-regular", models.dearer(7), stage.OTHER).end()
    for number in range(IN_A_ROW):
        _run_again(scene, f"alerts-regular-{number}")
    yield None
    _run_again(scene, "alerts-regular-again")


def _run_again(scene: Scene, run_id: str) -> None:
    """Run over the rows of the run before."""
    dag = f"{stage.OTHER}_data"
    source = f"s3://{runs.BUCKET}/sources/before-regular.csv"
    scene.airflow.wait(dag, scene.airflow.trigger(dag, run_id=run_id, source=source))


WORSE = Cause(
    "worse",
    "a run of rows of which a tenth is faulty and the rest has nothing to learn",
    ("MolinoRowsSetAside", "MolinoModelRefused"),
    _worse,
    stays=("MolinoRowsSetAside", "MolinoModelRefused"),
)
CUT_OFF = Cause(
    "cut-off",
    "a run of a tenth of the rows",
    ("MolinoDataRefused", "MolinoDagFailed"),
    _cut_off,
    stays=("MolinoDagFailed",),
)
BROKEN = Cause("broken", "a release that no server can load", ("MolinoReleasePutBack",), _broken)
ASKED = Cause("asked", "a release that nobody approves", ("MolinoApprovalWaiting",), _asked)
NO_ROOM = Cause(
    "no-room",
    "the node takes no pods any more, in the middle of a run",
    ("MolinoRunStuck", "MolinoQueueStarving", "MolinoPartUnavailable"),
    _no_room,
)
STRANGE = Cause("strange", "a record that can't be read", ("MolinoRecordUnreadable",), _strange)
REGULAR = Cause("regular", f"{IN_A_ROW} runs in a row, and then none", ("MolinoRunLate",), _regular)
