"""What Molino stands on, taken up or ended."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial

import psycopg2

from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.alerts import stage
from tests.e2e.alerts.contract import Again, Cause, Scene
from tests.e2e.chaos.disks import Disk
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.killed import kill_container

LEFT = 20
"""Connections that are left to others; Postgres keeps some for who runs it."""
CONTAINERS, TIMES = ("tensorboard", "nginx"), 2
COME_LIMIT = 120.0


@contextmanager
def _connections(scene: Scene) -> Iterator[Again | None]:
    """Open as many as Postgres takes but for a few."""
    password = scene.installation.secret(scene.installation.name("postgres"))["postgres-password"]
    with scene.installation.forward("postgres", 5432) as port, ExitStack() as stack:

        def connect() -> "psycopg2.extensions.connection":
            found = psycopg2.connect(
                host="127.0.0.1", port=port, user="postgres", dbname="postgres", password=password, connect_timeout=30
            )
            return stack.enter_context(closing(found))

        with connect().cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('max_connections')::int - (SELECT count(*) FROM pg_stat_activity)::int"
            )
            (free,) = cursor.fetchone() or (0,)
        for _ in range(free - LEFT):
            connect()
        yield None


@contextmanager
def _restarts(scene: Scene) -> Iterator[Again | None]:
    for number in range(1, TIMES + 1):
        for container in CONTAINERS:
            kill_container(scene.installation, scene.pod("tensorboard"), container)
            again = partial(_has_started, scene.installation, container, number)
            until(f"{container} started anew", again, COME_LIMIT, interval=0.5)
    yield None
    scene.installation.wait_ready()


def _has_started(installation: Installation, container: str, times: int) -> bool:
    """Tell whether a container runs that has been started anew so often."""
    (pod,) = installation.component_pods("tensorboard")
    (found,) = (one for one in pod["status"]["containerStatuses"] if one["name"] == container)
    return "running" in found["state"] and int(found["restartCount"]) >= times


@contextmanager
def _full(scene: Scene) -> Iterator[Again | None]:
    """Leave not a byte of the volume, whatever is given back of it."""
    disk = Disk.of(scene.installation.cluster, stage.DISK)
    if not disk.is_there:
        raise ClusterError("the volume has no disk of its own")
    try:
        yield disk.fill
    finally:
        disk.free()
    scene.installation.wait_ready()


CONNECTIONS = Cause(
    "connections", f"all connections but {LEFT} are taken", ("MolinoDatabaseConnections",), _connections
)
RESTARTS = Cause(
    "restarts",
    f"each of a pod's containers is ended by KILL, {TIMES} times",
    ("MolinoPodRestarts",),
    _restarts,
    stays=("MolinoPodRestarts",),
)
FULL = Cause("full", "MinIO's volume is filled", ("MolinoVolumeFull", "MolinoObjectStorageFull"), _full)
