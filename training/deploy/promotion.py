"""A version that a person puts in service: any that is registered, or the one before that which serves."""

import getpass
import os
import socket
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import structlog

from molino.contracts.approval import Approval
from molino.contracts.errors import DeployError, ReleaseError
from molino.contracts.identifiers import check_model_name
from molino.contracts.promotion import PROMOTIONS, Promotion, parse_promotion, promotions_prefix
from molino.contracts.reading import read_object
from molino.contracts.record import parse_record, record_key
from molino.contracts.results import DeployResult, RegisterResult
from molino.contracts.settings import Settings
from training.deploy.rollout import Rollout, read_release
from training.deploy.target import open_target, predict_url
from training.run_index import keep_record, read_run
from training.stores.contract import Store
from training.stores.opening import open_store

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


def promote(settings: Settings, model: str, version: str, by: str, reason: str | None) -> Promotion:
    """Put a registered version in service, ask it for its own example, and record who did it and why.

    Raises:
        BrokenReleaseError: no server can load the release, or it answers wrongly; what served before is back.
        DeployError: it serves already, or doesn't come into service; what served before is back, or it says why not.
        StoreError: the bundle is missing or altered; nothing has changed.
        TrackingError: there is no such version, or MLflow can't be reached; nothing has changed.
    """
    return _Change(settings, model, by, reason).make("promote", version)


def rollback(settings: Settings, model: str, by: str, reason: str | None) -> Promotion:
    """Put the version back in service that served before the present one, and record who did it and why.

    Raises:
        MolinoError: as of `promote`; a `DeployError` also where nothing serves, or nothing has before it.
    """
    return _Change(settings, model, by, reason).make("rollback", None)


def list_promotions(store: Store, model: str | None = None) -> list[Promotion]:
    """Return the promotions of one model or of all, the newest first.

    What can't be read is passed over, and named in a line of the log.
    """
    prefix = promotions_prefix(check_model_name(model)) if model else PROMOTIONS
    found = list(_read(store, store.list(prefix)))
    return sorted(found, key=lambda promotion: promotion.started, reverse=True)


def last_promotion(store: Store, model: str) -> Promotion | None:
    """Return what a person last put in service of a model, without a look at what is older."""
    keys = sorted(store.list(promotions_prefix(check_model_name(model))), reverse=True)
    return next((found for found in _read(store, keys) if found.action != "refuse"), None)


def keep_promotion(store: Store, promotion: Promotion) -> None:
    """Write a record of what a person has decided, to the object that its model and its moment name."""
    store.write(promotion.key, promotion.model_dump_json(indent=2).encode())


def current_user() -> str:
    """Return the name of whoever runs this process, or their number where the system knows no name."""
    try:
        return getpass.getuser().encode("utf-8", "replace").decode()  # of a variable, which may hold any bytes
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


class _Change:
    """One change of the version that serves."""

    def __init__(self, settings: Settings, model: str, by: str, reason: str | None) -> None:
        from training.tracking.tracker import Tracker

        self.model, self.by, self.reason = check_model_name(model), by, reason
        self.settings = settings.of_model(self.model)
        self.store = open_store(settings)
        self.target = open_target(self.settings, self.store)
        self.client: MlflowClient = Tracker(settings).client
        self.log = structlog.get_logger().bind(model=model)

    def make(self, action: Literal["promote", "rollback"], wanted: str | None) -> Promotion:
        """Change to the wanted version, or to the one before; what it was is noted for the next rollback."""
        from training.tracking.registry import note_version_before, run_of_version

        started = datetime.now(UTC)
        self.target.check()
        if wanted:
            run_of_version(self.client, self.model, wanted)  # what isn't there is told before anything is locked
        elif self.target.current(self.model) is None:
            raise self._nothing_serves()
        with self.target.lock(self.model):
            version, current = self._chosen(wanted, self.target.current(self.model))
            run_id = run_of_version(self.client, self.model, version)
            registered = self._registered(run_id, version)
            release = read_release(self.store, registered.release.key) if registered.release else None
            if release is None:
                raise DeployError(f"{self.model} run {run_id} has no release of version {version}")
            self.target.bring(self.model, registered)
            if action == "promote":
                note_version_before(self.client, self.model, version, current)
            rollout = Rollout(self.settings, self.target, self.client, self.log)
            answered = rollout.put_in_service(release, current)
            promotion = Promotion(
                model=self.model,
                action=action,
                version=version,
                previous_version=current,
                run_id=run_id,
                target=self.settings.deploy_target,
                by=self.by,
                reason=self.reason,
                answered=answered,
                code_revision=self.settings.code_revision,
                started=started,
                ended=datetime.now(UTC),
                host=socket.gethostname(),
            )
            keep_promotion(self.store, promotion)
            self._end_run(promotion)
        return promotion

    def _end_run(self, promotion: Promotion) -> None:
        """Give a run whose deploy step waited for an approval the record of that step: this was its approval."""
        run = read_run(self.store, self.model, promotion.run_id)
        before = run.records.get("register")
        if "deploy" in run.records or "deploy" in run.unread or before is None:
            return
        result = DeployResult(
            target=promotion.target,
            version=promotion.version,
            previous_version=promotion.previous_version,
            endpoint=predict_url(self.target, self.model),
            answered=promotion.answered,
            approval=Approval(approved=True, by=self.by, at=promotion.started, reason=self.reason),
        )
        own = {"step": "deploy", "result": result.model_dump(mode="json"), "inputs": before.outputs, "outputs": ()}
        when = {"started": promotion.started, "ended": promotion.ended, "host": promotion.host, "metrics": {}}
        code = {"code_revision": self.settings.code_revision, "image": self.settings.image}
        keep_record(self.store, before.model_copy(update={**own, **when, **code}), run.records)

    def _chosen(self, wanted: str | None, current: str | None) -> tuple[str, str | None]:
        """Return the version that comes into service, and the one before it.

        A change that was killed once it had pointed to its version is made again, so that it comes to its end.
        """
        from training.tracking.registry import version_before

        if wanted is None:
            left = self._rolled_back_from(current)
            return (current, left) if current and left else (self._version_before(current), current)
        if wanted != current:
            return wanted, current
        if self._is_on_record(wanted):
            raise DeployError(f"version {wanted} of {self.model} is in service already")
        return wanted, version_before(self.client, self.model, wanted)

    def _is_on_record(self, version: str) -> bool:
        """Tell whether what brought a version into service came to its end: it is the champion, and on record."""
        from training.tracking.registry import CHAMPION, aliased_version, run_of_version

        if aliased_version(self.client, self.model, CHAMPION) != version:
            return False
        last = last_promotion(self.store, self.model)
        if last and last.version == version:
            return True
        run = read_run(self.store, self.model, run_of_version(self.client, self.model, version))
        return "deploy" in run.records or "deploy" in run.unread

    def _rolled_back_from(self, current: str | None) -> str | None:
        """Return the version that a killed rollback has left: still the champion, after the present one."""
        from training.tracking.registry import CHAMPION, aliased_version, version_before

        champion = aliased_version(self.client, self.model, CHAMPION)
        if current is None or champion is None or champion == current:
            return None
        before = {one: version_before(self.client, self.model, one) for one in (champion, current)}
        return champion if before[champion] == current and before[current] != champion else None

    def _nothing_serves(self) -> DeployError:
        return DeployError(f"no version of {self.model} is in service: name one by `molino promote {self.model} …`")

    def _version_before(self, current: str | None) -> str:
        from training.tracking.registry import version_before

        if current is None:
            raise self._nothing_serves()
        before = version_before(self.client, self.model, current)
        if not before:
            raise DeployError(
                f"no version of {self.model} was in service before {current}: name one by "
                f"`molino promote {self.model} …`"
            )
        return before

    def _registered(self, run_id: str, version: str) -> RegisterResult:
        """Return what the run's register step has recorded of the version: its bundle with sizes and hashes."""
        key = record_key(self.model, run_id, "register")
        record = parse_record(self.store.read(key), self.model, "register")
        result = record if isinstance(record, str) else read_object(RegisterResult, record.result)
        if isinstance(result, str):
            raise ReleaseError(f"{self.store.uri(key)} was written by another version of Molino ({result})")
        if result.version != version:
            raise ReleaseError(f"{self.store.uri(key)} tells of version {result.version}, not of {version}")
        return result


def _read(store: Store, keys: Iterable[str]) -> Iterator[Promotion]:
    for key in keys:
        promotion = parse_promotion(store.read(key))
        if isinstance(promotion, str):
            structlog.get_logger().warning("promotion passed over", uri=store.uri(key), cause=promotion)
        else:
            yield promotion
