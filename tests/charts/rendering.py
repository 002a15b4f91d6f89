"""The chart as Helm renders it."""

import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from programs import find

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "molino"
VALUE_FILES = {"defaults": None, "kind": CHART / "values-kind.yaml", "production": CHART / "values-production.yaml"}
INGRESSES = tuple(
    f"{component}.ingress.{setting}"
    for component in ("airflow", "mlflow", "tensorboard", "minio")
    for setting in ("enabled=true", f"host={component}.example.com")
)
WATCHED = tuple(
    f"monitoring.{part}.enabled=true"
    for part in (
        "monitors",
        "rules",
        "dashboards",
        "pipelines",
        "airflow",
        "mlflow",
        "postgres",
        "kubernetes",
        "prometheus",
        "alertmanager",
    )
)
LOGIN = (
    "oidc.enabled=true", "oidc.config.issuer=https://login.example.com", "oidc.auth.existingSecret=own",
    "oidc.airflow.roles.Admin={admins}", "oidc.mlflow.groups={admins,users}", "oidc.tensorboard.groups={users}",
    "oidc.serving.groups={users}", "oidc.serving.host=people.example.com", "oidc.serving.tlsSecret=own",
    "oidc.minio.enabled=true", "oidc.minio.groups={users}",
)  # fmt: skip
ALWAYS = (
    "models.own=content", "prune.enabled=true", "notices.enabled=true", "notices.slack.enabled=true",
    "notices.auth.existingSecret=own",
)  # fmt: skip
ALL_ON: dict[str, tuple[str, ...]] = {
    "defaults": (
        *INGRESSES, *WATCHED, *ALWAYS, "networkPolicies.enabled=true", "backup.enabled=true",
        "postgres.archive.enabled=true", "pgbouncer.enabled=true",
    ),
    "kind": (
        *INGRESSES, *WATCHED, *ALWAYS, "sync=true", "networkPolicies.enabled=true", "backup.enabled=true",
        "pgbouncer.enabled=true",
    ),
    "production": (
        *WATCHED, *ALWAYS, "mlflow.ingress.annotations.own=1", "image.pullSecrets={own}",
        "database.sslmode=verify-full", "database.caSecret=own", "backup.enabled=true",
        "backup.destination.endpoint=https://backups.example.com", "backup.auth.existingSecret=own",
        "backup.auth.encryptionSecret=own", "pgbouncer.enabled=true", "pgbouncer.replicas=2", "pgbouncer.tlsSecret=own",
    ),
}  # fmt: skip
"""Settings that switch on, by values file, what it leaves off."""


def helm(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run helm; skip where it can't be found."""
    program = find("helm", "go install helm.sh/helm/v4/cmd/helm@v4.3.1")
    environment = {**os.environ, "GOGC": "off"}  # it ends before collecting garbage is worth a third of its time
    return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)


def options(values: str, *settings: str) -> list[str | Path]:
    file = VALUE_FILES[values]
    found: list[str | Path] = ["--values", file] if file else []
    for setting in settings:
        found += ["--set", setting]
    return found


def render(values: str = "defaults", *settings: str) -> list[dict[str, Any]]:
    """Return every object of the rendered chart."""
    return parse(_rendered("--namespace", "molino", *options(values, *settings)))


def parse(text: str) -> list[dict[str, Any]]:
    """Return the objects of rendered text, by libyaml: it takes a tenth of the time."""
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


@cache
def _rendered(*arguments: str | Path) -> str:
    """Return the text of the chart, which is the same for the same arguments."""
    done = helm("template", "molino", CHART, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def render_text(values: str, *arguments: str) -> str:
    """Return the rendered chart with every feature on, as it is installed: in a namespace."""
    documents = parse(_rendered("--namespace", "molino", *options(values, *ALL_ON[values]), *arguments))
    for document in documents:
        document["metadata"]["namespace"] = "molino"
    return yaml.dump_all(documents, Dumper=yaml.CSafeDumper)


def refusal(values: str, *settings: str) -> str:
    """Return what helm says of values that it refuses."""
    done = helm("template", "molino", CHART, *options(values, *settings))
    assert done.returncode != 0, "rendered, and should have been refused"
    return done.stderr


def containers_of(documents: list[dict[str, Any]], workload: str) -> dict[str, dict[str, Any]]:
    """Return the containers of a workload, such as `Deployment/molino-mlflow`, those before its own ones too."""
    spec = next(spec for name, spec, _ in pods(documents) if name == workload)
    return {one["name"]: one for one in [*spec.get("initContainers", []), *spec["containers"]]}


def pods(documents: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield name, spec and workload of every pod template, and of every pod."""
    for document in documents:
        if document["kind"] == "CronJob":
            template = document["spec"]["jobTemplate"]["spec"]["template"]
            yield f"CronJob/{document['metadata']['name']}", template["spec"], document
        elif document["kind"] in ("Deployment", "StatefulSet", "Job", "Pod"):
            template = document["spec"].get("template", document)
            yield f"{document['kind']}/{document['metadata']['name']}", template["spec"], document
