"""What is so from the installation on: it is waited for at the end, and a better installation ends it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.alerts import stage
from tests.e2e.alerts.contract import Again, Cause, Scene


@contextmanager
def _ill(scene: Scene) -> Iterator[Again | None]:
    yield None
    stage.install(scene.installation.cluster, well=True)


@contextmanager
def _time(_: Scene) -> Iterator[Again | None]:
    yield None


OLD = Cause("model-old", "time, since its release was made", ("MolinoModelOld",), _time, stays=("MolinoModelOld",))
NOWHERE = Cause(
    "nowhere",
    "backups and Postgres' log go where nobody listens, and one model file is wrong",
    ("MolinoBackupOld", "MolinoLogNotArchived", "MolinoDagImportFailed"),
    _ill,
)
