"""The six steps and their order: the one place that the DAGs and the embedded runner read."""

from typing import NamedTuple

FOR_AIRFLOW = frozenset({"schedule", "resources"})
"""Keys of the model file that change when and where a step runs, not what it does."""
AFTER_DATA = FOR_AIRFLOW | {
    "title", "description", "split", "selection", "training", "candidates", "metric", "gate", "serving",
}  # fmt: skip
"""Keys that come to bear once the data is versioned; what isn't named here asks for new data when it changes."""


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
        FOR_AIRFLOW | {"title", "description", "serving"},
        ("seed", "candidates"),
    ),
    Step(
        "evaluate",
        "model",
        "train",
        "score the candidates on held-out rows and ask the gate",
        FOR_AIRFLOW | {"title", "description", "serving"},
        ("seed",),
    ),
    Step("register", "model", "evaluate", "register the best one and bundle its release"),
    Step("deploy", "model", "register", "put the release in service"),
)

STEP_NAMES = tuple(step.name for step in STEPS)


def step_named(name: str) -> Step:
    """Return a step of the graph."""
    return STEPS[STEP_NAMES.index(name)]
