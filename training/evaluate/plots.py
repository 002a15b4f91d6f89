"""Plots of one candidate on the held-out rows. Each function draws one figure and touches no global state."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.metrics.roc_auc import roc_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Float64Array = NDArray[np.float64]

INK, QUIET, ACCENT, SECOND = "#1f2933", "#9aa5b1", "#2563a8", "#c2570c"
CLASS_COLOURS = ("#2563a8", "#c2570c", "#2f855a", "#8a4fbf", "#b83280", "#6b7280", "#0f9aa8", "#a16207")
DPI = 120
FEATURES_SHOWN = 20
CLASSES_SHOWN = len(CLASS_COLOURS)
CALIBRATION_BINS = 10
CELLS_WRITTEN = 15
"""A confusion matrix with more classes than this has no figures in its cells."""


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, without a date in it: the same figure gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


def predicted_against_actual(actual: Float64Array, predicted: Float64Array, label: str, title: str) -> "Figure":
    """Draw predictions over the actual values; a perfect model lies on the diagonal."""
    figure, axes = _canvas(title, 5.4, 5.2)
    low, high = _span(np.concatenate([actual, predicted]))
    axes.plot([low, high], [low, high], color=QUIET, linewidth=1, linestyle="--", zorder=1)
    axes.scatter(actual, predicted, **_dots(len(actual)))
    axes.set(xlim=(low, high), ylim=(low, high), xlabel=f"actual {label}", ylabel=f"predicted {label}", aspect="equal")
    return figure


def residuals(actual: Float64Array, predicted: Float64Array, label: str, title: str) -> "Figure":
    """Draw predicted minus actual over the predictions, and how the residuals are spread."""
    figure, axes = _canvas(title, 7.2, 4.2)
    error = predicted - actual
    axes.axhline(0, color=QUIET, linewidth=1, linestyle="--", zorder=1)
    axes.scatter(predicted, error, **_dots(len(actual)))
    axes.set(xlabel=f"predicted {label}", ylabel="predicted − actual")
    side = axes.inset_axes((1.02, 0, 0.22, 1), sharey=axes)
    side.hist(error, bins=30, orientation="horizontal", color=ACCENT, alpha=0.75)
    side.axhline(0, color=QUIET, linewidth=1, linestyle="--")
    side.tick_params(labelleft=False, left=False)
    side.set_xlabel("rows")
    _quiet(side)
    return figure


def importance(rises: Mapping[str, float], loss: str, title: str) -> "Figure":
    """Draw the features whose shuffling makes the model worse, the most important one on top."""
    shown = sorted(rises.items(), key=lambda item: item[1])[-FEATURES_SHOWN:]
    figure, axes = _canvas(title, 6.6, 1.5 + 0.3 * len(shown))
    axes.barh([name for name, _ in shown], [rise for _, rise in shown], color=ACCENT, height=0.66)
    for position, (_, rise) in enumerate(shown):
        axes.text(max(rise, 0), position, f"  {rise:.3g}", va="center", color=INK, fontsize=8)
    axes.margins(x=0.14, y=0.02)
    axes.axvline(0, color=QUIET, linewidth=1)
    axes.set_xlabel(f"rise of {loss} when the feature is shuffled")
    axes.tick_params(left=False)
    return figure


def learning_curve(history: Mapping[str, tuple[Sequence[int], Sequence[float]]], title: str) -> "Figure":
    """Draw losses over the epochs, or the rounds of boosting; the lowest validation loss is marked."""
    figure, axes = _canvas(title, 6.6, 4.2)
    for (name, (steps, values)), colour in zip(history.items(), CLASS_COLOURS, strict=False):
        axes.plot(steps, values, color=colour, linewidth=1.6, label=name)
        if name == "validation_loss":
            lowest = int(np.argmin(values))
            axes.plot(steps[lowest], values[lowest], "o", color=colour, markersize=6)
            axes.annotate(f"lowest at {steps[lowest]}", (steps[lowest], values[lowest]), fontsize=8, color=INK,
                          xytext=(0, 14), textcoords="offset points", ha="center")  # fmt: skip
    every = np.concatenate([np.asarray(values) for _, values in history.values()])
    if every.min() > 0 and every.max() > 20 * every.min():
        axes.set_yscale("log")
    axes.set(xlabel="epoch or round", ylabel="loss")
    axes.legend(frameon=False)
    return figure


def confusion(actual: NDArray[np.intp], labels: NDArray[np.intp], classes: Sequence[str], title: str) -> "Figure":
    """Draw how many rows of each class were given each label; shades are shares of the actual class."""
    size = len(classes)
    counts = np.bincount(actual * size + labels, minlength=size * size).reshape(size, size)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _canvas(title, 2.6 + 0.8 * min(size, 12), 2.2 + 0.8 * min(size, 12))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(size), classes, rotation=0 if size <= 4 else 45, ha="center" if size <= 4 else "right")
    axes.set_yticks(range(size), classes)
    axes.set(xlabel="predicted", ylabel="actual")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    if size <= CELLS_WRITTEN:
        for row, column in np.ndindex(size, size):
            colour = "white" if shares[row, column] > 0.5 else INK
            text = f"{counts[row, column]}\n{shares[row, column]:.0%}"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    return figure


def roc(actual: NDArray[np.intp], probabilities: Float64Array, classes: Sequence[str], title: str) -> "Figure":
    """Draw the ROC curve of each class against the rest, with the area under it."""
    figure, axes = _canvas(title, 5.4, 5.2)
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle="--")
    for index, name in enumerate(classes[:CLASSES_SHOWN]):
        positive = actual == index
        if positive.any() and not positive.all():
            false_rate, true_rate = roc_curve(positive, probabilities[:, index])
            area = float(np.trapezoid(true_rate, false_rate))
            axes.plot(
                false_rate, true_rate, color=CLASS_COLOURS[index], linewidth=1.8, label=f"{name}, area {area:.3f}"
            )
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel="false positive rate", ylabel="true positive rate")
    axes.set_aspect("equal")
    axes.legend(frameon=False, loc="lower right")
    return figure


def calibration(actual: NDArray[np.intp], probabilities: Float64Array, classes: Sequence[str], title: str) -> "Figure":
    """Draw the share of rows that are of a class over the probability given to it; dots grow with the rows."""
    figure, axes = _canvas(title, 5.4, 5.6)
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle="--", label="perfectly calibrated")
    for index, name in enumerate(classes[:CLASSES_SHOWN]):
        score = probabilities[:, index]
        bin_of = np.minimum((score * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
        rows = np.bincount(bin_of, minlength=CALIBRATION_BINS)
        filled = rows > 0
        mean = np.bincount(bin_of, weights=score, minlength=CALIBRATION_BINS)[filled] / rows[filled]
        share = np.bincount(bin_of, weights=actual == index, minlength=CALIBRATION_BINS)[filled] / rows[filled]
        colour = CLASS_COLOURS[index]
        axes.plot(mean, share, color=colour, linewidth=1.2, alpha=0.7, label=name)
        axes.scatter(mean, share, s=16 + 220 * rows[filled] / len(actual), color=colour, alpha=0.8, linewidths=0)
    axes.set(xlim=(-0.05, 1.05), ylim=(-0.05, 1.05), xlabel="probability given", ylabel="share of rows of that class")
    axes.set_aspect("equal")
    figure.legend(frameon=False, loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _canvas(title: str, width: float, height: float) -> tuple["Figure", "Axes"]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)
    figure = Figure(figsize=(width, height), layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, color=INK, pad=10)
    _quiet(axes)
    return figure, axes


def _quiet(axes: "Axes") -> None:
    """Leave only what carries information: no box, faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.grid(visible=True, color="#e4e7eb", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, labelsize=8)


def _dots(rows: int) -> dict[str, Any]:
    """Return how to draw so many points that the crowd stays readable."""
    few = rows <= 500
    size, alpha = (22, 0.6) if few else (8, 0.25)
    return {"s": size, "alpha": alpha, "color": ACCENT, "linewidths": 0, "zorder": 2, "rasterized": True}


def _span(values: Float64Array) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    edge = 0.04 * (high - low) or 1.0
    return low - edge, high + edge
