from dataclasses import replace

import pytest

from tests.bench.serving.load import Load
from tests.bench.serving.measure import BULK, CROWD, SINGLE, Outcome, Visit
from tests.bench.serving.peers import COLUMNS, OURS, PEERS, V2
from tests.bench.serving.targets import verdicts

NAMES = {peer.name: peer for peer in PEERS}


def outcome(name: str, per_second: float, p50_ms: float = 1.0, *, start_s: float = 1.0) -> Outcome:
    load = Load(requests=100, per_second=per_second, p50_ms=p50_ms, p99_ms=9.0)
    visit = Visit(start_s, 200.0, dict.fromkeys((SINGLE, CROWD, BULK), load), {CROWD: 50.0, BULK: 50.0})
    return Outcome(NAMES[name], visits=[visit])


def said(*outcomes: Outcome) -> dict[str, str]:
    return {verdict.target: verdict.said for verdict in verdicts(outcomes)}


@pytest.mark.parametrize(("theirs", "verdict"), [(50.0, "reached"), (50.1, "missed")])
def test_times_faster(theirs: float, verdict: str) -> None:
    told = said(outcome(OURS, 10_000), outcome("flask-keras", theirs))
    assert told[f"req/s at 32 connections, to {NAMES['flask-keras'].title}"] == verdict


@pytest.mark.parametrize(("ours", "verdict"), [(0.9, "reached"), (1.0, "missed")])
def test_p50_must_be_lower_than_each(ours: float, verdict: str) -> None:
    told = said(outcome(OURS, 10, ours), outcome("kserve", 1, 2.0), outcome("fastapi", 1, 1.0))
    assert told["p50 at one connection"] == verdict


def test_processor_time_is_held_against_fastapi() -> None:
    ours = outcome(OURS, 10)
    for theirs, verdict in ((90.0, "reached"), (89.0, "missed")):
        other = outcome("fastapi", 1)
        other.visits[0].cpu_us[CROWD] = theirs
        told = said(ours, other)
        assert told[f"processor time per request at 32 connections, to {NAMES['fastapi'].title}"] == verdict


@pytest.mark.parametrize("name", [V2, COLUMNS])
@pytest.mark.parametrize(("cpu", "verdict"), [(65.0, "reached"), (66.0, "missed")])
def test_other_forms_cost_hardly_more(name: str, cpu: float, verdict: str) -> None:
    other = outcome(name, 10)
    other.visits[0].cpu_us[BULK] = cpu
    target = f"processor time per request of 1,000 rows, {NAMES[name].title} to {NAMES[OURS].title}"
    assert said(outcome(OURS, 10), other)[target] == verdict


def test_v2_is_held_against_v2() -> None:
    told = said(outcome(OURS, 1), outcome(V2, 10), outcome("kserve-v2", 5), outcome("mlserver-onnx", 20))
    verdicts_of = [
        told[f"1,000-row requests by /v2, to {NAMES[name].title}"] for name in ("kserve-v2", "mlserver-onnx")
    ]
    assert verdicts_of == ["reached", "missed"]


@pytest.mark.parametrize("name", [V2, "limit-asgi"])
def test_limit_and_rows_of_our_own_are_no_peers(name: str) -> None:
    told = said(outcome(OURS, 10, 0.5), outcome("fastapi", 1, 1.0), outcome(name, 99, 0.1))
    assert told["p50 at one connection"] == "reached"


def test_slow_start_is_missed() -> None:
    assert said(outcome(OURS, 10, start_s=1.6))["start to the first answer"] == "missed"


def test_peer_that_failed_is_not_measured() -> None:
    failed = replace(outcome("bentoml", 1), visits=[], fault="round 1: ended by itself")
    told = said(outcome(OURS, 10), failed)
    assert told[f"req/s at 32 connections, to {NAMES['bentoml'].title}"] == "not measured"
