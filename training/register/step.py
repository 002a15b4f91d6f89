"""The register step: a version of the model in MLflow's registry, and the release bundle in the store."""

from datetime import UTC, datetime

from pydantic import ValidationError

from molino.contracts.errors import StepError
from molino.contracts.model_file import ModelFile
from molino.contracts.release import Lineage, Reference
from molino.contracts.results import (
    CandidateResult,
    EvaluateResult,
    IngestResult,
    RegisterResult,
    TrainResult,
    VersionResult,
)
from training.graphs.graph import Graph
from training.register.bundle import References, build_release, release_intervals, write_bundle
from training.step import Context, Outcome
from training.stores.opening import fetch
from training.tracking.registry import CHALLENGER, onnx_model_uri, point_alias, register_once
from training.tracking.tracker import LIBRARIES as TRACKING_LIBRARIES


def libraries(_model: ModelFile) -> tuple[str, ...]:
    """Return the modules that the work takes and that are slow to import."""
    return ("onnxruntime", *TRACKING_LIBRARIES)


def run(context: Context) -> Outcome:
    """Register the best candidate, bundle its release, and set the alias `challenger`.

    Where the gate said no, nothing is registered and the run ends as rejected. A step that was killed takes up the
    version that it has made before.

    Raises:
        StepError: the reference statistics are of another form.
        StoreError: an artifact is missing or altered.
        ReleaseError: the version's bundle is in the store with other bytes.
        TrackingError: MLflow refuses, or lacks the candidate's model.
    """
    evaluated = context.result("evaluate", EvaluateResult)
    if not evaluated.verdict.accepted:
        context.log.info("nothing registered", best=evaluated.best, reasons=evaluated.verdict.reasons)
        nothing = RegisterResult(version=None, candidate=None, mlflow_model_uri=None, release=None, onnx=None)
        return Outcome(nothing, status="rejected")
    model, client = context.model, context.tracker.client
    trained = context.result("train", TrainResult)
    judged = next(one for one in trained.candidates if one.name == evaluated.best)
    best = trained.full if trained.full is not None and trained.full.name == judged.name else judged
    lineage = _lineage(context, best, onnx_model_uri(client, best.mlflow_run_id))
    tags = _tags(lineage, best, evaluated)
    registered = register_once(client, model.name, context.run_id, best.mlflow_run_id, lineage.mlflow_model_uri, tags)
    version = str(registered.version)
    context.log.info("version registered", version=version, candidate=best.name)
    onnx = fetch(context.store, best.onnx, context.workdir / "model.onnx")
    held_out = fetch(context.store, trained.held_out, context.workdir / "held_out.parquet")
    release = build_release(
        model,
        version,
        datetime.fromtimestamp(registered.creation_timestamp / 1000, UTC),
        Graph(onnx, [feature.name for feature in model.features], model.target.classes),
        held_out,
        _reference(context, trained),
        evaluated.scores[best.name],
        lineage,
        trained.split,
        release_intervals(model, best.half_width, best.calibration_rows, evaluated.coverage),
        best.threshold,
    )
    document, graph = write_bundle(context.store, release, onnx)
    context.log.info("bundle written", release=document.uri)
    point_alias(client, model.name, CHALLENGER, version)
    result = RegisterResult(
        version=version,
        candidate=best.name,
        mlflow_model_uri=lineage.mlflow_model_uri,
        release=document,
        onnx=graph,
        waits=model.gate.approval == "required",
    )
    return Outcome(result, inputs=(best.onnx, trained.held_out, trained.reference), outputs=(document, graph))


def _lineage(context: Context, best: CandidateResult, model_uri: str) -> Lineage:
    ingested = context.result("ingest", IngestResult)
    versioned = context.result("version", VersionResult)
    return Lineage(
        run_id=context.run_id,
        source_uri=ingested.source_uri,
        source_sha256=ingested.source_sha256,
        clean_sha256=ingested.clean.sha256,
        git_remote=versioned.git_remote,
        data_revision=versioned.revision,
        data_path=versioned.path,
        mlflow_run_id=best.mlflow_run_id,
        mlflow_model_uri=model_uri,
        candidate=best.name,
        code_revision=context.records["train"].code_revision,
        model_file_sha256=context.loaded.sha256,
        parameters=best.parameters,
    )


def _tags(lineage: Lineage, best: CandidateResult, evaluated: EvaluateResult) -> dict[str, str]:
    """Return the tags of a model version: where it comes from, and why it was let through."""
    return {
        "molino.candidate": lineage.candidate,
        "molino.source_uri": lineage.source_uri,
        "molino.source_sha256": lineage.source_sha256,
        "molino.data_revision": lineage.data_revision,
        "molino.code_revision": lineage.code_revision,
        "molino.model_file_sha256": lineage.model_file_sha256,
        "molino.onnx_sha256": best.onnx.sha256,
        "molino.verdict": "accepted" if evaluated.verdict.accepted else "rejected",
        f"molino.{evaluated.metric}": f"{evaluated.scores[best.name][evaluated.metric].value:.6g}",
    }


def _reference(context: Context, trained: TrainResult) -> dict[str, Reference]:
    path = fetch(context.store, trained.reference, context.workdir / "reference.json")
    try:
        return References.validate_json(path.read_bytes())
    except ValidationError as error:
        raise StepError(f"{trained.reference.uri} holds no reference statistics: start a new run") from error
