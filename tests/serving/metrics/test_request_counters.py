import io
import json
import threading
from typing import Any

import pytest
from bundles import HOUSING_ROW
from prometheus_client.parser import text_string_to_metric_families
from running_server import JSON, KEY
from werkzeug.test import Client

from serving.http.access_log import AccessLog
from serving.http.exchange import Answer
from serving.metrics.request_counters import RequestCounters, Series, add, quantiles
from serving.metrics.shared_counters import SharedCounters


def test_requests_are_counted_exactly_by_many_threads() -> None:
    counters = SharedCounters(1)
    requests = RequestCounters(counters, counters.worker(0))

    def count() -> None:
        for _ in range(5000):
            requests.count(Series("/predict", "POST", 200, "housing", "1"), 0.001, 2)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (tally,) = requests.tallies().values()

    assert (tally.requests, tally.rows, sum(tally.buckets)) == (20_000, 40_000, 20_000)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_quantiles_are_right_to_a_bucket(share: float) -> None:
    counters = SharedCounters(1)
    requests = RequestCounters(counters, counters.worker(0))
    for millisecond in range(1, 1001):
        requests.count(Series("/predict", "POST", 200), millisecond / 1000, 1)

    assert quantiles(add(requests.tallies().values()), [share])[0] == pytest.approx(share, rel=0.13)


def test_nothing_counted_has_no_quantile() -> None:
    assert quantiles(add([]), [0.5])[0] is None


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 5000.0])
def test_extreme_latencies_are_counted_too(seconds: float) -> None:
    counters = SharedCounters(1)
    requests = RequestCounters(counters, counters.worker(0))
    requests.count(Series("/predict", "POST", 200), seconds, 1)

    assert add(requests.tallies().values()).requests == 1


def test_metrics_are_in_the_format_of_prometheus(client: Client) -> None:
    for _ in range(7):
        client.post("/predict", json={"data": [HOUSING_ROW] * 2}, headers=JSON)
    text = client.get("/metrics", headers=KEY).get_data(as_text=True)
    samples = {
        (sample.name, sample.labels.get("route"), sample.labels.get("le")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    assert samples["molino_requests_total", "/predict", None] == 7
    assert samples["molino_request_duration_seconds_count", "/predict", None] == 7
    assert samples["molino_request_duration_seconds_bucket", "/predict", "+Inf"] == 7
    assert samples["molino_predicted_rows_total", None, None] == 14


class Torn(list[float]):
    """Memory that is read while a worker counts: what it writes first is there, or what it writes last."""

    def __init__(self, size: int, writes: int) -> None:
        super().__init__([0.0] * size)
        self.writes = writes

    def __setitem__(self, at: Any, value: Any) -> None:
        self.writes -= 1
        if self.writes >= 0:
            super().__setitem__(at, value)


@pytest.mark.parametrize("writes", range(5))
def test_a_histogram_adds_up_while_a_worker_counts(writes: int) -> None:
    counters = SharedCounters(1)
    requests = RequestCounters(counters, counters.worker(0))
    series = Series("/predict", "POST", 200)
    requests.count(series, 0.01, 1)
    whole = requests._vectors[series]
    torn = Torn(len(whole), writes)
    requests._vectors[series] = torn  # type: ignore[assignment]
    requests.count(series, 0.01, 1)
    for at, value in enumerate(torn):
        whole[at] += value

    (tally,) = requests.tallies().values()
    assert tally.requests == sum(tally.buckets)


def test_refused_requests_are_errors_of_the_client(client: Client) -> None:
    client.post("/predict", json={}, headers=JSON)
    client.get("/nothing", headers=KEY)

    assert client.get("/monitor", headers=KEY).json["errors"] == {"client": 2, "server": 0}  # type: ignore[index]


def test_unknown_paths_are_counted_as_one_route(client: Client) -> None:
    for number in range(3):
        client.get(f"/nothing-{number}", headers=KEY)
    routes = client.get("/monitor", headers=KEY).json["routes"]  # type: ignore[index]

    assert [(route["route"], route["requests"]) for route in routes] == [("unmatched", 3)]


def answer(status: int = 200) -> Answer:
    return Answer(status, b"{}", "id-1", model="housing", version='1"', rows=3, caller="key-1")


def test_log_lines_wait_to_be_written_together() -> None:
    stream = io.StringIO()
    log = AccessLog(stream=stream)
    log.write("POST", "/predict", 0.5, answer())
    before = stream.getvalue()
    log.flush()

    assert (before, json.loads(stream.getvalue())["duration_ms"]) == ("", 500)


def test_a_log_line_is_json_whatever_the_path() -> None:
    stream = io.StringIO()
    log = AccessLog(stream=stream)
    log.write("GET", '/"\\\n\x00é\ud800', 0.1, answer())
    log.flush()

    assert json.loads(stream.getvalue())["path"].startswith('/"\\\n\x00é')


def test_a_sample_keeps_failures_of_the_server() -> None:
    stream = io.StringIO()
    log = AccessLog(share=0, stream=stream)
    for status in (200, 404, 500):
        log.write("GET", "/x", 0.1, answer(status))
    log.flush()

    assert [json.loads(line)["status"] for line in stream.getvalue().splitlines()] == [500]
