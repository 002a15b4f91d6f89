"""The six steps and their order: the one place that the DAGs and the embedded runner read."""

from typing import NamedTuple

FOR_AIRFLOW = frozenset({"schedule", "resources", "gate.approval"})
"""Keys of the model file that change when, where and on whose word a step runs, not what it does."""
SHOWN = frozenset({
    "title", "description", "features.description", "features.unit", "target.description", "target.unit",
})  # fmt: skip
"""Keys that tell people what they see: they come to bear in the release. After a dot: a key of each item."""
AFTER_DATA = FOR_AIRFLOW | SHOWN | {
    "split", "selection", "training", "candidates", "metric", "intervals", "calibration", "threshold", "slices",
    "gate", "serving",
}  # fmt: skip
"""Keys that come to bear once the data is versioned; what isn't named here asks for new data when it changes."""
AFTER_TRAINING = FOR_AIRFLOW | SHOWN | {"serving"}
"""Keys that come to bear once a candidate is to be released."""


class Step(NamedTuple):
    """One step of the pipeline."""

    name: str
    group: str
    """`data` or `model`: which of a model's two DAGs the step belongs to."""
    after: str | None
    """The step whose record it needs."""
    purpose: str
    ignores: frozenset[str] = FOR_AIRFLOW
    """Keys of the model file that don't bear on its work: a change in them doesn't ask for it again."""
    overrides: tuple[str, ...] = ()
    """Settings that it takes over the model file."""


STEPS = (
    Step("ingest", "data", None, "read, clean and check the source rows", AFTER_DATA),
    Step("version", "data", "ingest", "keep the clean rows under a data revision", AFTER_DATA),
    Step(
        "train",
        "model",
        "version",
        "train every candidate and export it to ONNX",
        AFTER_TRAINING | {"slices"},
        ("seed", "candidates"),
    ),
    Step(
        "evaluate",
        "model",
        "train",
        "score the candidates on held-out rows and ask the gate",
        AFTER_TRAINING,
        ("seed",),
    ),
    Step("register", "model", "evaluate", "register the best one and bundle its release"),
    Step("deploy", "model", "register", "put the release in service"),
)

STEP_NAMES = tuple(step.name for step in STEPS)


def step_named(name: str) -> Step:
    """Return a step of the graph."""
    return STEPS[STEP_NAMES.index(name)]
