"""The release bundle: what register writes once and serving reads."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from molino.contracts.errors import ReleaseError, StepError
from molino.contracts.external_data import has_external_data
from molino.contracts.features import FEATURES, Cell
from molino.contracts.model_file import Feature, ModelFile
from molino.contracts.record import Artifact
from molino.contracts.release import (
    MODEL_FILENAME,
    RELEASE_FILENAME,
    Example,
    LabelThreshold,
    Lineage,
    PredictionIntervals,
    Reference,
    Release,
    Score,
    release_prefix,
)
from molino.contracts.release import Feature as ReleaseFeature
from molino.contracts.results import Interval
from molino.contracts.splits import SplitIdentity
from training.examples import typical_rows
from training.graphs.graph import Graph, read_batches
from training.stores.contract import Store
from training.stores.opening import sha256_of

EXAMPLE_ROWS = 5

References = TypeAdapter(dict[str, Reference])


def build_release(
    model: ModelFile,
    version: str,
    created: datetime,
    graph: Graph,
    held_out: Path,
    reference: Mapping[str, Reference],
    scores: Mapping[str, Interval],
    lineage: Lineage,
    split: SplitIdentity | None = None,
    intervals: PredictionIntervals | None = None,
    threshold: float | None = None,
) -> Release:
    """Return `release.json` of one candidate. The same arguments give the same bytes."""
    features = tuple(release_feature(feature, reference[feature.name]) for feature in model.features)
    return Release(
        name=model.name,
        version=version,
        title=model.title,
        description=model.description,
        task=model.task,
        created=created,
        onnx_sha256=sha256_of(graph.path),
        onnx_bytes=graph.path.stat().st_size,
        signature=graph.signature,
        features=features,
        target=model.target.name,
        target_unit=model.target.unit,
        classes=model.target.classes,
        metrics={name: Score(**score.model_dump()) for name, score in scores.items()},
        reference=dict(reference),
        example=build_example(features, graph, held_out),
        lineage=lineage,
        split=split,
        intervals=intervals,
        calibration=model.calibration,
        threshold=_label_threshold(model, threshold),
        serving=model.serving.model_dump(mode="json"),
    )


def release_intervals(
    model: ModelFile, half_width: float | None, rows: int | None, coverage: Interval | None
) -> PredictionIntervals | None:
    """Return what a release says of prediction intervals; none where the model file asks for none."""
    if model.intervals is None or half_width is None:
        return None
    return PredictionIntervals(
        level=model.intervals.level,
        half_width=half_width,
        rows=rows or 0,
        coverage=None if coverage is None else Score(**coverage.model_dump()),
        minimum=model.target.minimum,
        maximum=model.target.maximum,
    )


def _label_threshold(model: ModelFile, value: float | None) -> LabelThreshold | None:
    if model.threshold is None or value is None:
        return None
    return LabelThreshold(positive=model.threshold.positive_of(model.target.classes or ()), value=value)


def release_feature(feature: Feature, reference: Reference) -> ReleaseFeature:
    """Return a feature of the model file as requests may give it; values not listed are those learnt."""
    keys = feature.released(reference.values)
    options = {key: keys.pop(key) for key in list(keys) if key not in ReleaseFeature.model_fields}
    return ReleaseFeature.model_validate(keys | ({"options": options} if options else {}))


def build_example(features: tuple[ReleaseFeature, ...], graph: Graph, held_out: Path) -> Example:
    """Return a few rows as a request may give them, typical of the held-out ones, and what the graph answers.

    A release is public: it holds no row of the data.

    Raises:
        StepError: no held-out row would be let through.
    """
    worded = [feature.name for feature in features if FEATURES[feature.type].worded]
    for rows in read_batches(held_out, graph.features):
        data = [tuple(map(as_json, row, features)) for row in rows.iter_rows()]
        fit = [index for index, row in enumerate(data) if all(map(may_be_asked, row, features))]
        if fit:
            made = typical_rows(rows[fit], EXAMPLE_ROWS, worded)
            shown = tuple(tuple(map(as_json, row, features)) for row in made.iter_rows())
            return Example(data=shown, predictions=graph.labels(made))
    raise StepError(
        "no held-out row has only values that a request may give; give more rows, or list values in features"
    )


def as_json(value: Any, feature: ReleaseFeature) -> Cell:
    """Return a cell as a request's JSON gives it: null where it is missing."""
    return None if value is None or value != value else FEATURES[feature.type].as_json(value)


def may_be_asked(value: Any, feature: ReleaseFeature) -> bool:
    """Tell whether serving lets a cell through."""
    if value is None:
        return feature.missing == "impute"
    return FEATURES[feature.type].may_be_asked(value, feature.values, feature.unseen)


def write_bundle(store: Store, release: Release, onnx: Path) -> tuple[Artifact, Artifact]:
    """Write graph and `release.json`, in this order, and return them in the other; what is there stays.

    Raises:
        ReleaseError: the bundle is there with other bytes, or the graph takes weights from files beside it.
    """
    prefix = release_prefix(release.name, release.version)
    data = onnx.read_bytes()
    if has_external_data(data):
        raise ReleaseError(
            f"the graph of {release.name} {release.version} takes weights from files beside it, which a release "
            "doesn't hold: export it with all its weights inside"
        )
    graph = _write_once(store, prefix + MODEL_FILENAME, data)
    document = _write_once(store, prefix + RELEASE_FILENAME, release.model_dump_json(indent=2).encode())
    return document, graph


def _write_once(store: Store, key: str, data: bytes) -> Artifact:
    import hashlib

    if store.exists(key) and store.read(key) != data:
        raise ReleaseError(
            f"{store.uri(key)} is there with other bytes, and a release never changes; "
            "if MLflow's registry was made anew, move the folder of the old releases away"
        )
    if not store.exists(key):
        return store.write(key, data)
    return Artifact(key=key, uri=store.uri(key), sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))
