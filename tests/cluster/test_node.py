"""The node itself, for real: MOLINO_E2E=1 and root. It is brought up here, and nothing is left of it at the end."""

import base64
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import builder, node, pki, processes
from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.fixtures import FIXTURES
from tests.cluster.waits import until

NAMESPACE = "molino-node-test"
PORT = 8080
LIMIT = 120


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    found = Cluster.here()
    if found.in_docker:
        pytest.skip("Docker answers: the cluster is kind's")
    if found.is_up():
        pytest.skip("a cluster is running: these tests would take it down")
    found.up()
    yield found
    found.down()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the certificate of web.test, and of the authority that issued it."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = pki.Authority.create()
    authority.write(folder)
    authority.issue(folder, "web", "web.test", hosts=("web.test",))
    return folder


@pytest.fixture(scope="module")
def web(cluster: Cluster, certificates: Path) -> Cluster:
    """Run nginx with a volume, as the policy `restricted` wants it, behind a Service and an Ingress with TLS."""
    cluster.load(builder.make(cluster.folders, ("nginx",)))
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.kubectl.apply(yaml.safe_dump(_object("v1", "Namespace", NAMESPACE, labels=label)))
    cluster.kubectl.apply(yaml.safe_dump_all([*_web(), *_ingress(certificates)]))
    cluster.kubectl.wait_for("condition=Available", "deployment/web", namespace=NAMESPACE, limit=LIMIT)
    return cluster


def _object(version: str, kind: str, name: str, labels: dict[str, str] | None = None, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels or {}}, **rest}


def _inside(item: dict[str, Any]) -> dict[str, Any]:
    item["metadata"]["namespace"] = NAMESPACE
    return item


def _web() -> list[dict[str, Any]]:
    container = {
        "name": "web",
        "image": FIXTURES["nginx"].image,
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "pages", "mountPath": "/usr/share/nginx/html"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }
    pod = {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 101,
            "fsGroup": 101,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [
            {"name": "pages", "persistentVolumeClaim": {"claimName": "pages"}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": pod}
    deployment = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    service = {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]}
    return [
        _inside(_object("v1", "PersistentVolumeClaim", "pages", spec=claim)),
        _inside(_object("apps/v1", "Deployment", "web", spec=deployment)),
        _inside(_object("v1", "Service", "web", spec=service)),
    ]


def _ingress(folder: Path) -> list[dict[str, Any]]:
    data = {
        "tls.crt": base64.b64encode((folder / "web.crt").read_bytes()).decode(),
        "tls.key": base64.b64encode((folder / "web.key").read_bytes()).decode(),
    }
    backend = {"service": {"name": "web", "port": {"name": "http"}}}
    paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    spec = {
        "ingressClassName": "nginx",
        "tls": [{"hosts": ["web.test"], "secretName": "web-tls"}],
        "rules": [{"host": name, "http": paths} for name in ("plain.test", "web.test")],
    }
    return [
        _inside(_object("v1", "Secret", "web-tls", type="kubernetes.io/tls", data=data)),
        _inside(_object("networking.k8s.io/v1", "Ingress", "web", spec=spec)),
    ]


def run_in_pod(cluster: Cluster, script: str) -> str:
    return cluster.kubectl("exec", f"--namespace={NAMESPACE}", "deployment/web", "--", "python3", "-c", script)


def ask(cluster: Cluster, name: str, path: str) -> tuple[int, str]:
    """Ask the ingress over plain HTTP."""
    request = urllib.request.Request(f"http://{cluster.host}{path}", headers={"Host": name})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def is_routed(cluster: Cluster, name: str) -> bool:
    with contextlib.suppress(OSError):
        return ask(cluster, name, "/")[0] != 404
    return False


def test_name_of_a_service_is_resolved(web: Cluster) -> None:
    address = web.kubectl.get(f"--namespace={NAMESPACE}", "service", "web")["spec"]["clusterIP"]
    script = f"import socket; print(socket.gethostbyname('web.{NAMESPACE}.svc.cluster.local'))"
    assert run_in_pod(web, script).strip() == address


def test_unknown_name_is_not_resolved(web: Cluster) -> None:
    with pytest.raises(ClusterError, match="Name or service not known"):
        run_in_pod(web, "import socket; socket.gethostbyname('none.test.')")


def test_claim_is_bound_to_a_volume_of_class_standard(web: Cluster) -> None:
    claim = web.kubectl.get(f"--namespace={NAMESPACE}", "persistentvolumeclaim", "pages")
    assert (claim["status"]["phase"], claim["spec"]["storageClassName"]) == ("Bound", "standard")


def test_pod_that_policy_restricted_forbids_is_refused(web: Cluster) -> None:
    with pytest.raises(ClusterError, match='violates PodSecurity "restricted'):
        web.kubectl("run", "bad", f"--namespace={NAMESPACE}", f"--image={FIXTURES['nginx'].image}")


def test_request_from_this_machine_reaches_the_pod(web: Cluster) -> None:
    run_in_pod(web, "open('/usr/share/nginx/html/page', 'w').write('hello')")
    until("plain.test routed", lambda: is_routed(web, "plain.test"), LIMIT)
    assert ask(web, "plain.test", "/page") == (200, "hello")


def test_request_over_tls_reaches_the_pod(web: Cluster, certificates: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificates / "ca.crt"))
    with (
        socket.create_connection((web.address, 443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="web.test") as secure,
    ):
        secure.sendall(b"GET /none HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n")
        assert secure.makefile("rb").readline() == b"HTTP/1.1 404 Not Found\r\n"


def test_change_of_an_ingress_is_followed(web: Cluster) -> None:
    change = [{"op": "replace", "path": "/spec/rules/0/host", "value": "moved.test"}]
    web.kubectl("patch", f"--namespace={NAMESPACE}", "ingress", "web", "--type=json", f"--patch={json.dumps(change)}")
    until("moved.test routed", lambda: is_routed(web, "moved.test"), LIMIT)
    assert ask(web, "plain.test", "/")[0] == 404


def test_address_is_in_the_status_of_the_ingress(web: Cluster) -> None:
    status = f"jsonpath={{.status.loadBalancer.ingress[0].ip}}={web.address}"
    web.kubectl.wait_for(status, "ingress/web", namespace=NAMESPACE)


def test_memory_of_the_pods_is_measured(web: Cluster) -> None:
    assert 10e6 < web.memory_bytes() < 1e9


def test_second_command_at_once_is_refused(web: Cluster) -> None:
    with node.locked(web.folders):
        done = subprocess.run(
            [sys.executable, "-m", "tests.cluster", "down"], capture_output=True, text=True, check=False
        )
    assert "another command is at work" in done.stderr


def test_node_that_was_restarted_brings_its_pods_back(web: Cluster) -> None:
    web.restart()
    until("moved.test routed again", lambda: is_routed(web, "moved.test"), LIMIT)
    assert web.is_up()


def test_cluster_that_was_cut_off_comes_up_again(web: Cluster) -> None:
    for process in processes.recorded(web.folders).values():
        os.kill(process.pid, signal.SIGKILL)
    web.up()
    assert web.kubectl.get("nodes")["items"][0]["metadata"]["name"] == "molino"


def test_nothing_is_left_of_a_cluster_that_was_taken_down(web: Cluster) -> None:
    web.down()
    assert node.leftovers(web.folders) == []
