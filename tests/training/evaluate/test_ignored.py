import numpy as np
import pytest

from training.evaluate.ignored import ignored_classes


def told(actual: list[int], labels: list[int], classes: tuple[str, ...] = ("common", "rare")) -> dict[str, str]:
    return dict(ignored_classes(np.array(actual), np.array(labels), classes))


def test_a_class_that_is_never_found_is_told():
    """995 of 1000 right, and none of the five that matter."""
    sentences = told([0] * 995 + [1] * 5, [0] * 1000)
    assert sentences == {"rare": "Class rare is all but ignored: 0 of its 5 held-out rows are found."}


@pytest.mark.parametrize(("found", "ignored"), [(1, True), (2, False)])
def test_a_class_is_ignored_below_a_tenth(found, ignored):
    rows = [1] * 15
    assert ("rare" in told([0, *rows], [0, *([1] * found + [0] * (15 - found))])) is ignored


def test_a_class_that_no_row_has_is_told():
    assert told([0, 1], [0, 1], ("a", "b", "c")) == {
        "c": "No held-out row is of class c: how well it is found isn't known."
    }


def test_classes_that_are_found_are_not_told_of():
    assert told([0, 0, 1], [0, 1, 1]) == {}
