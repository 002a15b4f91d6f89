"""`python -m tests.bench.soak`: many requests to our server, right and wrong ones, then look at counters and memory.

After N requests `/metrics` and `/monitor` must have gone up by exactly N over all workers, by status and by rows; and
200,000 requests must leave memory within 2 %. The outcome is the section "soak" of `tests/bench/results.md`.
"""

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from prometheus_client.parser import text_string_to_metric_families

from tests.bench.results import RESULTS, write_section
from tests.bench.serving.counted import send_counted
from tests.bench.serving.fault import BenchError
from tests.bench.serving.model import trained_model
from tests.bench.serving.peers import OURS, PEERS
from tests.bench.serving.processes import members, memory_mb
from tests.bench.serving.question import Question
from tests.bench.serving.server import Ready, Running, get_ready, running

REQUESTS = 200_000
WARM_REQUESTS = 20_000
LOOKS = 10
"""How often memory is looked at on the way: it swings by some per cent as the allocator gives pages back, so that two
looks alone would tell the swing and not a growth."""
GROWTH = 0.02
BULK_EVERY = 50
"""One request in so many has 1,000 rows."""
ROUTE = "/predict"


@dataclass(frozen=True)
class Counters:
    """What the server has counted for its predict route."""

    metrics: Counter[int]
    """Requests by status, of /metrics."""
    rows: int
    monitor: int
    """Requests, of /monitor."""


@dataclass(frozen=True)
class Soaked:
    """What was sent and what was seen."""

    sent: Counter[int]
    rows: int
    before: Counters
    after: Counters
    memory_before_mb: float
    memory_after_mb: float
    seconds: float

    @property
    def growth(self) -> float:
        """Memory after to memory before, less one."""
        return self.memory_after_mb / self.memory_before_mb - 1

    def faults(self) -> list[str]:
        """Return what is not as it must be."""
        told = self.after.metrics - self.before.metrics
        pairs = {
            "/metrics requests by status": (dict(told), dict(self.sent)),
            "/metrics rows": (self.after.rows - self.before.rows, self.rows),
            "/monitor requests": (self.after.monitor - self.before.monitor, self.sent.total()),
        }
        faults = [f"{name}: told {told}, sent {sent}" for name, (told, sent) in pairs.items() if told != sent]
        if self.growth > GROWTH:
            faults.append(f"memory grew by {self.growth:.1%}, at most {GROWTH:.0%} was allowed")
        return faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak; return 1 where a counter or the memory is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description="Soak our server with requests.")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="fewer are printed and not written")
    options = parser.parse_args(arguments)
    ours = next(peer for peer in PEERS if peer.name == OURS)
    try:
        with tempfile.TemporaryDirectory(prefix="molino-soak-") as folder:
            ready = get_ready(ours, trained_model(), Path(folder) / OURS)
            with running(ready) as server:
                soaked = soak(server, ready, options.requests)
    except BenchError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    text = section(soaked)
    if options.requests < REQUESTS:
        print(text)
    else:
        write_section("soak", text)
        print(f"Written to {RESULTS}", file=sys.stderr)
    for fault in soaked.faults():
        print(f"soak: {fault}", file=sys.stderr)
    return 1 if soaked.faults() else 0


def soak(server: Running, ready: Ready, total: int) -> Soaked:
    """Warm the server up, note counters and memory, send the requests, and note both again."""
    mix = questions(ready)
    send_counted(server.port, mix, WARM_REQUESTS)
    before, looks = read_counters(server.port, ready), []
    sent: Counter[tuple[int, int]] = Counter()
    began = time.perf_counter()
    for _ in range(LOOKS):
        sent += send_counted(server.port, mix, total // LOOKS)
        looks.append(memory_mb(members(server.process.pid)))
    took = time.perf_counter() - began
    statuses: Counter[int] = Counter()
    for (_, status), count in sent.items():
        statuses[status] += count
    after = read_counters(server.port, ready)
    memory_before, memory_after = median(looks[: LOOKS // 2]), median(looks[LOOKS // 2 :])
    rows = LOOKS * sum(row_count(mix[number % len(mix)], ready) for number in range(total // LOOKS))
    return Soaked(statuses, rows, before, after, memory_before, memory_after, took)


def questions(ready: Ready) -> list[Question]:
    """Return a mix: mostly one row, some of 1,000 rows, and each kind of refusal."""
    wrong = [
        replace(ready.one, body=b"{"),
        replace(ready.one, body=b'{"data": [[1, 2]]}'),
        replace(ready.one, headers={**ready.one.headers, "X-API-KEY": "wrong"}),
        replace(ready.one, headers={**ready.one.headers, "Content-Type": "text/plain"}),
    ]
    return [*[ready.one] * (BULK_EVERY - len(wrong) - 1), *wrong, ready.many]


def row_count(asked: Question, ready: Ready) -> int:
    """Return how many rows of a question of the mix are answered."""
    if asked == ready.many:
        return len(ready.expected)
    return 1 if asked == ready.one else 0


def read_counters(port: int, ready: Ready) -> Counters:
    """Read /metrics and /monitor."""
    families = {f.name: f.samples for f in text_string_to_metric_families(_get(port, "/metrics", ready).decode())}
    statuses: Counter[int] = Counter()
    for sample in families["molino_requests"]:
        if sample.name == "molino_requests_total" and sample.labels["route"] == ROUTE:
            statuses[int(sample.labels["status"])] += int(sample.value)
    rows = sum(int(s.value) for s in families.get("molino_predicted_rows", []) if s.name.endswith("_total"))
    routes = json.loads(_get(port, "/monitor", ready))["routes"]
    return Counters(statuses, rows, sum(entry["requests"] for entry in routes if entry["route"] == ROUTE))


def section(soaked: Soaked) -> str:
    """Return the section of the results."""
    by_status = ", ".join(f"{count:,} × {status}" for status, count in sorted(soaked.sent.items()))
    faults = "".join(f"- {fault}\n" for fault in soaked.faults()) or "- every counter equals what was sent\n"
    return (
        "## Soak\n\n"
        f"{soaked.sent.total():,} requests over 32 connections in {soaked.seconds:.0f} s ({by_status}), "
        f"{soaked.rows:,} rows, after {WARM_REQUESTS:,} to warm up.\n\n"
        f"{faults}"
        f"- memory of all processes (proportional set size): {soaked.memory_before_mb:.1f} MB in the first half, "
        f"{soaked.memory_after_mb:.1f} MB in the second (medians of {LOOKS // 2} looks each): {soaked.growth:+.2%} "
        f"(at most {GROWTH:+.0%})\n"
    )


def _get(port: int, path: str, ready: Ready) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=ready.peer.headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise BenchError(f"GET {path} answered {answer.status}: {body[:200].decode(errors='replace')}")
    return body


if __name__ == "__main__":
    sys.exit(main())
