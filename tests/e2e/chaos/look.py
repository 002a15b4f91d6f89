"""Looks at an installation from outside, through the interfaces that its users have."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from minio import Minio
from minio.error import S3Error
from mlflow import MlflowClient

from molino.contracts.record import Record
from molino.contracts.release import release_prefix
from molino.contracts.results import RegisterResult, VersionResult
from tests.cluster.fault import ClusterError
from tests.e2e.chaos.seen import Probed, Run, Seen, Service, Version
from tests.e2e.installed import runs
from tests.e2e.installed.installation import Installation

ORPHAN_SECONDS = 600.0
RUN_TAG = "molino.run_id"


@dataclass
class Look:
    """Remembers what was acknowledged, from the first look on."""

    installation: Installation
    models: tuple[str, ...]
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Key to SHA-256 of each artifact that a record names as an outcome."""
    releases: dict[tuple[str, str], str] = field(default_factory=dict)
    """(model, run id) to the SHA-256 of its release."""

    def __call__(self, ended: Iterable[Run], probed: Probed) -> Seen:
        """Return all that is to be seen once runs have ended."""
        orphans = self._orphans()
        with runs.store(self.installation) as store, runs.registry(self.installation) as registry:
            found = tuple(self._run(store, run) for run in ended)
            versions = self._versions(store, registry)
            return Seen(
                runs=found,
                versions=versions,
                bundles=_bundles(store),
                services=tuple(self._service(store, registry, model, versions) for model in self.models),
                lost=tuple(self._lost(store)),
                orphans=orphans,
                probed=probed,
            )

    def _run(self, store: Minio, run: Run) -> Run:
        """Return a run with its records, and remember what they acknowledge."""
        records = runs.records(store, run.model, run.run_id)
        for record in records.values():
            self.acknowledged |= {artifact.key: artifact.sha256 for artifact in record.outputs}
        registered = _registered(records)
        if registered and registered.release:
            self.releases[run.model, run.run_id] = registered.release.sha256
        versioned = records.get("version")
        return replace(
            run,
            records={step: record.status for step, record in records.items()},
            version=registered.version if registered else None,
            unchanged=versioned is not None and not VersionResult.model_validate(versioned.result).created,
        )

    def _versions(self, store: Minio, registry: MlflowClient) -> tuple[Version, ...]:
        return tuple(
            Version(
                model,
                str(found.version),
                found.tags.get(RUN_TAG),
                str(found.status),
                _is_bundled(store, model, str(found.version)),
            )
            for model in self.models
            for found in registry.search_model_versions(f"name = '{model}'")
        )

    def _service(self, store: Minio, registry: MlflowClient, model: str, versions: tuple[Version, ...]) -> Service:
        registered = registry.search_registered_models(f"name = '{model}'")
        champion = dict(registered[0].aliases).get("champion") if registered else None
        run_id = next((one.run_id for one in versions if (one.model, one.version) == (model, champion)), None)
        known = self.releases.get((model, str(run_id)))
        sha256 = _sha256(store, f"{release_prefix(model, str(champion))}release.json")
        served = runs.served_version(self.installation, model)
        return Service(model, champion, served, sha256 is not None and known in (None, sha256))

    def _lost(self, store: Minio) -> Iterable[str]:
        for key, sha256 in self.acknowledged.items():
            found = _sha256(store, key)
            if found != sha256:
                yield f"{key} is {'away' if found is None else 'altered'}"

    def _orphans(self) -> tuple[str, ...]:
        try:
            self.installation.wait_no_step(ORPHAN_SECONDS)
        except ClusterError:
            return tuple(pod["metadata"]["name"] for pod in self.installation.pods("molino.dev/step"))
        return ()


def _registered(records: Mapping[str, Record]) -> RegisterResult | None:
    record = records.get("register")
    return RegisterResult.model_validate(record.result) if record else None


def _bundles(store: Minio) -> tuple[tuple[str, str], ...]:
    listed = store.list_objects(bucket_name=runs.BUCKET, prefix="releases/", recursive=True)
    keys = [str(item.object_name).split("/") for item in listed]
    return tuple(sorted({(key[1], key[2]) for key in keys if len(key) > 3}))


def _is_bundled(store: Minio, model: str, version: str) -> bool:
    prefix = release_prefix(model, version)
    try:
        release = json.loads(runs.read(store, f"{prefix}release.json"))
    except S3Error as error:
        if error.code == "NoSuchKey":
            return False
        raise
    return bool(_sha256(store, f"{prefix}model.onnx") == release["onnx_sha256"])


def _sha256(store: Minio, key: str) -> str | None:
    try:
        return hashlib.sha256(runs.read(store, key)).hexdigest()
    except S3Error as error:
        if error.code == "NoSuchKey":
            return None
        raise
