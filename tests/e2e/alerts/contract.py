"""What a cause of alerts is, and what it has at hand."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tests.cluster.waits import until
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.watch import PodWatch

GONE_LIMIT = 120.0


@dataclass(frozen=True)
class Scene:
    """The installation, and the ways to it."""

    installation: Installation
    airflow: Airflow
    pods: PodWatch
    executor: ThreadPoolExecutor

    def pod(self, component: str) -> dict[str, Any]:
        """Return the pod of a component that has one, once those before it are gone."""
        found: list[dict[str, Any]] = []

        def alone() -> bool:
            found[:] = self.installation.component_pods(component)
            return len(found) == 1

        until(f"one pod of {component}", alone, GONE_LIMIT, interval=0.5)
        return found[0]


Again = Callable[[], object]
"""What goes on being done until the alerts ring."""


@dataclass(frozen=True)
class Cause:
    """What makes alerts ring, and what ends it."""

    name: str
    what: str
    """What is done, as the table has it."""
    alerts: tuple[str, ...]
    brought: Callable[[Scene], AbstractContextManager[Again | None]]
    """Has it be so as long as its context lasts."""
    stays: tuple[str, ...] = ()
    """Those that ring on when it is over: they look at an hour or more, or nothing ends them here."""
