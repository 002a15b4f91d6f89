"""The metrics that a model file may name: its task, which way is better, what a tolerance means."""

import math
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
    title: str = ""
    """What people call it in full."""
    unit: Literal["", "target", "%", "nats"] = ""
    """`target`: the target's own; `%`: a share, which people read in hundredths."""
    undefined: str = "which have one class only"
    """What is said of rows on which it is undefined."""

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest value that it can have."""
        low = 0.0 if self.better == "lower" or self.task == "classification" else -math.inf
        return low, math.inf if self.better == "lower" else 1.0

    def loss(self, value: float) -> float:
        """Return a value, or a difference of two, turned so that lower is better."""
        return value if self.better == "lower" else -value

    def allowance(self, tolerance: float, value: float) -> float:
        """Return by how much a tolerance lets the metric be worse than a value."""
        return tolerance * abs(value) if self.tolerance == "relative" else tolerance


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("rmse", "regression", "lower", "relative", "Root mean squared error", "target"),
        Metric("mae", "regression", "lower", "relative", "Mean absolute error", "target"),
        Metric(
            "mape", "regression", "lower", "relative", "Mean absolute error as a share", "%", "some with a target of 0"
        ),
        Metric("pinball_10", "regression", "lower", "relative", "Pinball loss of the quantile 0.1", "target"),
        Metric("pinball_90", "regression", "lower", "relative", "Pinball loss of the quantile 0.9", "target"),
        Metric(
            "poisson_deviance",
            "regression",
            "lower",
            "relative",
            "Mean Poisson deviance",
            "",
            "some with a target below 0 or an answer that isn't above it",
        ),
        Metric("r2", "regression", "higher", "absolute", "Share of variance explained, R²"),
        Metric("accuracy", "classification", "higher", "absolute", "Accuracy", "%"),
        Metric("f1_macro", "classification", "higher", "absolute", "Mean F1 of the classes"),
        Metric("precision_macro", "classification", "higher", "absolute", "Mean precision of the classes"),
        Metric("recall_macro", "classification", "higher", "absolute", "Mean recall of the classes"),
        Metric("log_loss", "classification", "lower", "relative", "Log loss", "nats"),
        Metric("roc_auc", "classification", "higher", "absolute", "Area under the ROC curve"),
        Metric("pr_auc", "classification", "higher", "absolute", "Area under the precision-recall curve"),
    )
}
"""Name to metric."""


OF_A_LOSS = frozenset({"pinball_10", "pinball_90", "poisson_deviance"})
"""Metrics that tell something of models for a quantile or for counts alone: measured where it is asked for."""


def _known(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"expected one of {', '.join(METRICS)}")
    return name


MetricName = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(METRICS)})]
"""The name of a metric in a model file."""


def metrics_of(task: Task) -> tuple[str, ...]:
    """Return the names of a task's metrics."""
    return tuple(name for name, metric in METRICS.items() if metric.task == task)
