"""What `/metrics` tells of the processes, as tools for Prometheus read it."""

import resource
import time
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from running_server import KEY, RunningServer, run_server

PROCESS = {
    "process_virtual_memory_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
}


def read(server: RunningServer) -> Mapping[str, float]:
    families = text_string_to_metric_families(server.ask("GET", "/metrics", headers=KEY).body.decode())
    return {sample.name: sample.value for family in families for sample in family.samples if not sample.labels}


def test_the_workers_processes_are_told_together(releases: Path, tmp_path: Path) -> None:
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_WORKERS=2) as server:
        server.wait_for_workers(2)
        told = read(server)
        pids = [worker["pid"] for worker in server.ask("GET", "/monitor").json["workers"]]
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)

    assert told.keys() >= PROCESS
    assert abs(told["process_resident_memory_bytes"] / (pages * resource.getpagesize()) - 1) < 0.1
    assert told["process_max_fds"] == 2 * resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert 0 < time.time() - told["process_start_time_seconds"] < 120
    assert told["process_cpu_seconds_total"] > 0


def test_latency_counts_from_the_first_byte(releases: Path, tmp_path: Path, housing_body: bytes) -> None:
    with run_server(releases, tmp_path / "log", MOLINO_SERVING_WORKERS=1) as server, server.connect() as connection:
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\nX-API-KEY: {KEY['X-API-KEY']}\r\n".encode()
        rest = f"Content-Type: application/json\r\nContent-Length: {len(housing_body)}\r\n\r\n".encode()
        for part in (head, rest + housing_body[:10], housing_body[10:]):
            connection.sendall(part)
            time.sleep(0.3)  # what is measured: time that the client takes
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        families = text_string_to_metric_families(server.ask("GET", "/metrics", headers=KEY).body.decode())
        seconds = [
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == "molino_request_duration_seconds_sum" and sample.labels["route"] == "/predict"
        ]

    assert 0.5 <= sum(seconds) < 5
