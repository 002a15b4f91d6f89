"""The champion, and the best of the last releases, beside the candidate: on rows that none of them has seen.

A single comparison lets a candidate through that is a little worse, within the tolerance or the noise. So that this
doesn't add up from release to release, the candidate is compared by the same rule with that of the last `LAST_RELEASES`
which had the best metric when it was registered: all of the slide has to stay within one tolerance.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from molino.contracts.errors import MolinoError, ReleaseError
from molino.contracts.metrics import METRICS
from molino.contracts.model_file import ModelFile
from molino.contracts.record import Artifact
from molino.contracts.release import (
    LAST_RELEASES,
    MODEL_FILENAME,
    RELEASE_FILENAME,
    Release,
    parse_release,
    release_prefix,
)
from training.evaluate.gate import Compared
from training.graphs.graph import Graph, Predictions, answer_file
from training.metrics.resamples import Measure, Resamples
from training.metrics.score import measure
from training.splits import unseen
from training.stores.contract import Store
from training.stores.opening import fetch

if TYPE_CHECKING:
    import polars as pl

LEAST_ROWS = 30
"""Fewer rows than this tell nothing of two models."""


@dataclass(frozen=True)
class Beside:
    """A release beside the candidate on rows that neither has seen, by every metric that is defined on them."""

    version: str
    rows: int
    release: dict[str, Measure]
    candidate: dict[str, Measure]

    def by(self, metric: str, name: str) -> Compared:
        """Return the comparison by one metric."""
        return Compared(f"{name}, version {self.version},", self.release[metric], self.candidate[metric], self.rows)


@dataclass(frozen=True)
class HeldOut:
    """The held-out rows, and what the candidate answered."""

    path: Path
    actual: NDArray[Any]
    answers: Predictions
    seed: int
    together: NDArray[Any] | None = None
    """Equal for rows that belong together, as `training.metrics.resamples.Resamples` takes it."""

    def resamples(self, chosen: NDArray[np.intp]) -> Resamples:
        """Return the resamples of some of the rows."""
        together = None if self.together is None else self.together[chosen]
        return Resamples(len(chosen), self.seed, together=together)


def compare(store: Store, model: ModelFile, version: str, held_out: HeldOut, folder: Path) -> Beside | str:
    """Put a release beside the candidate, or say why it can't be compared."""
    try:
        release = read_release(store, model.name, version)
        obstacle = why_not_comparable(release, model)
        return obstacle or _beside(store, model, release, held_out, folder)
    except MolinoError as error:
        return str(error)


def best_of_last(releases: Iterable[Release], metric: str) -> str | None:
    """Return the version of the release, of the last ones, with the best metric when it was registered."""
    last = sorted(releases, key=lambda release: int(release.version))[-LAST_RELEASES:]
    known = [release for release in last if metric in release.metrics]
    best = min(known, key=lambda release: METRICS[metric].loss(release.metrics[metric].value), default=None)
    return None if best is None else best.version


def read_last(store: Store, model: ModelFile) -> tuple[list[Release], dict[str, str]]:
    """Return the last releases that answer what the model file asks, and those that can't be read with the cause."""
    prefix = f"releases/{model.name}/"
    versions = {key.removeprefix(prefix).split("/")[0] for key in store.list(prefix)}
    releases, unread = [], {}
    for version in sorted((one for one in versions if one.isdecimal()), key=int)[-LAST_RELEASES:]:
        try:
            release = read_release(store, model.name, version)
        except MolinoError as error:
            unread[version] = str(error)
            continue
        if why_not_comparable(release, model) is None:
            releases.append(release)
    return releases, unread


def read_release(store: Store, model: str, version: str) -> Release:
    """Read and check `release.json` of a version.

    Raises:
        ReleaseError: it is no release.
        StoreError: it can't be had.
    """
    key = release_prefix(model, version) + RELEASE_FILENAME
    release = parse_release(store.read(key))
    if isinstance(release, str):
        raise ReleaseError(f"{store.uri(key)} is no release of this version of Molino ({release})")
    if (release.name, release.version) != (model, version):
        raise ReleaseError(f"{store.uri(key)} is the release of version {release.version} of {release.name}")
    return release


def why_not_comparable(release: Release, model: ModelFile) -> str | None:
    """Return what keeps a release from answering the held-out rows of a model file, or none."""
    if release.task != model.task or release.target != model.target.name:
        return f"it predicts {release.target} ({release.task}), not {model.target.name} ({model.task})"
    if set(release.classes or ()) != set(model.target.classes or ()):
        return f"its classes are {', '.join(release.classes or ())}"
    types = {feature.name: feature.type for feature in model.features}
    gone = [feature.name for feature in release.features if types.get(feature.name) != feature.type]
    if gone:
        return f"it needs {', '.join(gone)}, which the model file no longer has in that form"
    return next(_other_units(release, model), None)


def _other_units(release: Release, model: ModelFile) -> Iterator[str]:
    """Yield what a release has in another unit than the model file: its answers to these rows would be off."""
    units = {feature.name: getattr(feature, "unit", None) for feature in model.features}
    known = [(feature.name, feature.unit, units[feature.name]) for feature in release.features]
    for name, unit, wanted in (*known, (release.target, release.target_unit, model.target.unit)):
        if unit and wanted and unit != wanted:
            yield f"its {name} is in {unit}, that of the model file in {wanted}"


def why_unanswerable(release: Release, rows: "pl.DataFrame") -> str | None:
    """Return what keeps a release from answering rows by its own rules, or none."""
    import polars as pl

    for feature in release.features:
        column = rows[feature.name]
        missing = column.null_count()
        if missing and feature.missing == "refuse":
            return f"it takes no missing {feature.name}, which {missing} of the rows have"
        if feature.values is not None and feature.unseen == "refuse":
            unknown = column.drop_nulls().cast(pl.String).unique().sort().to_list()
            unknown = [value for value in unknown if value not in feature.values]
            if unknown:
                return f"it knows no {feature.name} {', '.join(map(repr, unknown[:3]))}, which some of the rows have"
    return None


def _beside(store: Store, model: ModelFile, release: Release, held_out: HeldOut, folder: Path) -> Beside | str:
    import polars as pl

    rows = pl.read_parquet(held_out.path)
    clean = unseen(release.split, rows)
    if isinstance(clean, str):
        return clean
    chosen = np.flatnonzero(clean)
    if len(chosen) < LEAST_ROWS:
        return f"only {len(chosen)} of the held-out rows are such that it hasn't seen them; {LEAST_ROWS} are needed"
    rows = rows[chosen]
    obstacle = why_unanswerable(release, rows)
    if obstacle:
        return obstacle
    asked = folder / f"compared-{release.version}.parquet"
    rows.write_parquet(asked)
    actual, resamples = held_out.actual[chosen], held_out.resamples(chosen)
    theirs = measure(actual, _answers(store, model, release, asked, folder), resamples, model.metrics)
    own = measure(actual, held_out.answers.take(chosen), resamples, model.metrics)
    if model.metric not in theirs or model.metric not in own:
        return f"{model.metric} is undefined on the {len(chosen)} held-out rows that it hasn't seen"
    return Beside(release.version, len(chosen), theirs, own)


def _answers(store: Store, model: ModelFile, release: Release, rows: Path, folder: Path) -> Predictions:
    key = release_prefix(model.name, release.version) + MODEL_FILENAME
    artifact = Artifact(key=key, uri=store.uri(key), sha256=release.onnx_sha256, bytes=release.onnx_bytes)
    path = fetch(store, artifact, folder / f"release-{release.version}.onnx")
    graph = Graph(path, _names(release), model.target.classes)
    try:
        return answer_file(graph, rows)
    except Exception as error:  # onnxruntime's own exceptions have no public base class
        raise ReleaseError(f"its graph can't answer these rows: {str(error).splitlines()[0]}") from error


def _names(release: Release) -> Sequence[str]:
    return [feature.name for feature in release.features]
