"""A split by a hash of a group: its rows stay together, in the parts and in the folds."""

from training.splits.hash import Hash


class Group(Hash):
    """As by hash, of the group's column."""

    unit = "rows of one group"
