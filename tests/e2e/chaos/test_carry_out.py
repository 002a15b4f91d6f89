import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from tests.e2e.chaos.carry_out import carry_out
from tests.e2e.chaos.contract import Break
from tests.e2e.chaos.scene import Scene
from tests.e2e.chaos.seen import Probed, Run, Seen
from tests.e2e.installed.runs import StartedRun

NOTHING = Seen((), (), (), (), (), (), Probed(10, (), 0.1))


class Harmless(Break):
    name, what, models = "harmless", "nothing, {points} times", ()
    healed = False

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        scene.mark()

    def heal(self, scene: Scene) -> None:
        self.healed = True


class CutOff(Harmless):
    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        scene.mark()
        raise RuntimeError("kubectl can't be found\nand more")


class NotHere(Harmless):
    def missing(self, scene: Scene) -> str | None:
        return "no disk of its own"

    def harm(self, scene: Scene, started: Sequence[StartedRun]) -> None:
        raise AssertionError("done all the same")


@pytest.fixture
def scene() -> Scene:
    installation: Any = SimpleNamespace(wait_ready=lambda: None)
    prober: Any = SimpleNamespace(answers=lambda: True, since=lambda began: NOTHING.probed)
    nobody: Any = None
    return Scene(installation, nobody, nobody, prober, ThreadPoolExecutor(1), random.Random(1), 3, "1")


def look(seen: Seen) -> Any:
    return lambda ended, probed: seen


def test_a_break_that_breaks_no_promise_is_a_row_without_faults(scene: Scene) -> None:
    row = carry_out(Harmless(), scene, look(NOTHING), "make chaos")
    assert (row.faults, row.what) == ((), "nothing, 3 times")
    assert row.seconds is not None


def test_a_break_that_was_cut_off_is_healed_and_judged(scene: Scene) -> None:
    broken = CutOff()
    orphaned = Seen((), (), (), (), (), ("train-a",), Probed(10, (), 0.1))
    row = carry_out(broken, scene, look(orphaned), "make chaos")
    assert row.faults == ("RuntimeError: kubectl can't be found", "no orphan after 10 minutes: train-a")
    assert broken.healed


def test_a_fault_is_told_of_the_break_that_has_caused_it_alone(scene: Scene) -> None:
    left = Seen((), (), (("homes", "9"),), (), (), (), Probed(10, (), 0.1))
    assert carry_out(Harmless(), scene, look(left), "make chaos").faults
    assert carry_out(Harmless(), scene, look(left), "make chaos").faults == ()


def test_a_run_that_ends_otherwise_than_promised_is_a_fault(scene: Scene) -> None:
    failed = Seen((Run("homes", "r1", ("failed", None)),), (), (), (), (), (), Probed(10, (), 0.1))
    row = carry_out(Harmless(), scene, look(failed), "make chaos")
    assert row.faults == ("a run ended as failed and None",)


def test_what_a_cluster_lacks_is_said_and_not_done(scene: Scene) -> None:
    row = carry_out(NotHere(), scene, look(NOTHING), "make chaos")
    assert (row.happened, row.faults, row.seconds) == (("not done: no disk of its own",), (), None)
