"""The metrics that a model file may name: its task, which way is better, what a tolerance means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

Task = Literal["regression", "classification"]


@dataclass(frozen=True)
class Metric:
    """One metric; `training/metrics/<name>.py` computes it."""

    name: str
    task: Task
    better: Literal["lower", "higher"]
    tolerance: Literal["relative", "absolute"]
    """`relative`: a tolerance is a share of the metric itself, which has the target's unit or no upper end.
    `absolute`: it is a number of the metric's own, which has a fixed scale of 0 to 1 or may be 0."""

    def loss(self, value: float) -> float:
        """Return a value, or a difference of two, turned so that lower is better."""
        return value if self.better == "lower" else -value

    def allowance(self, tolerance: float, value: float) -> float:
        """Return by how much a tolerance lets the metric be worse than a value."""
        return tolerance * abs(value) if self.tolerance == "relative" else tolerance


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("rmse", "regression", "lower", "relative"),
        Metric("mae", "regression", "lower", "relative"),
        Metric("r2", "regression", "higher", "absolute"),
        Metric("accuracy", "classification", "higher", "absolute"),
        Metric("f1_macro", "classification", "higher", "absolute"),
        Metric("log_loss", "classification", "lower", "relative"),
        Metric("roc_auc", "classification", "higher", "absolute"),
    )
}
"""Name to metric."""


def _known(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"expected one of {', '.join(METRICS)}")
    return name


MetricName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(METRICS)})]
"""The name of a metric in a model file."""


def metrics_of(task: Task) -> tuple[str, ...]:
    """Return the names of a task's metrics."""
    return tuple(name for name, metric in METRICS.items() if metric.task == task)
