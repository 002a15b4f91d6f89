"""Asks `/predict` through the ingress from its entry to its exit, as a client that waits for each answer."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from tests.e2e.chaos.seen import Probed
from tests.e2e.installed.installation import KEY, Installation
from tests.e2e.installed.test_install import EXAMPLE

PAUSE = 0.2
PATIENCE = 10.0
"""Seconds that a question waits for its answer."""


@dataclass(frozen=True)
class Probe:
    """One question and its end, in seconds of `time.monotonic`."""

    asked: float
    ended: float
    failure: str | None


class Prober:
    """Asks one model after the other, on a new connection each time."""

    def __init__(self, installation: Installation, models: Iterable[str]) -> None:
        self._address = installation.cluster.address
        self._models = tuple(models)
        self._probes: list[Probe] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, daemon=True)

    def __enter__(self) -> "Prober":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def since(self, began: float) -> Probed:
        """Return what became of the questions that were asked from a moment on."""
        return summed([probe for probe in list(self._probes) if probe.asked >= began], began, time.monotonic())

    def answers(self) -> bool:
        """Tell whether the last question was answered."""
        return bool(self._probes) and self._probes[-1].failure is None

    def _ask_on(self) -> None:
        for model in itertools.cycle(self._models):
            asked = time.monotonic()
            failure = self._ask(model)
            self._probes.append(Probe(asked, time.monotonic(), failure))
            if self._stopped.wait(PAUSE):
                return

    def _ask(self, model: str) -> str | None:
        headers = {"X-API-KEY": KEY, "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(self._address, 80, timeout=PATIENCE)
        try:
            connection.request("POST", f"/models/{model}/predict", json.dumps(EXAMPLE), headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        finally:
            connection.close()
        if answer.status != 200:
            return f"status {answer.status}"
        return None if json.loads(body)["predictions"] else "no prediction"


def summed(probes: list[Probe], began: float, ended: float) -> Probed:
    """Return the counts, and the longest time without an answer between two moments."""
    moments = [began, *(probe.ended for probe in probes if probe.failure is None), ended]
    gap = max(later - earlier for earlier, later in itertools.pairwise(moments))
    failures = tuple(probe.failure for probe in probes if probe.failure is not None)
    return Probed(len(probes) - len(failures), failures, gap)
