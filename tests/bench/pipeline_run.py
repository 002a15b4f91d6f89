"""How long `molino run` takes from nothing to its answer, and again: `python -m tests.bench.pipeline_run`."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.machine import describe_machine
from tests.bench.results import write_section
from tests.bench.serving.server import free_ports

ROOT = Path(__file__).resolve().parents[2]
TARGET_SECONDS = 60


def run(home: Path, model: str) -> tuple[float, dict[str, float]]:
    """Run a model to its answer; return the seconds in all and of each step.

    Raises:
        subprocess.CalledProcessError: the run failed.
    """
    with free_ports(3) as found:
        ports = dict(zip(("--port", "--mlflow-port", "--tensorboard-port"), map(str, found), strict=True))
    command = [sys.executable, "-m", "molino", "run", "--model", model, "--once"]
    command += [word for pair in ports.items() for word in pair]
    began = time.monotonic()
    environment = {**os.environ, "MOLINO_HOME": str(home)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    seconds = time.monotonic() - began
    events = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    return seconds, {event["step"]: event["seconds"] for event in events if event.get("event") == "step ended"}


def main() -> None:
    """Measure, and write the section."""
    parser = argparse.ArgumentParser(description="Measure the whole run.")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    lines = [
        "## The whole run\n",
        describe_machine(),
        f"`molino run --once` from an empty home to the answer of `/predict`, packages installed; medians of "
        f"{options.rounds} rounds, in seconds. The target is {TARGET_SECONDS} for housing. `again` is a second run in "
        "the same home, which takes up what is there.\n",
    ]
    for model in ("housing", "penguins"):
        rounds = []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory(prefix="molino-pipeline_run-") as folder:
                first, steps = run(Path(folder), model)
                again, _ = run(Path(folder), model)
                rounds.append({**steps, "in all": first, "again": again})
        if model == "housing":
            lines += [f"| model | {' | '.join(rounds[0])} |", f"| --- |{' ---: |' * len(rounds[0])}"]
        medians = (statistics.median(one[name] for one in rounds) for name in rounds[0])
        lines.append(f"| {model} | {' | '.join(f'{seconds:.1f}' for seconds in medians)} |")
    text = "\n".join(lines) + "\n"
    write_section("pipeline run", text)
    print(text)


if __name__ == "__main__":
    main()
