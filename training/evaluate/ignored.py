"""Classes that a candidate all but ignores: accuracy hides them where they are rare."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

SMALL_RECALL = 0.1
"""A class of whose held-out rows a smaller share is found is all but ignored."""


def ignored_classes(
    actual: NDArray[np.intp], labels: NDArray[np.intp], classes: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield each class that is all but ignored, or that no row tells of, with a sentence about it.

    Args:
        actual: positions in the classes, [n].
        labels: what the candidate answered, [n].
        classes: their names.
    """
    for index, name in enumerate(classes):
        rows = int((actual == index).sum())
        found = int(((actual == index) & (labels == index)).sum())
        if not rows:
            yield name, f"No held-out row is of class {name}: how well it is found isn't known."
        elif found < SMALL_RECALL * rows:
            share = f"{found} of its {rows} held-out rows {'is' if found == 1 else 'are'} found"
            yield name, f"Class {name} is all but ignored: {share}."
