"""Steps as processes of their own, killed when they have said something."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from trained_run import TrainedRun

ROOT = Path(__file__).parents[2]
KILLED_STEP = Path(__file__).with_name("killed_step.py")


def start_step(run: TrainedRun, step: str, *program: str) -> subprocess.Popen[str]:
    """Start `molino step`, or what another program makes of it; its log comes line by line from stderr."""
    command = [sys.executable, *(program or ("-m", "molino"))]
    command += ["step", step, "--model", run.model, "--run-id", run.run_id]
    return subprocess.Popen(
        command, env={**os.environ, **run.environment(), "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    )


def kill_after(run: TrainedRun, step: str, event: str) -> None:
    """Run a step that is killed (SIGKILL) as it logs an event; it must not have ended by then."""
    process = start_step(run, step, str(KILLED_STEP), event)
    _, seen = process.communicate()
    assert process.returncode == -signal.SIGKILL, f"{step} never logged {event!r}: {seen}"
    assert not run.store.exists(f"runs/{run.model}/{run.run_id}/{step}.json"), f"{step} ended before it was killed"
