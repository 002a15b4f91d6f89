"""Takes away what a plan lets go, part by part: whoever reads in between finds nothing that names what is gone.

Right before each piece of it all is read again: what a run that has begun meanwhile refers to stays.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice

import structlog

from molino.contracts.errors import PruneError
from molino.contracts.pointer import bundle_path
from molino.contracts.record import record_key, run_prefix, tensorboard_prefix
from molino.contracts.release import RELEASE_FILENAME, release_prefix
from molino.contracts.run import marker_prefix
from molino.contracts.steps import STEP_NAMES
from molino.prune.inventory import DATA, Inventory
from molino.prune.plan import Act, Name, Plan, acts, still
from training.claims import deleting
from training.stores.opening import open_at

PIECE = 500
"""Parts that are taken away at a stretch, while which steps that take earlier data wait."""
PAUSES = (5.0,) * 24
"""Seconds between looks for claims of runs, until it is given up."""


class Removal:
    """What takes things away. Each part can be taken away again: what is gone already is passed over.

    Args:
        inventory: what the plan was made of.
        plan: what goes.
        look: makes a plan of what there is by then.
    """

    def __init__(self, inventory: Inventory, plan: Plan, look: Callable[[], Plan]) -> None:
        self.settings, self.store, self.client = inventory.settings, inventory.store, inventory.client
        self.inventory, self.plan, self.look = inventory, plan, look
        self._parts: Mapping[str, Callable[[Name], None]] = {
            "entry": self._entry,
            "records": self._records,
            "release": self._release,
            "artifacts": self._artifacts,
            "mlflow": self._mlflow_run,
            "data": self._data,
        }

    def apply(self) -> list[Name]:
        """Take all of it away, and return what stays after all since something refers to it by now.

        Raises:
            PruneError: runs have claimed what is there for longer than the clean-up waits.
            StoreError: the store refuses, or can't be reached; what is left stays whole, and goes the next time.
            TrackingError: MLflow refuses, or can't be reached.
            VersionError: the data repository can't be reached.
        """
        stays: list[Name] = []
        for _, acts_of_stage in groupby(acts(self.plan), key=lambda act: act.stage):
            for piece in _pieces(acts_of_stage, PIECE):
                stays += self._apply(piece)
        return list(dict.fromkeys(stays))

    def _apply(self, piece: Sequence[Act]) -> list[Name]:
        """Take a piece away once no run has claimed what is there: one that begins meanwhile waits until it is gone."""
        for pause in (*PAUSES, None):
            with deleting(self.store) as claims:
                if not claims:
                    return self._take(piece)
            if pause is None:
                break
            time.sleep(pause)
        raise PruneError(
            f"{claims[0]} takes data of earlier runs for longer than {sum(PAUSES):.0f} s: nothing more was "
            "deleted; run it again later"
        )

    def _take(self, piece: Sequence[Act]) -> list[Name]:
        from training.tracking.tracker import tracking_errors

        log = structlog.get_logger()
        if any(act.part == "data" for act in piece):
            self.inventory.revisions.look_again()
        going = still(piece, self.look())
        for act in going:
            with tracking_errors():
                self._parts[act.part](act.name)
            log.info("removed", part=act.part, name=str(act.name), reason=self.plan.going[act.name])
        stays = [act.name for act in piece if act not in going]
        for name in stays:
            log.info("stays after all", name=str(name))
        return stays

    def _entry(self, name: Name) -> None:
        """Take a version out of the registry, after no version names it any more as the one before."""
        from training.tracking.registry import PREVIOUS_TAG

        previous = self.inventory.previous
        for other, before in previous.items():
            if other.model == name.model and before == name.id and other in self.plan.kept:
                self.client.set_model_version_tag(other.model, other.id, PREVIOUS_TAG, self._kept_before(name))
        if name in previous:
            self.client.delete_model_version(name.model, name.id)

    def _kept_before(self, name: Name) -> str:
        """Return the nearest version that served before one, and that stays; nothing where there is none."""
        seen: set[Name] = set()
        while name in self.inventory.previous and name not in seen:
            seen.add(name)
            name = Name("version", name.model, self.inventory.previous[name])
            if name in self.plan.kept:
                return name.id
        return ""

    def _records(self, name: Name) -> None:
        """Take away a run's marker, then its records, the last first: what is left is a run that got less far."""
        self._clear(marker_prefix(name.model, name.id))
        for step in reversed(STEP_NAMES):
            self.store.delete(record_key(name.model, name.id, step))

    def _release(self, name: Name) -> None:
        prefix = release_prefix(name.model, name.id)
        self.store.delete(prefix + RELEASE_FILENAME)
        self._clear(prefix)
        shutil.rmtree(bundle_path(self.settings.serving_folder, name.model, name.id), ignore_errors=True)

    def _artifacts(self, name: Name) -> None:
        for prefix in (run_prefix(name.model, name.id), tensorboard_prefix(name.model, name.id)):
            self._clear(prefix)
        self._clear(marker_prefix(name.model, name.id))  # A reader between the two may have made one.
        for place in (self.settings.logs_folder, self.settings.root / "logs", self.settings.work_folder):
            shutil.rmtree(place / name.model / name.id, ignore_errors=True)

    def _mlflow_run(self, name: Name) -> None:
        """Delete a run of MLflow with the models that it has logged, and their artifacts, which MLflow would leave.

        The database keeps a row that says that it is deleted, until `mlflow gc`.
        """
        run = self.inventory.runs[name]
        for output in run.outputs.model_outputs if run.outputs else []:
            self._clear_artifacts(self.client.get_logged_model(output.model_id).artifact_location)
            self.client.delete_logged_model(output.model_id)
        self._clear_artifacts(run.info.artifact_uri)
        self.client.delete_run(name.id)

    def _clear_artifacts(self, uri: str) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        repository = get_artifact_repository(uri, tracking_uri=self.client.tracking_uri)
        for artifact in repository.list_artifacts():
            repository.delete_artifacts(artifact.path)  # type: ignore[no-untyped-call]

    def _data(self, name: Name) -> None:
        remote = open_at(self.settings.dvc_remote_uri, self.settings)
        remote.delete(f"{DATA}{name.id[:2]}/{name.id[2:]}")

    def _clear(self, prefix: str) -> None:
        """Take away all objects below a prefix of the store, and the folders that a store of folders leaves."""
        for key in list(self.store.list(prefix)):
            self.store.delete(key)
        self.store.tidy(prefix)


def _pieces(found: Iterable[Act], size: int) -> Iterator[tuple[Act, ...]]:
    left = iter(found)
    while piece := tuple(islice(left, size)):
        yield piece
