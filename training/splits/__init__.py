"""Which part of the data a row belongs to, and which rows a release has certainly not been made from.

Every kind of split is a module here and in `molino.contracts.splits`. It gives each row a position, lays boundaries
through all positions where its parts depend on the data, and says by both which part each row falls into.
"""

from training.splits.contract import CALIBRATION, JUDGED, TEST, TRAIN, UNUSED, VALIDATION, Placement
from training.splits.place import identify, kind_of, place, together, unseen

__all__ = [
    "CALIBRATION",
    "JUDGED",
    "TEST",
    "TRAIN",
    "UNUSED",
    "VALIDATION",
    "Placement",
    "identify",
    "kind_of",
    "place",
    "together",
    "unseen",
]
