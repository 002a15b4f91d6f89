"""Connections that are tried from the pods of an installation, and those that the chart's table lets through."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import reduce
from typing import Any

import yaml

from tests.cluster import network
from tests.e2e.installed.installation import CHART, Installation

Path = tuple[str, str]
"""Who asks, and who is asked."""

NAMED: Mapping[str, str] = {
    "postgres": "molino-postgres:5432",
    "minio": "molino-minio:9000",
    "minio console": "molino-minio:9001",
    "mlflow": "molino-mlflow:5000",
    "tensorboard": "molino-tensorboard:8090",
    "serving": "molino-serving:8000",
    "airflow-api-server": "molino-airflow-api-server:8080",
    "kubernetesApi": "kubernetes.default.svc:443",
}
"""Where who is asked of the cluster has a name."""
COMPONENTS = (
    "postgres", "minio", "mlflow", "tensorboard", "serving",
    "airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer",
)  # fmt: skip
STEPS = ("ingest", "train", "deploy")
STRANGER = "stranger"
"""A pod of the namespace that isn't the release's: no policy is about what it asks for."""
ASK = """
for target in "$@"; do
  timeout 3 bash -c "exec 3<>/dev/tcp/${target%:*}/${target##*:}" 2>/dev/null && echo "$target"
done
true
"""


def listeners() -> dict[str, str]:
    """Return who is asked: something listens there for sure, so that who gets no connection was refused it."""
    return {**NAMED, "node": f"{network.addresses().node}:80"}


def open_paths(installation: Installation) -> set[Path]:
    """Return who reaches whom, asked from each component, from stand-ins of steps, and from a stranger."""
    with _stand_ins(installation) as stand_ins:
        pods = {name: installation.component_pods(name)[0]["metadata"]["name"] for name in COMPONENTS} | stand_ins

        def ask(source: str) -> set[Path]:
            targets = {address: name for name, address in listeners().items() if name.split()[0] != source}
            said = installation.kubectl("exec", pods[source], "--", "bash", "-c", ASK, "ask", *targets)
            return {(source, targets[line]) for line in said.split()}

        with ThreadPoolExecutor(len(pods)) as executor:
            return set().union(*executor.map(ask, pods))


def sources() -> list[str]:
    """Return who asks, by the names of the table."""
    return [*COMPONENTS, *(f"step/{step}" for step in STEPS), STRANGER]


def asked() -> set[Path]:
    """Return each pair that is tried; nobody asks itself."""
    return {(source, target) for source in sources() for target in listeners() if target.split()[0] != source}


def allowed() -> set[Path]:
    """Return the pairs of the table that values leave on, and what lies outside the release for the stranger."""
    found = {(STRANGER, "kubernetesApi"), (STRANGER, "node")}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for path in yaml.safe_load((CHART / "network.yaml").read_text())["paths"]:
        if "when" in path and not reduce(lambda place, key: place[key], path["when"].split("."), values):
            continue
        target = "minio console" if path.get("port") == 9001 else path["to"]
        names = {name for name in sources() if name in path["from"] or name.split("/")[0] in path["from"]}
        found |= {(name, target) for name in names}
    return found & asked()


@contextmanager
def _stand_ins(installation: Installation) -> Iterator[dict[str, str]]:
    """Pods with the labels of steps, and one without any, that wait; their names by who they stand for."""
    labels = {f"step/{step}": {**_release(installation), "molino.dev/step": step} for step in STEPS}
    (serving,) = installation.component_pods("serving")
    image = serving["spec"]["containers"][0]["image"]
    pods = [_pod(name, own, image) for name, own in {**labels, STRANGER: {}}.items()]
    names = [pod["metadata"]["name"] for pod in pods]
    for pod in pods:
        pod["metadata"]["namespace"] = installation.namespace
    installation.cluster.kubectl.apply(yaml.safe_dump_all(pods))
    try:
        installation.kubectl("wait", "--for=condition=Ready", *(f"pod/{name}" for name in names), "--timeout=120s")
        yield dict(zip([*labels, STRANGER], names, strict=True))
    finally:
        installation.kubectl("delete", "pod", *names, "--grace-period=0", "--wait=true")


def _release(installation: Installation) -> dict[str, str]:
    words = {"name": "molino", "instance": installation.release, "component": "step"}
    return {f"app.kubernetes.io/{key}": value for key, value in words.items()}


def _pod(name: str, labels: Mapping[str, str], image: str) -> dict[str, Any]:
    container = {
        "name": "wait",
        "image": image,
        "command": ["sleep", "infinity"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"probe-{name.replace('/', '-')}", "labels": dict(labels)},
        "spec": {"containers": [container], "securityContext": security, "automountServiceAccountToken": False},
    }
