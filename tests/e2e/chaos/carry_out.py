"""Carries out one break after the other; what goes wrong in one is its row, and the next one's turn comes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from tests.cluster.waits import until
from tests.e2e.chaos.contract import Break
from tests.e2e.chaos.judge import judge
from tests.e2e.chaos.look import Look
from tests.e2e.chaos.scene import Scene
from tests.e2e.chaos.table import Row

ANSWER_LIMIT = 120.0


def carry_out(broken: Break, scene: Scene, look: Look, command: str) -> Row:
    """Break, heal, wait until all is well, look and judge."""
    scene.begin()
    faults: list[str] = []
    told: list[str] = []
    if missing := broken.missing(scene):
        scene.notes.append(f"not done: {missing}")
    else:
        began = time.monotonic()
        with _noted(faults):
            _do(broken, scene, faults)
        with _noted(faults):
            seen = look(scene.ended, scene.prober.since(began))
            judged = judge(seen, broken.answers)
            faults += [f"{promise}: {fault}" for promise, found in judged.items() for fault in found]
            faults += broken.faults(scene, [run.states for run in seen.runs])
            told = [*dict.fromkeys(run.told for run in seen.runs), seen.probed.told]
    new = [fault for fault in faults if fault not in scene.told]
    scene.told |= set(faults)
    what = broken.what.format(points=scene.points)
    seconds = max(scene.seconds, default=None)
    today = datetime.now().date()
    return Row(broken.name, what, broken.promised, (*scene.notes, *told), tuple(new), seconds, command, today)


def _do(broken: Break, scene: Scene, faults: list[str]) -> None:
    """Break, heal, and wait until all is well."""
    started = broken.start(scene)
    try:
        with _noted(faults):
            broken.harm(scene, started)
    finally:
        broken.heal(scene)
    scene.ended += [scene.end(run) for run in started]
    scene.installation.wait_ready()
    until("an answer of /predict", scene.prober.answers, ANSWER_LIMIT)
    scene.well()


@contextmanager
def _noted(faults: list[str]) -> Iterator[None]:
    """Note what goes wrong, whatever it is: it is this break's alone."""
    try:
        yield
    except Exception as error:
        faults.append(f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}")
