"""What becomes of a cause's alerts: when they ring, and when no more."""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from http.client import HTTPException

from tests.cluster.waits import until
from tests.e2e.alerts.contract import Again, Cause, Scene
from tests.e2e.alerts.table import Row
from tests.e2e.watching.prometheus import Prometheus

SETTLE_LIMIT, RING_LIMIT, CALM_LIMIT, LATE_LIMIT = 90.0, 600.0, 420.0, 1800.0
PAUSE = 1.0
LOOK_SECONDS = 5.0
"""What rings so soon after the installation is ready had begun to before."""
SHOWN = 300
"""Characters of a fault."""


class Rings:
    """Which alerts ring, asked each second while the context lasts."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self.now: set[str] = set()
        self.first: dict[str, float] = {}
        """When an alert was first seen to ring."""
        self.began: dict[str, float] = {}
        """When it was last seen to begin."""
        self.ended: dict[str, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "Rings":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._stopped.wait(PAUSE):
            try:
                found = self._prometheus.firing()
            except (OSError, HTTPException):  # its port is being forwarded anew
                continue
            self.began |= dict.fromkeys(found - self.now, time.monotonic())
            self.first = self.began | self.first
            self.ended |= dict.fromkeys(self.now - found, time.monotonic())
            self.now = found


class Trial:
    """A cause, brought about once."""

    def __init__(
        self, cause: Cause, scene: Scene, rings: Rings, limit: float = RING_LIMIT, began: float | None = None
    ) -> None:
        self.cause = cause
        self.again: Again | None = None
        self.faults: list[str] = []
        self.is_on = False
        self._scene, self._rings, self._limit = scene, rings, limit
        self._since = began
        """Of what has been so from the beginning."""
        self._began, self._ended = 0.0, 0.0
        self._rang: dict[str, float] = {}
        self._silent: dict[str, float] = {}
        self._stack = ExitStack()

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note what goes wrong, and go on."""
        try:
            yield
        except Exception as error:
            told = " ".join(str(error).split())[:SHOWN]
            self.faults.append(f"{self.cause.name}: {type(error).__name__}: {told}")
            print(f"alerts: {self.faults[-1]}", file=sys.stderr, flush=True)

    def begin(self) -> None:
        """Bring it about, once its alerts are silent."""
        if self._since is None:
            self._settle()
        self._began = self._since or time.monotonic()
        self.again = self._stack.enter_context(self.cause.brought(self._scene))
        self.is_on = True

    def _settle(self) -> None:
        """Wait until none of its alerts rings any more by what came before; note those that do."""
        alerts, forgotten = set(self.cause.alerts), time.monotonic() + SETTLE_LIMIT
        until(
            f"what came before {self.cause.name} forgotten",
            lambda: not alerts & self._rings.now or time.monotonic() > forgotten,
            SETTLE_LIMIT + 5 * PAUSE,
            interval=PAUSE,
        )
        if before := alerts & self._rings.now:
            self.faults.append(f"{self.cause.name}: rang before: {', '.join(sorted(before))}")

    def wait(self, agains: Sequence[Again]) -> None:
        """Wait until its alerts ring, while what must go on being done is done."""

        def all_ring() -> bool:
            for again in agains:
                again()
            return set(self.cause.alerts) <= self._rings.now

        until(f"{' and '.join(self.cause.alerts)} ringing", all_ring, self._limit, interval=PAUSE)
        seen = self._rings.began if self._since is None else self._rings.first
        for alert in self.cause.alerts:
            self._rang[alert] = max(seen[alert] - self._began, 0.0)
            print(f"{alert}: rings after {self._rang[alert]:.0f} s", file=sys.stderr, flush=True)

    def end(self) -> None:
        """End it."""
        self.is_on = False
        self._ended = time.monotonic()
        self._stack.close()

    def calm(self) -> None:
        """Wait until those of its alerts are silent that end with it."""
        ending = set(self._rang) - set(self.cause.stays)
        until(f"{' and '.join(ending)} silent", lambda: not ending & self._rings.now, CALM_LIMIT, interval=PAUSE)
        for alert in sorted(ending):
            self._silent[alert] = max(self._rings.ended[alert] - self._ended, 0.0)
            print(f"{alert}: silent after {self._silent[alert]:.0f} s", file=sys.stderr, flush=True)

    def rows(self) -> Iterator[Row]:
        """Yield the row of each alert that was waited for."""
        fault = f" (**{len(self.faults)} faults**)" if self.faults else ""
        for alert in self.cause.alerts:
            rang = f"{self._rang[alert]:.0f} s" if alert in self._rang else "**not seen**"
            if self._since is not None and self._rang.get(alert, LOOK_SECONDS) < LOOK_SECONDS:
                rang = "from the first look on"
            unseen = "stays" if alert in self.cause.stays else "**not seen**"
            silent = f"{self._silent[alert]:.0f} s" if alert in self._silent else unseen
            yield Row(alert, self.cause.what + fault, rang, silent, date.today())


def try_together(trials: Sequence[Trial]) -> list[str]:
    """Bring causes about, wait for their alerts, and end them, the last one first; return what went wrong."""
    for trial in trials:
        with trial.noted():
            trial.begin()
    agains = [trial.again for trial in trials if trial.again]
    for trial in (one for one in trials if one.is_on):
        with trial.noted():
            trial.wait(agains)
    ended = [trial for trial in reversed(trials) if trial.is_on]
    for trial in ended:
        with trial.noted():
            trial.end()
    for trial in ended:
        with trial.noted():
            trial.calm()
    return [fault for trial in trials for fault in trial.faults]
