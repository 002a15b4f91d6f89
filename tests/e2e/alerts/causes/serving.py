"""The serving API: what it is asked, what is deployed, and what becomes of its volume."""

import csv
import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.alerts import stage
from tests.e2e.alerts.causes import runs
from tests.e2e.alerts.contract import Again, Cause, Scene
from tests.e2e.installed import models
from tests.e2e.installed.test_install import EXAMPLE
from training.deploy.targets.kubernetes import ANNOTATION

ONE_ROW = {"data": EXAMPLE["data"] * 500}
"""One row, 500 times: drift is told of so many and more."""
MOST_ROWS, LARGE_AT_ONCE = 10_000, 64
"""Of one after the other a fast machine answers each within the objective."""
AT_ONCE = 8
GHOST, OF_NOBODY = "ghost", "99"
"""A model and a version that there aren't."""
COME_LIMIT = 120.0


@contextmanager
def _strange_rows(scene: Scene) -> Iterator[Again | None]:
    yield lambda: scene.installation.ask("POST", f"/models/{stage.MODEL}/predict", ONE_ROW)


@contextmanager
def _large_requests(scene: Scene) -> Iterator[Again | None]:
    """As many rows as a request may have, those that the model was trained with, and several requests at once."""
    rows = [list(row.values()) for row in csv.DictReader(io.StringIO(models.rows().decode()))]
    data = [[float(value) for value in row[: len(EXAMPLE["data"][0])]] for row in rows]
    body = json.dumps({"data": (data * (MOST_ROWS // len(data)))[:MOST_ROWS]}).encode()

    def ask(_: int) -> int:
        return scene.installation.ask("POST", f"/models/{stage.MODEL}/predict", body).status

    with ThreadPoolExecutor(LARGE_AT_ONCE) as executor:

        def several() -> None:
            statuses = set(executor.map(ask, range(LARGE_AT_ONCE)))
            assert statuses == {200}, statuses

        yield several


def pointer(scene: Scene) -> Path:
    """Return the file that says what is deployed, in the volume of serving's pod on this machine's node."""
    cluster = scene.installation.cluster
    if cluster.in_docker:
        raise ClusterError("the volumes of kind's node can't be reached")
    pod = scene.pod("serving")["metadata"]["uid"]
    volume = cluster.folders.node / "kubelet" / "pods" / str(pod) / "volumes"
    return volume / "kubernetes.io~empty-dir" / "releases" / "deployed.json"


@contextmanager
def pointing(scene: Scene, text: str) -> Iterator[None]:
    """Have another text in the place of that file."""
    file = pointer(scene)
    before = file.read_text()
    _replace(file, text)
    try:
        yield
    finally:
        _replace(file, before)


def _replace(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    new.write_text(text)
    old = file.stat()
    new.chmod(old.st_mode)
    os.chown(new, old.st_uid, old.st_gid)
    new.replace(file)


@contextmanager
def _unreadable(scene: Scene) -> Iterator[Again | None]:
    with pointing(scene, '{"homes": '):
        yield None


@contextmanager
def _nothing_there(scene: Scene) -> Iterator[Again | None]:
    """Have it name a version and a model of which the volume has nothing, and ask for the model.

    The pod isn't ready then, and the ingress would answer in its place: it is asked at its port.
    """
    deployed = json.loads(pointer(scene).read_text())
    with (
        pointing(scene, json.dumps({**deployed, stage.MODEL: OF_NOBODY, GHOST: "1"})),
        scene.installation.forward("serving", 8000) as port,
    ):
        path = f"/models/{GHOST}/predict"
        yield lambda: [scene.installation.ask("POST", path, EXAMPLE, port=port) for _ in range(AT_ONCE)]


@contextmanager
def _half_rolled_out(scene: Scene) -> Iterator[Again | None]:
    """Change the version that is deployed, and stop the change once both versions have a pod that answers."""
    installation = scene.installation
    runs.mend(scene, "before-half", 8)  # The first version is another one then, whatever was done before.
    name = f"deployment/{installation.name('serving')}"
    version = scene.pod("serving")["metadata"]["annotations"][ANNOTATION + stage.MODEL]

    def point(to: str) -> None:
        annotations = {ANNOTATION + stage.MODEL: to}
        patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        installation.kubectl("patch", name, "--patch", json.dumps(patch))

    point("1")
    try:
        until("a second pod", lambda: len(installation.component_pods("serving")) > 1, COME_LIMIT)
        installation.kubectl("rollout", "pause", name)
        pods = [f"pod/{one['metadata']['name']}" for one in installation.component_pods("serving")]
        installation.kubectl("wait", "--for=condition=Ready", *pods, f"--timeout={COME_LIMIT}s")
        yield None
    finally:
        point(version)
        installation.kubectl("rollout", "resume", name)
    installation.wait_ready()


DRIFT = Cause(
    "drift",
    "one row, 500 times in each request",
    ("MolinoFeatureDrifted",),
    _strange_rows,
    stays=("MolinoFeatureDrifted",),
)
LARGE = Cause(
    "large",
    f"requests of {MOST_ROWS:,} rows, {LARGE_AT_ONCE} at once",
    ("MolinoLatencyBurnsFast", "MolinoLatencyBurnsSlowly"),
    _large_requests,
    stays=("MolinoLatencyBurnsFast", "MolinoLatencyBurnsSlowly"),
)
POINTER = Cause("pointer", "the file that says what is deployed is cut off", ("MolinoPointerUnreadable",), _unreadable)
NOTHING_THERE = Cause(
    "lost",
    "what is deployed isn't there, and is asked for",
    ("MolinoModelNotServed", "MolinoAvailabilityBurnsFast", "MolinoAvailabilityBurnsSlowly"),
    _nothing_there,
    stays=("MolinoAvailabilityBurnsFast", "MolinoAvailabilityBurnsSlowly"),
)
HALF = Cause("half", "a rollout that stands still half way", ("MolinoVersionsDiffer",), _half_rolled_out)
