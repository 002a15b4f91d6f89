"""Load by wrk, with its answer read as numbers."""

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.bench.serving.fault import BenchError
from tests.bench.serving.question import Question

SCRIPT = Path(__file__).with_name("post.lua")
_ANSWER_TIMEOUT_S = 15


@dataclass(frozen=True)
class Load:
    """What one run of wrk saw. Latencies in ms."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float


def find_wrk() -> str:
    """Return the wrk program.

    Raises:
        BenchError: it isn't installed.
    """
    found = shutil.which("wrk")
    if found is None:
        raise BenchError("wrk is not found: apt-get install wrk")
    return found


def put_load(port: int, asked: Question, connections: int, seconds: float, *, least: int = 1) -> Load:
    """Ask the same question over some connections, each waiting for its answer, for some seconds.

    Raises:
        BenchError: wrk failed, there were fewer than `least` answers, one was not 2xx, or a connection was closed
            before its answer, timed out or couldn't be made.
    """
    with tempfile.NamedTemporaryFile() as body:
        body.write(asked.body)
        body.flush()
        headers = [part for name, value in asked.headers.items() for part in ("-H", f"{name}: {value}")]
        command = [
            find_wrk(), "--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s",
            "--timeout", f"{_ANSWER_TIMEOUT_S}s", "--script", str(SCRIPT), *headers,
            f"http://127.0.0.1:{port}{asked.path}",
        ]  # fmt: skip
        run = subprocess.run(
            command, env={"BENCH_BODY": body.name}, capture_output=True, text=True, check=False, timeout=seconds + 60
        )
    if run.returncode:
        raise BenchError(f"wrk failed: {(run.stderr or run.stdout).strip()[-500:]}")
    seen = json.loads(run.stdout.strip().splitlines()[-1])
    if seen["requests"] < least:
        raise BenchError(f"{seen['requests']} answers to {connections} connections in {seconds:g} s")
    if seen["not_2xx"]:
        raise BenchError(f"{seen['not_2xx']} of {seen['requests']} answers under load were not 2xx")
    if seen["broken"]:
        raise BenchError(
            f"{seen['broken']} connections of {connections} at a time broke beside {seen['requests']} answers to "
            f"bodies of {len(asked.body):,} bytes"
        )
    return Load(
        requests=seen["requests"],
        per_second=seen["requests"] / seen["duration_us"] * 1e6,
        p50_ms=seen["p50_us"] / 1e3,
        p99_ms=seen["p99_us"] / 1e3,
    )
