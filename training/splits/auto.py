"""The split of a model file that names no kind."""

from training.splits.contract import SplitKind


class Auto(SplitKind):
    """Stands for another kind, by the task: `resolved` says which."""

    def resolved(self, task: str) -> str:
        """Return the kind that is meant."""
        return "stratified" if task == "classification" else "hash"
