"""The champion: the release that serves now, scored on the rows that the candidates are scored on."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from molino.contracts.errors import ReleaseError
from molino.contracts.model_file import ModelFile
from molino.contracts.record import Artifact
from molino.contracts.release import MODEL_FILENAME, RELEASE_FILENAME, Release, release_prefix
from training.graphs.graph import Graph, answer_file
from training.metrics.resamples import Measure, Resamples
from training.metrics.score import measure
from training.stores.folder import Store, fetch
from training.tracking.registry import CHAMPION, aliased_version

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class Champion:
    """What is known of the champion on the held-out rows."""

    version: str | None
    measures: dict[str, Measure] | None
    about: str
    """Names it, or says in a sentence why there is nothing to compare with."""


def score_champion(
    client: "MlflowClient",
    store: Store,
    model: ModelFile,
    held_out: Path,
    actual: NDArray[Any],
    resamples: Resamples,
    folder: Path,
) -> Champion:
    """Score the release of the alias `champion` on the held-out rows, where it can be.

    Raises:
        ReleaseError: its bundle in the store is no release.
        StoreError: its bundle is missing or altered.
    """
    version = aliased_version(client, model.name, CHAMPION)
    if version is None:
        return Champion(None, None, "There is no champion yet to compare with.")
    release = read_release(store, model.name, version)
    obstacle = why_not_comparable(release, model)
    if obstacle:
        about = f"The champion, version {version}, is not compared: {obstacle}."
        return Champion(version, None, about)
    key = release_prefix(model.name, version) + MODEL_FILENAME
    artifact = Artifact(key=key, uri=store.uri(key), sha256=release.onnx_sha256, bytes=release.onnx_bytes)
    path = fetch(store, artifact, folder / "champion.onnx")
    graph = Graph(path, [feature.name for feature in release.features], model.target.classes)
    measures = measure(np.asarray(actual), answer_file(graph, held_out), resamples)
    return Champion(version, measures, f"the champion, version {version},")


def read_release(store: Store, model: str, version: str) -> Release:
    """Read and check `release.json` of a version."""
    key = release_prefix(model, version) + RELEASE_FILENAME
    try:
        return Release.model_validate_json(store.read(key))
    except ValidationError as error:
        raise ReleaseError(f"{store.uri(key)} is no release of this version of Molino; deploy another one") from error


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
    return None
