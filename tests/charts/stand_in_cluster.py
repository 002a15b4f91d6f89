"""A stand-in of a cluster for what the chart looks up at install: it answers reads of the objects that it is given."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

KINDS = {
    "v1": ("Namespace", "Secret", "ServiceAccount", "ConfigMap", "Service", "Pod", "PersistentVolumeClaim"),
    "apps/v1": ("Deployment", "StatefulSet"),
    "batch/v1": ("Job", "CronJob"),
    "networking.k8s.io/v1": ("Ingress", "NetworkPolicy"),
    "external-secrets.io/v1": ("ExternalSecret",),
    "policy/v1": ("PodDisruptionBudget",),
    "rbac.authorization.k8s.io/v1": ("Role", "RoleBinding"),
    "storage.k8s.io/v1": ("StorageClass",),
}
"""What the chart is made of and looks for, by group and version."""
OF_THE_CLUSTER = {"Namespace", "StorageClass"}
Objects = dict[str, dict[str, Any]]


def plural(kind: str) -> str:
    """Return the name of a kind in addresses."""
    return kind.lower() + ("es" if kind.endswith("ss") else "s")


def resources(version: str) -> dict[str, Any]:
    """Return what discovery says of a group."""
    found = [
        {"name": plural(kind), "singularName": "", "kind": kind, "namespaced": kind not in OF_THE_CLUSTER, "verbs": []}
        for kind in KINDS[version]
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": found}


def discovery() -> Objects:
    """Return the answers that tell a client which resources there are."""
    found: Objects = {
        "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.3"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/api/v1": resources("v1"),
    }
    groups = []
    for version in KINDS.keys() - {"v1"}:
        found[f"/apis/{version}"] = resources(version)
        preferred = {"groupVersion": version, "version": "v1"}
        groups.append({"name": version.partition("/")[0], "versions": [preferred], "preferredVersion": preferred})
    return found | {"/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}}


def of_the_release(name: str) -> dict[str, Any]:
    """Return the metadata of an object that Helm has made for the release `molino`."""
    release = {"meta.helm.sh/release-name": "molino", "meta.helm.sh/release-namespace": "molino"}
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    return {"name": name, "namespace": "molino", "labels": labels, "annotations": release}


def secret(name: str, **values: str) -> tuple[str, dict[str, Any]]:
    """Return a Secret of the release `molino`, with values in base64, and where it is read."""
    return f"/api/v1/namespaces/molino/secrets/{name}", {
        "apiVersion": "v1", "kind": "Secret", "metadata": of_the_release(name), "data": values,
    }  # fmt: skip


def storage_class(name: str) -> tuple[str, dict[str, Any]]:
    """Return a StorageClass, and where it is read."""
    return f"/apis/storage.k8s.io/v1/storageclasses/{name}", {
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
    }  # fmt: skip


def namespace(name: str) -> tuple[str, dict[str, Any]]:
    """Return a Namespace, and where it is read."""
    return f"/api/v1/namespaces/{name}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def claims(size: str, now: str = "", stores: str = "/data") -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return MinIO's StatefulSet with the size that its claim was made with, and the claim as it is now.

    `stores` is where MinIO stores.
    """
    container = {"name": "minio", "args": ["minio", "server", stores]}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    grown = spec | {"resources": {"requests": {"storage": now or size}}}
    return (
        ("/apis/apps/v1/namespaces/molino/statefulsets/molino-minio", {
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": of_the_release("molino-minio"),
            "spec": {
                "template": {"spec": {"containers": [container]}},
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": spec}],
            },
        }),
        ("/api/v1/namespaces/molino/persistentvolumeclaims/data-molino-minio-0", {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data-molino-minio-0", "namespace": "molino"}, "spec": grown,
        }),
    )  # fmt: skip


def deployed(name: str, container: str, image: str) -> tuple[str, dict[str, Any]]:
    """Return a Deployment of the release `molino` with one container, and where it is read."""
    pod = {"containers": [{"name": container, "image": image}]}
    return f"/apis/apps/v1/namespaces/molino/deployments/{name}", {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": of_the_release(name),
        "spec": {"template": {"spec": pod}},
    }  # fmt: skip


def backed_up(moment: str) -> tuple[str, dict[str, Any]]:
    """Return the CronJob of backups, which has made one at a moment in ISO 8601, and where it is read."""
    metadata = {"name": "molino-backup", "namespace": "molino"}
    return "/apis/batch/v1/namespaces/molino/cronjobs/molino-backup", {
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "status": {"lastSuccessfulTime": moment},
    }  # fmt: skip


@contextmanager
def stand_in_cluster(folder: Path, *objects: tuple[str, dict[str, Any]]) -> Iterator[Path]:
    """Serve the objects, as long as the context lasts; give a kubeconfig that leads there."""
    found = discovery() | dict(objects)
    classes = [one for one in found.values() if one.get("kind") == "StorageClass"]
    found["/apis/storage.k8s.io/v1/storageclasses"] = {
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClassList", "items": classes,
    }  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = found.get(self.path.partition("?")[0])
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body or missing).encode())

        def log_message(self, format: str, *words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(_kubeconfig(f"http://127.0.0.1:{server.server_port}")))
        yield kubeconfig
        server.shutdown()


def _kubeconfig(address: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "stand-in",
        "contexts": [{"name": "stand-in", "context": {"cluster": "stand-in", "user": "stand-in"}}],
        "clusters": [{"name": "stand-in", "cluster": {"server": address}}],
        "users": [{"name": "stand-in", "user": {}}],
    }
