"""`make schema`: write what the chart says twice from values.yaml; `--check` tells whether it is current.

values.schema.json is what Helm checks values by, templates/_defaults.tpl the values that an empty section has, and
README.md what they are, for people. docs/network.md is made from network.yaml.

Every key of values.yaml is known with its type and the comment above it, and no other is, but in the free sections
below, which hold what Kubernetes, Airflow, Postgres and others define.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from charts.monitoring.__main__ import GROUPS
from charts.monitoring.parts import alerts
from charts.network import NETWORK, network
from charts.readme import readme
from charts.sections import (
    AIRFLOW_POOL,
    ANNOTATIONS,
    GROUP,
    GROUP_NAME,
    GROUP_SECTIONS,
    LABELS,
    LONGEST_NAME,
    NAME,
    OBJECT,
    OBJECT_NAME,
    OF_ALL,
    QUANTITIES,
    QUANTITY,
    SECTIONS,
    SERVICE,
    TEXTS,
)
from molino.contracts.steps import STEP_NAMES
from serving.settings import ServingSettings

CHART = Path(__file__).resolve().parent / "molino"
VALUES, SCHEMA, DEFAULTS = CHART / "values.yaml", CHART / "values.schema.json", CHART / "templates" / "_defaults.tpl"
README = CHART / "README.md"
FREE = {"annotations", "digests", "labels", "limits", "modelCode", "models", "names", "requests"}
"""Sections with keys of the user's own, wherever they are."""
FREE_PATHS = {
    "airflow.config": "^[A-Za-z_][A-Za-z0-9_]*$",
    "minio.config": "^[A-Za-z_][A-Za-z0-9_]*$",
    "pgbouncer.config": "^[A-Za-z_][A-Za-z0-9_]*$",
    "postgres.config": "^[A-Za-z_][A-Za-z0-9_.]*$",
    "serving.config": "",
}
"""Sections that are handed on to a program whose settings are not ours to list, with what one may be called."""
EXPORTERS = {"telemetry.collector.logs", "telemetry.collector.traces"}
"""Such sections whose settings are mappings themselves, by name."""
OF_THE_PARENT = {
    "global": {"type": ["object", "null"]},
    "enabled": {"type": "boolean", "description": "A parent chart's condition for this one."},
}
"""What Helm and parent charts put among the values."""
ACCESS_MODES = ["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"]
LISTED = {
    "airflow.executor": ["LocalExecutor", "KubernetesExecutor"],
    "environment": ["development", "production"],
    "podSecurity.standard": ["restricted", "any"],
    "tls.issuerKind": ["ClusterIssuer", "Issuer"],
    "externalSecrets.storeKind": ["ClusterSecretStore", "SecretStore"],
    "image.pullPolicy": ["Always", "IfNotPresent", "Never"],
    "postgres.persistence.accessMode": ACCESS_MODES,
    "minio.persistence.accessMode": ACCESS_MODES,
    "monitoring.prometheus.persistence.accessMode": ACCESS_MODES,
    "monitoring.alertmanager.persistence.accessMode": ACCESS_MODES,
    "notices.mail.security": ["starttls", "tls", "none"],
    "database.sslmode": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
}
SELECTOR: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}},
        "matchExpressions": {"type": "array", "items": {"type": "object"}},
    },
}
BLOCK: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["cidr"],
    "properties": {
        "cidr": {"type": "string", "pattern": "^[0-9a-fA-F:.]+/[0-9]{1,3}$"},
        "except": {"type": "array", "items": {"type": "string"}},
    },
}
PEERS: dict[str, Any] = {
    "type": ["array", "null"],
    "items": {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {"ipBlock": BLOCK, "namespaceSelector": SELECTOR, "podSelector": SELECTOR},
        "dependencies": {"ipBlock": {"maxProperties": 1}},
    },
}
"""Who is at the other end of a NetworkPolicy: a block of addresses, or pods and namespaces."""
PORTS: dict[str, Any] = {"type": ["array", "null"], "items": {"type": "integer", "minimum": 1, "maximum": 65535}}
USERS = ["postgres", "airflow", "mlflow", "mlflow-auth"]
DIGEST = "sha256:[0-9a-f]{64}"
PATHS = "[a-z0-9]+([._/-]+[a-z0-9]+)*"
HOST = r"([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]+)?"
IMAGE = {
    "registry": f"^({HOST}(/{PATHS})?/?)?$",
    "repository": f"^/*({HOST}/)?{PATHS}/*$",
    "tag": "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$",
    "digest": f"^({DIGEST})?$",
    "prefix": f"^/?({HOST}/)?[a-z0-9._/-]*$",
}
"""What the parts of an image's address may be, by their keys."""
ADDRESS = f"^({HOST}/)?{PATHS}(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@{DIGEST})?$"
NAMES = {"caConfigMap", "className", "existingClaim", "externalSecrets.store", "tls.issuer"}
"""Values that name objects of Kubernetes, besides those of Secrets."""
OF_STEPS = {"steps.image.names": ADDRESS, "steps.image.digests": f"^{DIGEST}$"}
BUCKET = "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
CRON = r"^(@(yearly|annually|monthly|weekly|daily|midnight|hourly|every \S+)|\S+( +\S+){4})$"
NUMBER = r"^-?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?$"
DURATION = r"^(0|[1-9][0-9]*)(ms|[smhdwy])$"
"""Prometheus' duration, of one unit."""
UNITS = "([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?"
"""The same of several, from the longest on."""
DURATIONS = {
    "monitoring.monitors.interval": f"^({UNITS})$",
    "monitoring.prometheus.retention": f"^{UNITS}$",
    "externalSecrets.refreshInterval": "^(0|([0-9]+([.][0-9]*)?(h|m|s|ms|us|ns))+)$",
}
"""Those of Prometheus, and that of the External Secrets Operator, which is Go's."""
FROM_ONE = {
    "backup.config.deadlineSeconds", "backup.config.keep", "mlflow.config.workers", "postgres.archive.keep",
    "prune.config.deadlineSeconds", "prune.config.runs", "tensorboard.config.syncSeconds",
}  # fmt: skip
"""Numbers of which none would leave nothing to do, or nothing kept: who reads them takes no 0."""
MOMENT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})"
TOLD = {"annotations": ANNOTATIONS, "labels": LABELS, "limits": QUANTITIES, "requests": QUANTITIES}
"""Free sections whose keys and values Kubernetes bounds."""
ALERT: dict[str, Any] = {
    "enabled": {"type": ["boolean", "null"]},
    "for": {"type": ["string", "null"], "pattern": DURATION},
    "severity": {"type": ["string", "null"], "pattern": f"^{NAME}$"},
}
ALERTS: dict[str, dict[str, Any]] = {
    "alert": ALERT,
    "alertBeyondThreshold": ALERT | {"threshold": {"type": ["number", "string", "null"], "pattern": NUMBER}},
}
"""What values may change of an alert; `--set` makes texts of numbers that aren't whole."""
SHARED = {
    "probes": SECTIONS["pod"]["probes"],
    "texts": TEXTS,
    "annotations": ANNOTATIONS,
    "labels": LABELS,
    "quantities": QUANTITIES,
    "peers": PEERS,
}
"""What sections have in common: a definition each in the file, as each section has one."""


def written() -> dict[str, Any]:
    """Return the schema as the file has it: sections once among its definitions, and referred to where they stand."""
    named = SHARED | {name: _maybe(_closed(keys)) for name, keys in (SECTIONS | ALERTS).items()}
    names = {_compared(one): name for name, one in named.items()}
    made = {
        name: one | {"properties": _referring(one["properties"], names)} if "properties" in one else one
        for name, one in named.items()
    }
    return _referring(schema(), names) | {"definitions": made}


def _referring(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_referring(one, names) for one in node]
    if not isinstance(node, dict):
        return node
    if (name := names.get(_compared(node))) is None:
        return {key: _referring(one, names) for key, one in node.items()}
    return {key: node[key] for key in ("description",) if key in node} | {"$ref": f"#/definitions/{name}"}


def _compared(schema: dict[str, Any]) -> str:
    """Return a schema without what it says to people, which is another at each place."""
    return json.dumps({key: one for key, one in schema.items() if key != "description"}, sort_keys=True)


def schema() -> dict[str, Any]:
    """Return the schema of the values, with every section where it stands."""
    values = yaml.compose(VALUES.read_text())
    lines = VALUES.read_text().splitlines()
    made = _schema(values, "", lines)
    made["properties"] |= OF_THE_PARENT
    return {"$schema": "https://json-schema.org/draft-07/schema#", **made}


def defaults() -> str:
    """Return the template with each value of the chart by its path, down to the sections that are free."""
    lines = [
        f"  {json.dumps(path)}: {json.dumps(value)}" for path, value in _leaves(yaml.safe_load(VALUES.read_text()))
    ]
    head = "{{/* Made by `make schema` from values.yaml: each value by its path. */}}"
    return "\n".join([head, '{{- define "molino.defaults" -}}', "{", ",\n".join(lines), "}", "{{- end -}}", ""])


def _leaves(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        path = f"{above}{key}"
        if isinstance(value, dict) and value and key not in FREE and path not in FREE_PATHS.keys() | EXPORTERS:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def _schema(node: yaml.Node, path: str, lines: list[str]) -> dict[str, Any]:
    name = path.rpartition(".")[2]
    if path in LISTED:
        return {"enum": LISTED[path]}
    if name in SECTIONS:
        return _maybe(_closed(OF_ALL.get(path, SECTIONS[name])))
    if path == "steps.each":
        return _closed({step: _maybe(_closed(_of_a_step(step))) for step in STEP_NAMES})
    if path.startswith("networkPolicies.") and isinstance(node, yaml.SequenceNode):
        return PORTS if name == "ports" else PEERS
    if path == "airflow.pools":
        return {"type": "object", "additionalProperties": _maybe(_closed(AIRFLOW_POOL)) | {"required": ["slots"]}}
    if path == "serving.groups":
        return {"type": "object", "additionalProperties": False, "patternProperties": {GROUP_NAME: _maybe(_group())}}
    if path == "oidc.airflow.roles":
        return {"type": "object", "additionalProperties": {"type": ["array", "null"], "items": {"type": "string"}}}
    if path == "extraObjects":
        return {"type": ["array", "null"], "items": {"type": ["object", "string"]}}
    if path == "monitoring.rules.alerts":
        kinds = {alert.name: "alertBeyondThreshold" if alert.has_threshold else "alert" for alert in alerts(GROUPS)}
        return _maybe(_closed({name: _maybe(_closed(ALERTS[kind])) for name, kind in kinds.items()}))
    if path == "monitoring.prometheus.scrapeConfigs":
        return {"type": ["array", "null"], "items": {"type": "object", "required": ["job_name"]}}
    if path == "monitoring.alertmanager.config":
        return {"type": ["object", "null"]}
    if path == "postgres.auth.passwords":
        return _closed({user: {"type": ["string", "null"]} for user in USERS})
    if path in EXPORTERS:
        return {"type": "object", "additionalProperties": {"type": ["object", "null"]}}
    if path in OF_STEPS:
        return _closed({step: {"type": ["string", "null"], "pattern": OF_STEPS[path]} for step in STEP_NAMES})
    if path == "serving.config":
        return _closed({name: {"type": ["string", "number", "boolean", "null"]} for name in _settings()})
    if name in TOLD:
        return TOLD[name]
    text = {"type": ["string", "number", "boolean", "null"]}
    if path in FREE_PATHS:
        return {"type": "object", "additionalProperties": False, "patternProperties": {FREE_PATHS[path]: text}}
    if name in FREE:
        return {"type": "object", "additionalProperties": text}
    if isinstance(node, yaml.MappingNode):
        properties = {}
        for key, value in node.value:
            below = f"{path}.{key.value}".lstrip(".")
            told = SERVICE[key.value] if name == "service" and key.value in SERVICE else _schema(value, below, lines)
            properties[key.value] = _describe(key, lines) | told
        return _closed(properties)
    if isinstance(node, yaml.SequenceNode):
        named = OBJECT_NAME | {"pattern": f"^{OBJECT}$"} if path == "image.pullSecrets" else {}
        return {"type": "array", "items": {"type": "string"} | named}
    return _scalar(yaml.safe_load(yaml.serialize(node))) | _bounds(path)


def _bounds(path: str) -> dict[str, Any]:
    """Return what a value must be so that Kubernetes takes it."""
    *_, above, name = ["", *path.split(".")]
    if above == "image" and name in IMAGE:
        return {"pattern": IMAGE[name]}
    if name.endswith("Secret") or name in NAMES or path in NAMES:
        return OBJECT_NAME
    if name == "storageClass":
        return OBJECT_NAME | {"pattern": f"^(-|{OBJECT})?$"}
    if name == "jwtKey" or path.startswith("steps.gitAuth."):
        return {"pattern": "^[A-Za-z0-9._-]*$", "maxLength": LONGEST_NAME}
    if path.startswith("s3.buckets.") or name == "bucket":
        return {"pattern": f"^{BUCKET}$"}
    if path.startswith("database.services."):
        return {"pattern": "^[A-Za-z0-9_.:-]*$" if name == "host" else "^[A-Za-z0-9_.@-]*$"}
    if path in DURATIONS:
        return {"pattern": DURATIONS[path], "minLength": 0 if name == "interval" else 1}
    if path in FROM_ONE:
        return {"minimum": 1}
    if name == "schedule":
        return {"pattern": CRON}
    if path == "postgres.archive.restore":
        return {"pattern": f"^(latest|{MOMENT})?$"}
    if name in ("size", "sizeLimit"):
        return {"pattern": QUANTITY if name == "size" else f"^$|{QUANTITY}"}
    if path == "minio.distributed.replicas":
        return {"minimum": 4, "maximum": 16}
    if name.lower().endswith("port"):
        return {"minimum": 1, "maximum": 65535}
    return {}


def _settings() -> list[str]:
    """Return the settings of the server, as serving.config has them."""
    fields = ServingSettings.model_fields.items()
    return sorted(name.upper() for name, field in fields if field.validation_alias is None)


def _of_a_step(step: str) -> dict[str, Any]:
    """Return the sections that single steps have; deploy alone has an account of its own."""
    names = ["scheduling", "pod", "task"] + (["serviceAccount"] if step == "deploy" else [])
    return {name: _maybe(_closed(SECTIONS[name])) for name in names}


def _group() -> dict[str, Any]:
    """Return what a group of models has."""
    sections = {name: _maybe(_closed(SECTIONS.get(name, SERVICE))) for name in GROUP_SECTIONS}
    return _closed(GROUP | sections) | {"required": ["models"]}


def _maybe(section: dict[str, Any]) -> dict[str, Any]:
    """Return a section that may be left empty; those that have defaults get them back."""
    return section | {"type": ["object", "null"]}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    """Return an object of these keys alone, but for those by which people name YAML's anchors."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "patternProperties": {"^x-": {}},
    }


def _scalar(value: object) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer", "minimum": 0}
    return {"type": "string"}


def _describe(key: yaml.Node, lines: list[str]) -> dict[str, str]:
    """Return the comment right above a key, as its description."""
    found: list[str] = []
    line = key.start_mark.line - 1
    while line >= 0 and lines[line].strip().startswith("#"):
        found.insert(0, lines[line].strip().lstrip("# "))
        line -= 1
    return {"description": " ".join(found)} if found else {}


def main() -> int:
    """Write the schema, or check it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only tell whether they are out of date")
    values = yaml.safe_load(VALUES.read_text())
    made = {
        SCHEMA: json.dumps(written(), indent=2) + "\n",
        DEFAULTS: defaults(),
        README: readme(schema(), values),
        NETWORK: network(values),
    }
    if not parser.parse_args().check:
        for file, text in made.items():
            file.write_text(text)
        return 0
    old = [file.name for file, text in made.items() if not file.is_file() or file.read_text() != text]
    for name in old:
        print(f"{name} is out of date: run make schema", file=sys.stderr)
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
