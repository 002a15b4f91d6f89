"""The Prometheus and the Alertmanager that the chart brings by values: what they read, find, and hand on."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from api_server import ApiServer, run_api_server
from bundles import build_housing
from monitoring.prometheus import program
from programs import find
from rendering import refusal, render
from running_server import KEY, RunningServer, run_server

from charts.monitoring.__main__ import GROUPS
from molino.contracts.pointer import write_pointer
from tests.ports import free_port

SECONDS = 60.0
OWN = tuple(
    f"monitoring.{part}.enabled=true"
    for part in ("prometheus", "kubernetes", "pipelines", "airflow", "mlflow", "postgres")
)
NOTICES = ("notices.enabled=true", "notices.auth.existingSecret=own", "monitoring.alertmanager.enabled=true")
ACCOUNT = "molino-monitoring-prometheus"


def files(documents: list[dict[str, Any]], name: str) -> dict[str, str]:
    """Return what is in a ConfigMap."""
    found: dict[str, str] = next(
        one["data"] for one in documents if one["kind"] == "ConfigMap" and one["metadata"]["name"] == name
    )
    return found


def config(*settings: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        files(render("defaults", *OWN, *settings), "molino-prometheus")["prometheus.yaml"]
    )
    return found


def alerting(*settings: str) -> dict[str, Any]:
    documents = render("defaults", *OWN, *NOTICES, *settings)
    found: dict[str, Any] = yaml.safe_load(files(documents, "molino-alertmanager")["alertmanager.yaml"])
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    home = tmp_path_factory.mktemp("releases")
    build_housing(home, "1")
    write_pointer(home, {"housing": "1"})
    with run_server(home, tmp_path_factory.mktemp("server") / "log", MOLINO_SERVING_WORKERS=1) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with run_api_server(tmp_path_factory.mktemp("api")) as running:
        documents = render("defaults", *OWN)
        for kind in ("ServiceAccount", "Role", "RoleBinding"):
            running.apply([one for one in documents if one["kind"] == kind])
        yield running


def make_pod(cluster: ApiServer, name: str, port: int, **labels: str) -> None:
    """Make a pod as the chart's own of serving, at this machine's loopback."""
    kept = {
        "app.kubernetes.io/name": "molino",
        "app.kubernetes.io/instance": "molino",
        "app.kubernetes.io/component": "serving",
        **labels,
    }
    ports = [{"name": "http", "containerPort": port}, {"name": "other", "containerPort": 9}]
    container = {"name": "serving", "image": "own", "ports": ports}
    cluster.apply(
        [{
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": kept},
            "spec": {"containers": [container], "nodeName": "own", "serviceAccountName": ACCOUNT,
                     "automountServiceAccountToken": False},
        }]
    )  # fmt: skip
    status = {"status": {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}}
    done = cluster.kubectl(
        "patch", "pod", name, "--namespace=molino", "--subresource=status", f"--patch={json.dumps(status)}"
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def prometheus(cluster: ApiServer, server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a Prometheus with the chart's own files, which finds pods by its account there."""
    finder = find("prometheus", "python -m tests.cluster program prometheus")
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    make_pod(cluster, "molino-serving-0", server.port)
    make_pod(cluster, "other-serving-0", server.port, **{"app.kubernetes.io/instance": "other"})
    (folder / "token").write_text(cluster.kubectl("create", "token", ACCOUNT, "--namespace=molino").stdout)
    (folder / "api-key").write_text(KEY["X-API-KEY"])
    place(folder, render("defaults", *OWN, "monitoring.monitors.interval=1s"))
    told = yaml.safe_load((folder / "prometheus.yaml").read_text())
    for job in told["scrape_configs"]:
        job["kubernetes_sd_configs"][0] |= {
            "api_server": f"https://127.0.0.1:{cluster.port}",
            "authorization": {"credentials_file": str(folder / "token")},
            "tls_config": {"ca_file": str(cluster.folder / "ca.crt")},
            "namespaces": {"names": ["molino"]},  # its own is told by a file that every pod has
        }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(told))
    options = (f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={folder / 'data'}")
    with (folder / "log").open("wb") as log:
        command = [finder, f"--config.file={folder / 'prometheus.yaml'}", *options]
        process = subprocess.Popen(command, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}/api/v1/"
    finally:
        process.terminate()
        process.wait(30)


def place(folder: Path, documents: list[dict[str, Any]]) -> None:
    """Write its files where the test may, in place of where the pod has them."""
    for name, text in files(documents, "molino-prometheus").items():
        for mounted in ("/etc/molino-serving", "/etc/molino-ca", "/etc/molino"):
            text = text.replace(f"{mounted}/", f"{folder}/")
        (folder / name).write_text(text)


def ask(url: str, path: str, **query: str) -> Any:
    """Ask Prometheus; nothing while it isn't up."""
    try:
        with urllib.request.urlopen(f"{url}{path}?{urllib.parse.urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]
    except OSError:
        return None


def test_it_finds_the_pods_of_its_release_by_its_own_rights_and_scrapes_them(prometheus: str) -> None:
    end, found = time.monotonic() + SECONDS, None
    while not (found and found["result"]):
        assert time.monotonic() < end, ask(prometheus, "targets")
        time.sleep(0.2)
        found = ask(prometheus, "query", query='molino_build_info{namespace="molino"}')
    labels = {
        name: {one["metric"][name] for one in found["result"]} for name in ("job", "namespace", "pod", "container")
    }
    assert labels == {
        "job": {"serving"}, "namespace": {"molino"}, "pod": {"molino-serving-0"}, "container": {"serving"}
    }  # fmt: skip
    targets = ask(prometheus, "targets", state="active")["activeTargets"]
    assert [(one["labels"]["pod"], one["health"]) for one in targets] == [("molino-serving-0", "up")]


def test_it_knows_every_alert(prometheus: str) -> None:
    end, found = time.monotonic() + SECONDS, None
    while found is None:
        assert time.monotonic() < end
        time.sleep(0.2)
        found = ask(prometheus, "rules")
    assert {group["name"] for group in found["groups"]} == {group.name for group in GROUPS}


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("serving.groups.big.models={housing}", "minio.tlsSecret=tls", "network.caConfigMap=ca", *NOTICES,
         "notices.slack.enabled=true"),
        ("serving.enabled=false", "minio.enabled=false", "s3.endpoint=https://s3.example.com",
         "s3.auth.existingSecret=own"),
        ("airflow.enabled=false", "monitoring.prometheus.scrapeConfigs[0].job_name=own"),
    ],
)  # fmt: skip
def test_promtool_takes_what_is_rendered(settings: tuple[str, ...], tmp_path: Path) -> None:
    place(tmp_path, render("defaults", *OWN, *settings))
    told = yaml.safe_load((tmp_path / "prometheus.yaml").read_text())
    for job in told["scrape_configs"]:
        job.pop("kubernetes_sd_configs", None)  # Debian's promtool is built without it
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(told))
    for name in ("api-key", "ca.crt"):
        (tmp_path / name).write_text("")
    done = subprocess.run(
        [program("promtool"), "check", "config", tmp_path / "prometheus.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_each_group_of_serving_and_each_exporter_is_a_job() -> None:
    told = config("serving.groups.big.models={housing}")
    exporters = {"pipeline-metrics", "airflow-metrics", "postgres-metrics", "kube-state-metrics"}
    jobs = {one["job_name"] for one in told["scrape_configs"]}
    assert jobs == {"serving", "serving-big", "minio", "mlflow", *exporters}


def test_labels_of_what_others_tell_of_stay() -> None:
    """The namespace and the pod of what kube-state-metrics tells are those of the object, not its own."""
    honoured = [one["job_name"] for one in config()["scrape_configs"] if one.get("honor_labels")]
    assert honoured == ["kube-state-metrics"]


def test_minio_shows_its_metrics_to_it() -> None:
    (minio,) = (
        one["spec"]["template"]["spec"]["containers"][0]
        for one in render("defaults", *OWN)
        if one["kind"] == "StatefulSet" and one["metadata"]["name"] == "molino-minio"
    )
    assert {"name": "MINIO_PROMETHEUS_AUTH_TYPE", "value": "public"} in minio["env"]


def test_series_leave_before_the_volume_is_full() -> None:
    (own,) = (
        one
        for one in render("defaults", *OWN, "monitoring.prometheus.persistence.size=10Gi")
        if one["kind"] == "StatefulSet" and one["metadata"]["name"] == "molino-prometheus"
    )
    (size,) = (
        word.partition("=")[2].removesuffix("B")
        for word in own["spec"]["template"]["spec"]["containers"][0]["args"]
        if word.startswith("--storage.tsdb.retention.size=")
    )
    assert 0.7 * 10 * 2**30 < int(size) < 0.9 * 10 * 2**30


def test_alerts_go_the_ways_of_notices() -> None:
    told = alerting("notices.slack.enabled=true", "notices.webhook.enabled=true")
    ways = {one["name"]: sorted(set(one) - {"name"}) for one in told["receivers"]}
    assert ways[told["route"]["receiver"]] == ["slack_configs", "webhook_configs"]
    assert config(*NOTICES, "notices.slack.enabled=true")["alerting"]["alertmanagers"] == [
        {"static_configs": [{"targets": ["molino-alertmanager:9093"]}]}
    ]


@pytest.mark.parametrize(("events", "silent"), [("refused", {"MolinoModelRefused"}), ("failed", set())])
def test_what_notices_tell_isnt_told_twice(events: str, silent: set[str]) -> None:
    told = alerting("notices.slack.enabled=true", f"notices.events={{{events}}}")
    ways = {one["name"]: set(one) - {"name"} for one in told["receivers"]}
    routes = [one for one in told["route"].get("routes", []) if not ways[one["receiver"]]]
    muted = {name for one in routes for name in one["matchers"][0].partition('"')[2].rstrip('"').split("|")}
    assert muted == silent


def test_a_configuration_of_ones_own_takes_the_place_of_it() -> None:
    told = alerting("monitoring.alertmanager.config.route.receiver=own", "notices.slack.enabled=true")
    assert told == {"route": {"receiver": "own"}}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("monitoring.alertmanager.enabled=true", *OWN), "alerts are to go nowhere"),
        (
            ("monitoring.alertmanager.enabled=true", "monitoring.alertmanager.config.route.receiver=own"),
            "set monitoring.prometheus.enabled",
        ),
        (
            (*OWN, *NOTICES, "notices.mail.enabled=true", "notices.mail.server=a", "notices.mail.from=a",
             "notices.mail.to={b}"),
            "Alertmanager reads no user name",
        ),
    ],
)  # fmt: skip
def test_what_can_tell_nobody_is_refused(settings: tuple[str, ...], said: str) -> None:
    assert said in refusal("defaults", *settings)
