"""What only time brings: it is so from the installation on, and waited for at the end."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.alerts import stage
from tests.e2e.alerts.contract import Again, Cause, Scene


@contextmanager
def _backups_fail(scene: Scene) -> Iterator[Again | None]:
    """They have since the installation, and do no more afterwards."""
    yield None
    stage.install(scene.installation.cluster, well=True)


@contextmanager
def _time(_: Scene) -> Iterator[Again | None]:
    """Nothing else is wanted."""
    yield None


CAUSES = (
    Cause(
        "backups",
        "no backup goes well: where they go nobody listens",
        ("MolinoBackupOld",),
        _backups_fail,
        late=True,
    ),
    Cause(
        "model-old",
        "time, since a release was made",
        ("MolinoModelOld",),
        _time,
        stays=frozenset({"MolinoModelOld"}),
        late=True,
    ),
)
