"""The six steps and their order: the one place that the DAGs and the embedded runner read."""

from typing import NamedTuple


class Step(NamedTuple):
    """One step of the pipeline."""

    name: str
    group: str
    """`data` or `model`: which of a model's two DAGs the step belongs to."""
    after: str | None
    """The step whose record it needs."""
    purpose: str


STEPS = (
    Step("ingest", "data", None, "read, clean and check the source rows"),
    Step("version", "data", "ingest", "keep the clean rows under a data revision"),
    Step("train", "model", "version", "train every candidate and export it to ONNX"),
    Step("evaluate", "model", "train", "score the candidates on held-out rows and ask the gate"),
    Step("register", "model", "evaluate", "register the best one and bundle its release"),
    Step("deploy", "model", "register", "put the release in service"),
)

STEP_NAMES = tuple(step.name for step in STEPS)
