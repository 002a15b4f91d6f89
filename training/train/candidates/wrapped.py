"""A trained candidate in another's place, which changes its answers; the native model that is saved answers without."""

from pathlib import Path
from typing import Any

from training.train.candidates.contract import Trained


class Wrapped:
    """What both say alike of themselves."""

    def __init__(self, fitted: Trained) -> None:
        self.fitted = fitted
        self.rows_trained = fitted.rows_trained

    @property
    def native_packages(self) -> tuple[str, ...]:
        """What loading the native model takes."""
        return self.fitted.native_packages

    @property
    def rounds(self) -> int | None:
        """How many rounds the candidate was trained for."""
        return self.fitted.rounds

    def save_native(self, folder: Path, requirements: list[str]) -> None:
        """Save the native model as it was fitted."""
        self.fitted.save_native(folder, requirements)

    def params(self) -> dict[str, Any]:
        """What the candidate tells."""
        return self.fitted.params()
