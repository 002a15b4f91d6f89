"""`make scale`: two of everything that may be two, under load that doubles, and with a pod of each kind killed.

`python -m tests.e2e.scale [--requests N] [--keep]`. Serving's pods come and go by metrics-server and Kubernetes' own
autoscaler; of Airflow's two schedulers one is killed while four models' runs are at work, and one of MinIO's four pods
is away for a run. What happened is the section "scale" of `tests/e2e/results.md`; the exit code is 1 where a promise
was broken.
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from molino.contracts.steps import STEP_NAMES
from tests.cluster import addons
from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.installed import images, models, runs
from tests.e2e.installed.__main__ import cluster_with_images
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import PASSWORD, USER, Installation
from tests.e2e.installed.load import Load
from tests.e2e.installed.runs import PipelineRun
from tests.e2e.installed.test_install import EXAMPLE
from tests.e2e.installed.watch import PodWatch
from tests.e2e.proof import Report
from tests.e2e.scale import pods, stage
from tests.e2e.scale.stage import MODELS

REQUESTS = 50_000
PER_SECOND = 200.0
"""Requests before they double."""
CONNECTIONS = 8
AIM = 0.65
"""Share of its target that the processor time of the first load is: the doubled one is well above it."""
STEADY_SECONDS = 60.0
"""That the first load must bring no pod; the autoscaler looks each 15 s."""
WATCHED = "homes"


def main() -> int:
    """Bring it up, and do both; return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.scale", description="Two of everything, under load.")
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--keep", action="store_true", help="leave the cluster and the installation up")
    options = parser.parse_args()
    report = Report()
    with (
        cluster_with_images((addons.METRICS_SERVER, *images.POOLING), keep=options.keep) as cluster,
        report.broken_off(),
    ):
        prove(cluster, report, options.requests)
    again = "make scale" if options.requests == REQUESTS else f'make scale ARGS="--requests {options.requests}"'
    report.write(
        "scale",
        "Two of everything, one of them killed",
        f"`{again}` on {date.today()}: on one node, with metrics-server, two pods of each part that may have several. "
        f"Requests of one row come through the ingress over {CONNECTIONS} connections at a rate, "
        f"{PER_SECOND:.0f} a second and then twice as many.",
    )
    return report.end("scale")


def prove(cluster: Cluster, report: Report, requests: int) -> None:
    """Do all of it, one after the other."""
    cluster.add_metrics()
    with report.time("From `helm install` until every pod is ready"):
        found = stage.install(cluster)
    counted = stage.replicas(found)
    report.say("Pods", ", ".join(f"{part} {count}" for part, count in counted.items()))
    with found.forward("airflow-api-server", 8080) as port, PodWatch(found) as watch:
        airflow = Airflow(f"http://127.0.0.1:{port}", USER, PASSWORD)
        airflow.wait_dags({f"{model}_{group}" for model in MODELS for group in ("data", "model")})
        schedulers(found, airflow, watch, report)
        without_a_volume(found, airflow, report)
    load_doubles(found, report, requests)


def schedulers(found: Installation, airflow: Airflow, watch: PodWatch, report: Report) -> None:
    """Have four models' runs at work at once, and kill one of the schedulers that hold their tasks."""
    source = runs.put_rows(found, "scale")
    shared, own = pods.connections(found)
    report.promise(shared > 0, "Connections to Postgres that PgBouncer shares out; others", f"{shared}; {own}")
    began = time.monotonic()
    with ThreadPoolExecutor(len(MODELS)) as pool:
        started = [runs.start(airflow, model, f"scale-{model}", source=source) for model in MODELS]
        first = next(one for one in started if one.model == WATCHED)
        first.trained()
        watch.wait(first.run_id, "train", started=True)
        killed, _ = pods.kill(found, "airflow-scheduler")
        ended: list[PipelineRun] = list(pool.map(lambda one: one.end(), started))
    report.say("Runs of four models at once, one of two schedulers killed", f"{time.monotonic() - began:.0f} s")
    states = {run.model: run.states for run in ended}
    report.promise(
        all(state == ("success", "success") for state in states.values()),
        f"How they ended, {killed} killed by KILL while train was at work",
        ", ".join(f"{model} {' and '.join(state)}" for model, state in states.items()),
    )
    with runs.store(found) as store:
        whole = {run.model: list(runs.records(store, run.model, run.run_id)) == list(STEP_NAMES) for run in ended}
    report.promise(all(whole.values()), "Records of all six steps", f"{sum(whole.values())} of {len(whole)}")
    with runs.registry(found) as registry:
        versions = {model: len(registry.search_model_versions(f"name = '{model}'")) for model in MODELS}
    report.promise(set(versions.values()) == {1}, "Versions of each model", str(sorted(versions.values())))
    served = {model: runs.served_version(found, model) for model in MODELS}
    report.promise(set(served.values()) == {"1"}, "Served", f"version 1 of {list(served.values()).count('1')} models")
    found.wait_ready()


def without_a_volume(found: Installation, airflow: Airflow, report: Report) -> None:
    """Take one of MinIO's pods away, run a model on other rows meanwhile, and bring it back."""
    name, last = found.name("minio"), stage.OF_MINIO - 1
    found.kubectl("scale", f"--replicas={last}", "statefulset", name)
    until("one of MinIO's pods gone", lambda: len(found.component_pods("minio")) == last, 120)
    source = runs.put_rows(found, "scale-again", models.dearer())
    ended = runs.run_pipeline(airflow, WATCHED, "scale-without", source=source)
    report.promise(
        ended.states == ("success", "success"),
        f"A run without one of MinIO's {stage.OF_MINIO} pods and its volume",
        " and ".join(ended.states),
    )
    with runs.store(found) as store:
        kept = runs.records(store, WATCHED, "scale-without")
    report.promise(list(kept) == list(STEP_NAMES), "Its records, read without it", f"{len(kept)} of {len(STEP_NAMES)}")
    began = time.monotonic()
    found.kubectl("scale", f"--replicas={stage.OF_MINIO}", "statefulset", name)
    found.wait_ready()
    report.say("The pod back, until all are ready", f"{time.monotonic() - began:.0f} s")


def load_doubles(found: Installation, report: Report, requests: int) -> None:
    """Have the load double until a pod is added, kill a pod, and count what failed of all requests."""
    autoscaler = pods.Autoscaler(found)
    least = len(found.component_pods("serving"))
    with Load(found, WATCHED, EXAMPLE, CONNECTIONS, PER_SECOND) as load:
        used = autoscaler.steady_percent()
        target = round(used / AIM)
        stage.install(found.cluster, cpu_percent=target)
        report.say("Processor time of the first load", f"{used} % of what a pod requests; {target} % is the target")
        quiet = time.monotonic() + STEADY_SECONDS
        until("a minute of the first load", lambda: time.monotonic() > quiet, STEADY_SECONDS + 5)
        report.promise(autoscaler.wanted() == least, "Pods by the first load", f"{autoscaler.wanted()}")
        began, load.per_second = time.monotonic(), PER_SECOND * 2
        until("the autoscaler adds a pod", lambda: autoscaler.wanted() > least, 300, interval=1)
        report.say("Load doubled, until the autoscaler adds a pod", f"{time.monotonic() - began:.0f} s")
        until("all of its pods ready", lambda: autoscaler.ready() == autoscaler.wanted() > least, 300, interval=1)
        report.say("… until the pod is ready", f"{time.monotonic() - began:.0f} s; {autoscaler.ready()} pods")
        killed, death = pods.kill(found, "serving")
        until(
            "a container in its place",
            lambda: pods.is_replaced(found, "serving", killed) and autoscaler.ready() >= autoscaler.wanted(),
            300,
            interval=0.5,
        )
        report.say(
            "A pod of serving killed by KILL, until as many are ready again", f"{time.monotonic() - death.sent:.0f} s"
        )
        until(f"{requests} requests", lambda: load.answered + len(load.faults) >= requests, requests / PER_SECOND + 300)
    before = [fault for fault in load.faults if fault.ended < death.sent]
    in_flight = [fault for fault in load.faults if fault.asked <= death.sent <= fault.ended]
    taken = [fault for fault in load.faults if death.sent < fault.asked <= death.gone]
    after = [fault for fault in load.faults if fault.asked > death.gone]
    report.say("Requests", f"{load.answered + len(load.faults):,}, {load.answered:,} answered")
    report.say(f"In flight when {killed} was sent KILL, and lost", str(len(in_flight)))
    dying = f"{death.gone - death.sent:.2f} s later"
    report.say(f"Sent until its last process was gone, {dying}, and lost", str(len(taken)))
    report.promise(not before and not after, "Failed beside those", f"{len(before)} before, {len(after)} after")
    for fault in (before + after)[:5]:
        told = f"{fault.asked - death.sent:+.2f} to {fault.ended - death.sent:+.2f} s: {fault.text}"
        print(f"scale: {told}", file=sys.stderr)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterError as error:
        sys.exit(f"scale: {error}")
