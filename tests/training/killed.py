"""Steps as processes of their own, killed when they have said something."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from trained_run import TrainedRun

from tests.warm import run_warm

ROOT = Path(__file__).parents[2]
KILLED_STEP = Path(__file__).with_name("killed_step.py")


def start_step(run: TrainedRun, step: str) -> subprocess.Popen[str]:
    """Start `molino step`; its log comes line by line from stderr."""
    return subprocess.Popen(
        [sys.executable, "-m", "molino", *words(run, step)], env=environment(run), stderr=subprocess.PIPE, text=True
    )


def kill_after(run: TrainedRun, step: str, event: str) -> None:
    """Run a step that is killed (SIGKILL) as it logs an event; it must not have ended by then."""
    done = run_warm([KILLED_STEP, event, *words(run, step)], env=environment(run))
    assert done.returncode == -signal.SIGKILL, f"{step} never logged {event!r}: {done.stderr}"
    assert not run.store.exists(f"runs/{run.model}/{run.run_id}/{step}.json"), f"{step} ended before it was killed"


def words(run: TrainedRun, step: str) -> list[str]:
    return ["step", step, "--model", run.model, "--run-id", run.run_id]


def environment(run: TrainedRun) -> dict[str, str]:
    return {**os.environ, **run.environment(), "PYTHONPATH": str(ROOT)}
