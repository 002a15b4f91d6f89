"""What a cause of alerts is, and what it has at hand."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.watch import PodWatch
from tests.e2e.watching.prometheus import Prometheus


@dataclass(frozen=True)
class Scene:
    """The installation, and the ways to it."""

    installation: Installation
    airflow: Airflow
    prometheus: Prometheus
    pods: PodWatch
    executor: ThreadPoolExecutor


Again = Callable[[], object]
"""What goes on being done until the alerts ring."""
Brought = AbstractContextManager[Again | None]


@dataclass(frozen=True)
class Cause:
    """What makes alerts ring, and what ends it."""

    name: str
    what: str
    """What is done, as the table has it."""
    alerts: tuple[str, ...]
    brought: Callable[[Scene], Brought]
    """Has it be so as long as its context lasts."""
    stays: frozenset[str] = field(default=frozenset())
    """Those that ring on for a while once it is over, since they look at an hour or more."""
    late: bool = False
    """Takes minutes: it is begun before others, and waited for after them."""
