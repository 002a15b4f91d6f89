"""What a break is, and all that there are."""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping, Sequence
from typing import ClassVar

from tests.e2e.chaos import breaks
from tests.e2e.chaos.scene import Scene
from tests.e2e.installed.runs import StartedRun


class Break:
    """One way to break an installation."""

    name: ClassVar[str]
    what: ClassVar[str]
    """What is done, in words; `{points}` is how often."""
    promised: ClassVar[str] = "the run ends well"
    """Beside the promises that always hold."""
    answers: ClassVar[bool] = True
    """Whether `/predict` is promised to answer throughout."""
    models: ClassVar[Sequence[str]] = ("homes",)
    """Whose pipeline runs are under way meanwhile."""

    def missing(self, scene: Scene) -> str | None:
        """Return what this break lacks on this cluster, if anything."""
        return None

    def start(self, scene: Scene) -> list[StartedRun]:
        """Start what is under way when it breaks."""
        return [scene.start(model) for model in self.models]

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        """Break it, and return when the cause is gone."""
        raise NotImplementedError

    def heal(self, scene: Scene) -> None:
        """Take the cause away, should `harm` have been cut off before its end; else there is nothing to do."""

    def faults(self, scene: Scene, states: Sequence[tuple[str | None, str | None]]) -> list[str]:
        """Return how the runs have ended otherwise than promised."""
        return [f"a run ended as {' and '.join(map(str, one))}" for one in states if one != ("success", "success")]


def all_breaks() -> Mapping[str, type[Break]]:
    """Return every break by its name: modules in the order of their names, each from its top to its end."""
    found: dict[str, type[Break]] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(breaks.__path__)):
        loaded = importlib.import_module(f"{breaks.__name__}.{module}")
        own = [one for one in vars(loaded).values() if inspect.isclass(one) and issubclass(one, Break)]
        found |= {one.name: one for one in own if one.__module__ == loaded.__name__ and "name" in vars(one)}
    return found
