"""`make watching`: an installation with its own Prometheus is asked all that rules and panels ask, and alerts ring.

`python -m tests.e2e.watching [--keep]`. What came of it is the section "watching" of `tests/e2e/results.md`; the exit
code is 1 where an expression that should have data had none, a target wasn't up, or an alert didn't arrive.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import date

from molino.contracts.steps import STEP_NAMES
from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.installed import images, models, runs
from tests.e2e.installed.__main__ import cluster_with_images
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import PASSWORD, USER, Installation
from tests.e2e.installed.models import ROWS
from tests.e2e.installed.outage import scaled_to_nothing
from tests.e2e.installed.test_install import EXAMPLE
from tests.e2e.proof import Report
from tests.e2e.watching import stage, telemetry
from tests.e2e.watching.expressions import asked, excuse
from tests.e2e.watching.prometheus import Prometheus, notified

SECTION = "watching"
RUNS = ("watching-1", "watching-2")
MANY = {"data": EXAMPLE["data"] * 100}
"""Rows of one request: drift is told of 500 and more."""
ARRIVE_LIMIT = 60.0
DATA_LIMIT, RING_LIMIT, CALM_LIMIT = 300.0, 600.0, 600.0
IDLE_SECONDS, MOST_BYTES = 60.0, 4 * 2**30
CAUSES = {
    "MolinoServingDown": "deployment/molino-serving",
    "MolinoDatabaseDown": "statefulset/molino-postgres",
}
"""Alerts, and what is scaled to nothing for each."""


def main() -> int:
    """Do it; return 1 where something isn't as it should be."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.watching", description="Ask every rule and panel of a Prometheus on the cluster."
    )
    parser.add_argument("--keep", action="store_true", help="leave the cluster up")
    options = parser.parse_args()
    report = Report()
    try:
        with cluster_with_images(images.WATCHING, keep=options.keep) as cluster, report.broken_off():
            watch(cluster, report)
    finally:
        stage.clear()
    report.write(
        SECTION,
        "What Prometheus sees",
        f"`make watching` on {date.today()}: with `monitoring`'s {', '.join(stage.PARTS)} on, after two runs of a "
        "model and some predictions, and of `telemetry.collector`, a real collector whose messages a pod keeps. "
        "Alerts ring by their cause: a run of rows that aren't well, or what they tell of scaled to nothing.",
    )
    return report.end("watching")


def watch(cluster: Cluster, report: Report) -> None:
    """Do all of it, one after the other."""
    found = stage.installation(cluster)
    train(found)
    with found.forward("prometheus", 9090) as port:
        prometheus = Prometheus(port)
        ask_all(found, prometheus, report)
        telemetry_arrives(found, report)
        idle(cluster, report)
        go_wrong(found, prometheus, report)
        ring(found, prometheus, report)


def train(found: Installation) -> None:
    """Bring a version into service, and a second one of other rows."""
    for times, run_id in enumerate(RUNS, start=1):
        runs.put_rows(found, ROWS, models.dearer(times))
        runs.bring_into_service(found, stage.MODEL, run_id)


def ask_all(found: Installation, prometheus: Prometheus, report: Report) -> None:
    """Ask every expression until each that should has data, while the model is asked for predictions.

    Args:
        found: the installation.
        prometheus: its Prometheus.
        report: where it is told.
    """
    expressions = asked(found.namespace)
    excused = {name for name, expr in expressions.items() if excuse(expr)}
    empty = set(expressions)

    def full() -> bool:
        for path, body in (("/predict", MANY), ("/explain", EXAMPLE)):
            found.ask("POST", f"/models/{stage.MODEL}{path}", body)
        registry.search_experiments()  # MLflow's share of failures is one of requests
        empty.intersection_update(name for name in empty if not prometheus.ask(expressions[name]))
        return empty <= excused

    try:
        with runs.registry(found) as registry:
            until("every expression has data", full, DATA_LIMIT, interval=2)
    except ClusterError:
        for name in sorted(empty - excused):
            report.faults.append(f"{name} has no data: {expressions[name]}")
    report.promise(
        empty <= excused,
        "Expressions of rules and panels",
        f"{len(expressions)}, of which {len(expressions) - len(empty)} have data",
    )
    for why in sorted({excuse(expressions[name]) for name in empty & excused}):
        count = sum(excuse(expressions[name]) == why for name in empty & excused)
        report.say("Without data", f"{count}: {why}")
    down, faults = prometheus.down(), prometheus.faults()
    report.promise(not down, "Targets", f"all up: {', '.join(prometheus.jobs())}" if not down else "; ".join(down))
    report.promise(not faults, "Rules", "all evaluated" if not faults else "; ".join(faults))


def telemetry_arrives(found: Installation, report: Report) -> None:
    """Look for the lines of every component, those of a run and of a request, and the run's spans, at the receiver."""
    run_id = RUNS[-1]
    request = found.ask("POST", f"/models/{stage.MODEL}/predict", EXAMPLE).json["request_id"]
    lines: list[telemetry.Line] = []

    def answered() -> bool:
        lines[:] = telemetry.lines(stage.taken(found, "/v1/logs"))
        return any(line.component == "serving" and line.fields.get("request_id") == request for line in lines)

    until("the line of a request there", answered, ARRIVE_LIMIT, interval=2)
    report.say("Log lines by component", telemetry.by_component(lines))
    containers = {(pod["metadata"]["name"], one["name"]) for pod in found.pods() for one in pod["spec"]["containers"]}
    silent = {pod for pod, _ in containers} - {line.pod for line in lines}
    report.say("Pods without a line", ", ".join(sorted(silent)) or "none")
    tell = sorted({line.component for line in lines if line.names(run_id)})
    missing = [step for step in STEP_NAMES if step not in tell]
    report.promise(not missing, "Components whose lines name a run", f"{len(tell)}: {', '.join(tell)}")
    spans = telemetry.spans(stage.taken(found, "/v1/traces"))
    for first, last in (STEP_NAMES[0], "version"), ("train", STEP_NAMES[-1]):
        steps = STEP_NAMES[STEP_NAMES.index(first) : STEP_NAMES.index(last) + 1]
        trace = telemetry.trace_of(spans, run_id, last)
        names = [span.fields["molino.step"] for span in trace if "molino.step" in span.fields]
        whole = set(names) == set(steps) and len({span.trace_id for span in trace}) == 1
        told = sum(line.trace_id == trace[0].trace_id for line in lines) if trace else 0
        services = ", ".join(f"{name} {count}" for name, count in sorted(Counter(s.service for s in trace).items()))
        orphans = telemetry.unrooted(trace)
        report.promise(
            whole and not orphans,
            f"Spans of one trace, {first} to {last}",
            f"{len(trace)} ({services}); {told} log lines name it"
            + (f"; without parent: {orphans}" if orphans else ""),
        )


def idle(cluster: Cluster, report: Report) -> None:
    """Measure the memory of all pods, once nothing runs."""
    if cluster.in_docker:
        return
    time.sleep(IDLE_SECONDS)  # what is measured is a cluster that is left alone
    memory = cluster.memory_bytes()
    report.promise(memory < MOST_BYTES, "Memory of all pods, idle", f"{memory / 2**30:.2f} GiB")


def go_wrong(found: Installation, prometheus: Prometheus, report: Report) -> None:
    """Run over rows that aren't well, each time until the alerts that tell of it ring."""
    with found.forward("airflow-api-server", 8080) as port:
        airflow = Airflow(f"http://127.0.0.1:{port}", USER, PASSWORD)
        for run_id, (change, alerts) in stage.BAD_RUNS.items():
            runs.put_rows(found, ROWS, change)
            runs.start(airflow, stage.MODEL, run_id)
            began = time.monotonic()
            for alert in alerts:
                rang = arrive(f"{alert} rings", alert, prometheus.firing, began)
                report.say(alert, f"rings {rang:.0f} s after the run {run_id} began")


def ring(found: Installation, prometheus: Prometheus, report: Report) -> None:
    """Have each alert ring by its cause, arrive where messages go, and end."""
    began = time.monotonic()
    with scaled_to_nothing(found, *CAUSES.values()), found.forward("alertmanager", 9093) as port:
        for alert in CAUSES:
            rang = arrive(f"{alert} rings", alert, prometheus.firing, began)
            arrive(f"Alertmanager knows {alert}", alert, lambda: notified(port), began)
            told = arrive(f"{alert} is told", alert, lambda: stage.told(found), began)
            report.say(alert, f"rings after {rang:.0f} s, is told by webhook after {told:.0f} s")
    found.wait_ready()
    until("none rings", lambda: not CAUSES.keys() & prometheus.firing(), CALM_LIMIT, interval=1)
    report.say("Both, once what they tell of is back", "silent")


def arrive(what: str, alert: str, among: Callable[[], set[str]], began: float) -> float:
    """Return the seconds until an alert is among those of a place."""
    until(what, lambda: alert in among(), RING_LIMIT, interval=1)
    return time.monotonic() - began


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterError as error:
        sys.exit(f"watching: {error}")
