import struct

import numpy as np
import pytest

from training.evaluate import plots

RNG = np.random.default_rng(0)
ACTUAL = RNG.normal(20, 9, 80)
PREDICTED = ACTUAL + RNG.normal(0, 3, 80)
CLASSES = ("Adelie", "Chinstrap", "Gentoo")
LABELS = RNG.integers(0, 3, 80)
CHANCES = RNG.dirichlet([1, 1, 1], 80)

DRAWN = {
    "predicted": lambda: plots.predicted_against_actual(ACTUAL, PREDICTED, "medv", "mlp"),
    "residuals": lambda: plots.residuals(ACTUAL, PREDICTED, "medv", "mlp"),
    "importance": lambda: plots.importance({f"f{index}": index - 2.0 for index in range(40)}, "rmse", "mlp"),
    "learning_curve": lambda: plots.learning_curve(
        {"train_loss": ([0, 1], [9.0, 0.1]), "validation_loss": ([0, 1], [9, 1])}, "mlp"
    ),
    "confusion": lambda: plots.confusion(LABELS, LABELS[::-1], CLASSES, "mlp"),
    "roc": lambda: plots.roc(LABELS, CHANCES, CLASSES, "mlp"),
    "calibration": lambda: plots.calibration(LABELS, CHANCES, CLASSES, "mlp"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot_is_written_as_png_of_a_readable_size(name, tmp_path):
    plots.save(DRAWN[name](), tmp_path / "plots" / "one.png")
    header = (tmp_path / "plots" / "one.png").read_bytes()[:24]
    width, height = struct.unpack(">II", header[16:24])
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert min(width, height) >= 400


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_plot_has_the_same_bytes(name, tmp_path):
    for file in ("one.png", "two.png"):
        plots.save(DRAWN[name](), tmp_path / file)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_cells_of_the_confusion_matrix_count_rows():
    figure = plots.confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), ("a", "b"), "mlp")
    assert [text.get_text() for text in figure.axes[0].texts] == ["1\n50%", "1\n50%", "0\n0%", "1\n100%"]


def test_only_the_most_important_features_are_shown():
    labels = [text.get_text() for text in DRAWN["importance"]().axes[0].get_yticklabels()]
    assert labels == [f"f{index}" for index in range(20, 40)]


def test_the_lowest_validation_loss_is_marked():
    figure = plots.learning_curve({"validation_loss": ([0, 1, 2, 3], [9.0, 2.0, 1.0, 3.0])}, "mlp")
    assert figure.axes[0].texts[0].get_text() == "lowest at 2"


def test_a_class_that_nobody_has_is_not_in_the_roc_plot():
    figure = plots.roc(np.array([0, 1, 0]), CHANCES[:3], CLASSES, "mlp")
    assert [text.get_text().split(",")[0] for text in figure.axes[0].get_legend().texts] == ["Adelie", "Chinstrap"]
