"""`make production`: the README's production path with everything on, and every secret changed while it runs.

`python -m tests.e2e.production [--keep]`. Postgres by `verify-full` and S3 are outside, by certificates of an authority
of their own; TLS at the ingress, login by an OpenID provider, NetworkPolicies, an autoscaler, and two of everything.
What happened is the section "production" of `tests/e2e/results.md`; the exit code is 1 where a promise was broken.
"""

import argparse
import sys
import time
from datetime import date

from molino.contracts.steps import STEP_NAMES
from tests.chromium import open_browser
from tests.cluster import addons
from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.waits import until
from tests.e2e.installed import images, runs
from tests.e2e.installed.__main__ import cluster_with_images
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.jobs import run_job, stopped
from tests.e2e.installed.load import Load
from tests.e2e.installed.test_install import EXAMPLE
from tests.e2e.login.site import MODEL
from tests.e2e.production import looks, outside, rotation, stage
from tests.e2e.production.outside import Outside
from tests.e2e.production.rotation import Rotation
from tests.e2e.production.stage import Api
from tests.e2e.production.under_way import WELL, Runs, client, run_once
from tests.e2e.proof import Report
from tests.e2e.scale import pods
from tests.e2e.scale.stage import SEVERAL

PER_SECOND = 50.0


def main() -> int:
    """Bring it up, and do all of it; return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.production", description="Everything on.")
    parser.add_argument("--keep", action="store_true", help="leave the cluster and the installation up")
    options = parser.parse_args()
    report = Report()
    with cluster_with_images((*images.LOGIN, addons.METRICS_SERVER), keep=options.keep) as cluster, report.broken_off():
        prove(cluster, report)
    report.write(
        "production",
        "Production, with everything on",
        f"`make production` on {date.today()}: values-production.yaml on one node, Postgres by `verify-full` and S3 "
        "outside the release by TLS of an authority of their own, `database.services` with another role and database "
        "for each service and another host for MLflow's runs, backups, Secrets by `molino secrets new`, TLS at the "
        "ingress, login by Dex, NetworkPolicies, an autoscaler with metrics-server, two of each part that may have "
        "several. Then each secret is changed as `molino secrets rotate` says, while "
        f"{PER_SECOND:.0f} requests a second and pipeline runs go on.",
    )
    return report.end("production")


def prove(cluster: Cluster, report: Report) -> None:
    """Do all of it, one after the other."""
    cluster.add_metrics()
    beside = outside.install(cluster)
    found = stage.prepare(cluster, beside)
    beside.make_databases(found.secret(found.name("database")))
    beside.give_rights(stage.storage(found, beside), found.secret(found.name("s3")))
    with report.time("From `helm install` until every pod is ready"):
        stage.upgrade(found, beside)
    api = Api(found, beside)
    works(found, beside, api, report)
    comes_back(found, beside, report)
    with open_browser(f"--host-resolver-rules=MAP * {cluster.host}") as browser:
        pages = looks.opened(browser)
        report.promise(pages == [*looks.PAGES], "Pages that open by login at the provider", ", ".join(pages))
        refused = looks.refused(browser)
        report.promise(refused == 401, "Airflow's answer to who is in none of the groups", str(refused))
    secrets_change(found, beside, api, report)


def works(found: Installation, beside: Outside, api: Api, report: Report) -> None:
    """Have a run bring a version into service, and look at the ways of all that was asked."""
    counted = {part: len(found.component_pods(part)) for part in (*SEVERAL, "oidc")}
    shown = ", ".join(f"{part} {count}" for part, count in counted.items())
    report.promise(set(counted.values()) == {stage.PODS}, "Pods", shown)
    ended = run_once(found, beside, 1)
    report.promise(ended.states == ("success", "success"), "A pipeline run", " and ".join(ended.states))
    with beside.store(found.secret(found.name("s3"))) as store:
        steps = list(runs.records(store, MODEL, ended.run_id))
    report.promise(steps == list(STEP_NAMES), "Its records in the S3", f"{len(steps)} of {len(STEP_NAMES)}")
    status, _ = looks.predictions(api)
    report.promise(status == 200, "`/predict` by https and name, the certificate checked", str(status))
    of_all, secure = beside.connections()
    report.promise(0 < of_all == secure, "Connections to Postgres; those by TLS", f"{of_all}; {secure}")
    reached = looks.reaching(found, beside.database_host, 5432)
    shown = f"{', '.join(sorted(reached))} of {', '.join(looks.ASKING)}"
    report.promise(reached == {"mlflow"}, "Who reaches Postgres, by the NetworkPolicies", shown)
    told = found.helm("test", found.release)
    report.promise("Phase:          Succeeded" in told, "`helm test`, with `molino doctor`", "succeeded")


def comes_back(found: Installation, beside: Outside, report: Report) -> None:
    """Take a set of the databases and buckets, take rows of MLflow's away, and bring them back from it."""
    run_job(found, "backup")
    ids = looks.run_ids(beside)
    rows = looks.rows(beside, ids)
    beside.ask(outside.RUNS.name, "DELETE FROM tags")
    lost = rows != looks.rows(beside, ids)
    with stopped(found):
        run_job(found, "backup-restore")
    found.wait_ready()
    back = looks.rows(beside, ids) == rows
    told = "all again" if back else "others"
    report.promise(lost and back, "Rows of MLflow's runs, some taken away, after a set was restored", told)


def secrets_change(found: Installation, beside: Outside, api: Api, report: Report) -> None:
    """Change each secret, one after the other, while all goes on; then look for what was there before."""
    with found.forward("airflow-api-server", 8080) as port:
        client(found, port).call("POST", "/connections", looks.KEPT)
    ids = looks.run_ids(beside)
    rows = looks.rows(beside, ids)
    chosen = rotation.secrets(found)
    before = {part: found.secret(found.name(part)) for part in stage.PARTS}
    began = time.monotonic()
    going = Runs(found, beside, first=2)
    load = Load(found, MODEL, EXAMPLE, per_second=PER_SECOND, connect=api.connect, key=lambda: api.key)
    with load, going:
        used = pods.Autoscaler(found).steady_percent()
        report.say("Processor time that the autoscaler sees", f"{used} % of what a pod requests")
        turning = Rotation(found, beside, api, going.quiet)
        for part, key in chosen:
            at = time.monotonic()
            turning.rotate(part, key)
            print(f"{part} {key}: {time.monotonic() - at:.0f} s", file=sys.stderr, flush=True)
        ended = len(going.ended)
        until("the end of a run after all changes", lambda: len(going.ended) > ended + 1, rotation.LIMIT, interval=1)
    after = {part: found.secret(found.name(part)) for part in stage.PARTS}
    changed = [one for one in chosen if before[one[0]][one[1]] != after[one[0]][one[1]]]
    report.promise(changed == chosen, "Secrets changed, one by one", f"{len(changed)} of {len(chosen)}")
    report.say("How long it took", f"{time.monotonic() - began:.0f} s")
    told = f"{load.answered:,} answered, {len(load.faults)} of them failed"
    report.promise(not load.faults, "Requests meanwhile", told)
    for fault in load.faults[:10]:
        print(f"production: {fault.asked - began:+.2f} to {fault.ended - began:+.2f} s: {fault.text}", file=sys.stderr)
    well = going.ended.count(WELL)
    report.promise(well == len(going.ended), "Pipeline runs meanwhile", f"{well} of {len(going.ended)} ended well")
    for one in going.ended:
        print(f"production: a run: {one}", file=sys.stderr)
    report.same("A password that Airflow keeps encrypted", looks.KEPT["password"], looks.kept_password(found))
    report.same("Rows of MLflow's runs of before, all of them", rows, looks.rows(beside, ids))
    status, _ = api.ask("GET", "/models", key=before["serving"]["api-key"])
    report.promise(status == 401, "The API's answer to the key of before", str(status))
    taken = looks.may_list(beside, before["s3"])
    report.promise(not taken, "The S3 keys of before", "still taken" if taken else "refused")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterError as error:
        sys.exit(f"production: {error}")
