"""Steps as processes of their own, killed when they have said something."""

import json
import os
import subprocess
import sys
from pathlib import Path

from trained_run import TrainedRun

ROOT = Path(__file__).parents[2]


def start_step(run: TrainedRun, step: str) -> subprocess.Popen[str]:
    """Start `molino step`; its log comes line by line from stderr."""
    command = [sys.executable, "-m", "molino", "step", step, "--model", run.model, "--run-id", run.run_id]
    return subprocess.Popen(
        command, env={**os.environ, **run.environment(), "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    )


def kill_after(run: TrainedRun, step: str, event: str) -> None:
    """Start a step and kill it (SIGKILL) once it has logged an event; it must not have ended by then."""
    process = start_step(run, step)
    assert process.stderr is not None
    seen = []
    try:
        for line in process.stderr:
            seen.append(line)
            if line.startswith("{") and json.loads(line)["event"] == event:
                break
        else:
            raise AssertionError(f"{step} never logged {event!r}: {''.join(seen)}")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    assert not run.store.exists(f"runs/{run.model}/{run.run_id}/{step}.json"), f"{step} ended before it was killed"
