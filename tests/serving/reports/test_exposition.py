"""What `/metrics` tells of the processes, as tools for Prometheus read it."""

import json
import resource
import time
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from running_server import KEY, RunningServer, run_server

from molino.contracts.pointer import write_pointer
from molino.contracts.release import Release

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


def samples(server: RunningServer) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return labels and value of each sample, by its name."""
    told: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(server.ask("GET", "/metrics", headers=KEY).body.decode()):
        for sample in family.samples:
            told.setdefault(sample.name, []).append((sample.labels, sample.value))
    return told


def test_releases_tell_their_age_origin_and_metrics(server: RunningServer, releases: Path) -> None:
    release = Release.model_validate_json((releases / "housing" / "1" / "release.json").read_text())
    told = samples(server)
    named = {"model": "housing", "version": "1"}
    (info,) = (labels for labels, value in told["molino_model_info"] if labels["model"] == "housing" and value == 1)

    assert info == named | {
        "task": "regression",
        "candidate": release.lineage.candidate,
        "run_id": release.lineage.run_id,
        "data_revision": release.lineage.data_revision,
    }
    assert (named, release.created.timestamp()) in told["molino_model_created_timestamp_seconds"]
    for name, end in (("score", "value"), ("score_low", "low"), ("score_high", "high")):
        found = {
            labels["metric"]: value for labels, value in told[f"molino_model_{name}"] if labels["model"] == "housing"
        }
        assert found == {metric: getattr(score, end) for metric, score in release.metrics.items()}


def test_the_level_of_drift_is_told_where_there_are_rows_enough(
    own_releases: Path, tmp_path: Path, housing_body: bytes
) -> None:
    rows = json.loads(housing_body)["data"] * 100
    drifted = json.dumps({"data": [[1e5, *row[1:]] for row in rows]}).encode()
    with run_server(own_releases, tmp_path / "log", MOLINO_SERVING_WORKERS=1) as server:
        few = samples(server)
        for _ in range(8):
            assert server.ask("POST", "/models/housing/predict", drifted).status == 200
        told = samples(server)
        monitored = server.ask("GET", "/monitor").json["models"]["housing"]["drift"]
        write_pointer(own_releases, {"housing": "1", "penguins": "9"})
        server.wait(
            "a model that fails", lambda: ({"model": "penguins"}, 1.0) in samples(server)["molino_model_failed"]
        )
        (own_releases / "deployed.json").write_text("[]")
        server.wait("the pointer's failure", lambda: samples(server)["molino_pointer_failed"] == [({}, 1.0)])

    assert "molino_drift_level" not in few
    assert few["molino_pointer_failed"] == [({}, 0.0)]
    levels = {labels["feature"]: value for labels, value in told["molino_drift_level"] if labels["window"] == "3600"}
    assert levels == {
        feature: {"none": 0, "moderate": 1, "major": 2}[drift["windows"][0]["level"]]
        for feature, drift in monitored.items()
    }
    assert levels["crim"] == 2


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
