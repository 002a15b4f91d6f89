"""All that could go, with what refers to it: read from the store, MLflow, the DVC remote and whatever serves."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molino.contracts.identifiers import is_model_name, is_run_id
from molino.contracts.pointer import read_entries, read_pointer
from molino.contracts.promotion import PROMOTIONS, parse_promotion
from molino.contracts.record import parse_record
from molino.contracts.settings import Settings
from molino.contracts.steps import STEP_NAMES
from molino.prune.plan import Name, Thing
from molino.prune.revisions import FOLDER, Revisions, in_folder
from training.stores.contract import Store
from training.stores.opening import kind_of, open_store

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

RUNS = "runs/"
RELEASES = "releases/"
DATA = "files/md5/"
"""Where DVC keeps bytes, below its remote: the first two digits of their MD5, then the others."""
OWN_STEPS = frozenset(f"{step}.json" for step in STEP_NAMES)
PAGE = 500


class Inventory:
    """What there is."""

    def __init__(
        self, settings: Settings, store: Store, client: "MlflowClient", revisions: Revisions | None = None
    ) -> None:
        self.settings, self.store, self.client = settings, store, client
        self.runs: dict[Name, Run] = {}
        """MLflow's own runs of Molino."""
        self.previous: dict[Name, str] = {}
        """By version: the one that served before it, as its tag says."""
        self.revisions = revisions or Revisions(settings)
        self._registered: dict[str, dict[str, ModelVersion]] = {}
        self._deployed: set[Name] = set()
        self._names_of: defaultdict[str, set[str]] = defaultdict(set)
        """By MLflow's run: the registered models that have a version of it, those of people's own, too."""
        self._mlflow_of: defaultdict[Name, set[Name]] = defaultdict(set)

    def things(self) -> list[Thing]:
        """Read everything; what was read before stays known where it is a reason for something to stay.

        Raises:
            StoreError: the store or the DVC remote can't be reached.
            TrackingError: MLflow can't be reached.
            VersionError: the data repository can't be reached.
        """
        from training.tracking.tracker import tracking_errors

        with tracking_errors():
            models = self._models()
            self._registered = {model: {} for model in models}
            for entry in self._entries():
                self._names_of[str(entry.run_id)].add(str(entry.name))
                self._registered.setdefault(str(entry.name), {})[str(entry.version)] = entry
            mlflow = [thing for model in models for thing in self._mlflow_runs(model)]
            aliases = {model: self._aliases(model) for model in models if self._registered[model]}
        served = {model: self._in_service(model) for model in models}
        runs = [thing for model in models for thing in self._runs(model)]
        promoted = self._promoted()
        versions = []
        for model in models:
            pinned = dict(self._pinned(model, aliases.get(model, {}), served[model], promoted))
            versions += list(self._version_things(model, pinned))
        return [*versions, *runs, *mlflow, *self._data()]

    def _models(self) -> list[str]:
        """Return the names of the models that anything is known of."""
        names = {*self.store.folders(RUNS), *self.store.folders(RELEASES)}
        names |= {str(one.name) for one in self.client.search_registered_models(max_results=PAGE)}
        names |= {str(one.name) for one in self.client.search_experiments()}
        return sorted(name for name in names if is_model_name(name))

    def _mlflow_runs(self, model: str) -> Iterator[Thing]:
        from training.tracking.tracker import RUN_TAG

        experiment = self.client.get_experiment_by_name(model)
        token: str | None = None
        while experiment is not None:
            page = self.client.search_runs(
                [experiment.experiment_id], f"tags.`{RUN_TAG}` LIKE '%'", max_results=PAGE, page_token=token
            )
            for run in page:
                name = Name("mlflow", model, str(run.info.run_id))
                self.runs[name] = run
                self._mlflow_of[Name("run", model, run.data.tags[RUN_TAG])].add(name)
                others = sorted(self._names_of[name.id] - {model})
                pinned = f"{others[0]} has a version of it" if others else None
                yield Thing(name, _moment(run.info.end_time or run.info.start_time), pinned=pinned)
            token = page.token
            if not token:
                return

    def _entries(self) -> "Iterator[ModelVersion]":
        """Yield all versions in the registry."""
        token: str | None = None
        while True:
            page = self.client.search_model_versions(max_results=PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _aliases(self, model: str) -> dict[str, str]:
        """Return the aliases that point to each version."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for alias, version in self.client.get_registered_model(model).aliases.items():
            found[str(version)].append(alias)
        return {version: f"it is the {' and '.join(sorted(names))}" for version, names in found.items()}

    def _in_service(self, model: str) -> set[str]:
        """Return the versions that whatever serves is pointed to: a server of this home, and the one deployed to."""
        from training.deploy.target import open_target

        here = read_pointer(self.settings.serving_folder).get(model)
        there = open_target(self.settings, self.store).current(model)
        return {version for version in (here, there) if version}

    def _promoted(self) -> set[Name]:
        """Return the versions that a promotion's record names; all of a model that has one that can't be read."""
        found = set()
        for key in self.store.list(PROMOTIONS):
            promotion = parse_promotion(self.store.read(key))
            if isinstance(promotion, str):
                model = key.removeprefix(PROMOTIONS).partition("/")[0]
                found |= {Name("version", model, version) for version in self._versions(model)}
            else:
                found |= {Name("version", promotion.model, promotion.version)}
                found |= {Name("version", promotion.model, one) for one in [promotion.previous_version] if one}
        return found

    def _versions(self, model: str) -> set[str]:
        """Return the versions of a model that are registered or have a release."""
        return {*self._registered.get(model, {}), *self.store.folders(f"{RELEASES}{model}/")}

    def _pinned(
        self, model: str, aliases: Mapping[str, str], served: set[str], promoted: set[Name]
    ) -> Iterator[tuple[str, str]]:
        """Yield versions that stay whatever their age, with the reason; of several reasons the last."""
        from training.tracking.registry import PREVIOUS_TAG
        from training.tracking.tracker import RUN_TAG

        registered = self._registered[model]
        if model in read_entries(self.settings.serving_folder).unread:
            for version in self._versions(model):
                yield version, "it can't be read which version is in service"
        for name in promoted:
            if name.model == model:
                yield name.id, "a promotion's record names it"
        for version in registered:
            if not registered[version].tags.get(RUN_TAG):
                yield version, "no run of Molino has registered it"
        for version in [*aliases, *served]:
            before = registered[version].tags.get(PREVIOUS_TAG) if version in registered else None
            if before:
                yield before, f"it served before version {version}: a rollback puts it back"
        yield from aliases.items()
        for version in served:
            yield version, "it is in service"

    def _version_things(self, model: str, pinned: Mapping[str, str]) -> Iterator[Thing]:
        from training.tracking.registry import PREVIOUS_TAG
        from training.tracking.tracker import RUN_TAG

        prefix = f"{RELEASES}{model}/"
        written: dict[str, datetime] = {}
        for key, when in self.store.written(prefix).items():
            version = key.removeprefix(prefix).partition("/")[0]
            written[version] = max(when, written.get(version, when))
        registered = self._registered[model]
        for version in sorted(registered.keys() | {one for one in written if one.isdecimal()}, key=int):
            name = Name("version", model, version)
            times = [written[version]] if version in written else []
            refers = set()
            served = name in self._deployed
            if version in registered:
                entry = registered[version]
                times.append(_moment(entry.creation_timestamp))
                refers = {Name("run", model, str(entry.tags.get(RUN_TAG))), Name("mlflow", model, str(entry.run_id))}
                served = served or PREVIOUS_TAG in entry.tags
                self.previous[name] = entry.tags.get(PREVIOUS_TAG) or ""
            yield Thing(name, max(times), frozenset(refers), pinned.get(version), served)

    def _runs(self, model: str) -> Iterator[Thing]:
        prefix = f"{RUNS}{model}/"
        keys: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        for key, when in self.store.written(prefix).items():
            run_id, _, rest = key.removeprefix(prefix).partition("/")
            if rest and is_run_id(run_id):
                keys[run_id][rest] = when
        for run_id, written in keys.items():
            name = Name("run", model, run_id)
            refers, unreadable = set(self._mlflow_of[name]), False
            for step in (one.removesuffix(".json") for one in written.keys() & OWN_STEPS):
                record = parse_record(self.store.read(f"{prefix}{run_id}/{step}.json"), model, step)
                if isinstance(record, str):
                    unreadable = True
                    continue
                refers |= {Name("run", model, record.run_id), *_named(model, record.model_dump(mode="json"))}
                if step == "deploy" and record.result.get("version"):
                    self._deployed.add(Name("version", model, str(record.result["version"])))
            empty = not written.keys() & OWN_STEPS
            yield Thing(name, max(written.values()), frozenset(refers - {name}), unreadable=unreadable, empty=empty)

    def _data(self) -> Iterator[Thing]:
        remote = self.settings.dvc_remote_uri
        kind = kind_of(remote)
        if kind is None:
            return
        store = kind.open(remote, self.settings)
        written = store.written(DATA)
        revised = self.revisions.named() if written else {}
        for key, when in written.items():
            md5 = key.removeprefix(DATA).replace("/", "", 1)
            parts = in_folder(store.read(key)) if md5.endswith(FOLDER) else ()
            refers = frozenset(Name("data", "", part) for part in parts)
            yield Thing(Name("data", "", md5), when, refers, revised=revised.get(md5))


def open_inventory(settings: Settings, revisions: Path | None = None) -> Inventory:
    """Return the inventory of what the settings name; nothing is read yet.

    Args:
        settings: lead to all of it.
        revisions: file that tells what the data repository names, where there is no git to ask.
    """
    from training.tracking.tracker import Tracker

    return Inventory(settings, open_store(settings), Tracker(settings).client, Revisions(settings, revisions))


def _named(model: str, value: Any) -> Iterator[Name]:
    """Yield what a record names, at whatever depth: keys of the store, runs of MLflow, the bytes of data versions."""
    if isinstance(value, list):
        for one in value:
            yield from _named(model, one)
    if not isinstance(value, dict):
        return
    for key, one in value.items():
        if key == "key" and isinstance(one, str):
            yield from _of_key(one)
        elif key == "mlflow_run_id" and isinstance(one, str):
            yield Name("mlflow", model, one)
        elif key == "md5" and isinstance(one, str):
            yield Name("data", "", one)
        else:
            yield from _named(model, one)


def _of_key(key: str) -> Iterator[Name]:
    """Yield the run or the release that a key of the store lies below."""
    place, *rest = key.split("/")
    if place in ("runs", "releases") and len(rest) > 1:
        yield Name("run" if place == "runs" else "version", rest[0], rest[1])


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
