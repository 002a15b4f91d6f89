"""`make schema`: write the chart's values.schema.json from values.yaml; `--check` tells whether it is current.

Every key of values.yaml is known with its type and the comment above it, and no other is, but in the free sections
below, which hold what Kubernetes, Airflow, Postgres and others define.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent / "molino"
VALUES, SCHEMA = CHART / "values.yaml", CHART / "values.schema.json"
FREE = {"annotations", "limits", "modelCode", "models", "names", "requests"}
"""Sections with keys of the user's own, wherever they are."""
FREE_PATHS = {"airflow.config", "minio.config", "postgres.config", "serving.config"}
"""Sections that are handed on to a program whose settings are not ours to list."""
SCHEDULING = {
    "nodeSelector": {"type": "object"},
    "tolerations": {"type": "array"},
    "affinity": {"type": "object"},
    "priorityClassName": {"type": "string"},
}
LISTED = {
    "environment": ["development", "production"],
    "image.pullPolicy": ["Always", "IfNotPresent", "Never"],
    "database.sslmode": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
}
USERS = ["postgres", "airflow", "mlflow", "mlflow-auth"]


def schema() -> dict[str, Any]:
    """Return the schema of the values."""
    values = yaml.compose(VALUES.read_text())
    lines = VALUES.read_text().splitlines()
    made = _schema(values, "", lines)
    # Helm itself adds this one.
    made["properties"]["global"] = {"type": "object"}
    return {"$schema": "https://json-schema.org/draft-07/schema#", **made}


def _schema(node: yaml.Node, path: str, lines: list[str]) -> dict[str, Any]:
    name = path.rpartition(".")[2]
    if path in LISTED:
        return {"enum": LISTED[path]}
    if name == "scheduling":
        return _closed(SCHEDULING)
    if path == "postgres.auth.passwords":
        return _closed({user: {"type": "string"} for user in USERS})
    if name in FREE or path in FREE_PATHS:
        return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
    if isinstance(node, yaml.MappingNode):
        properties = {}
        for key, value in node.value:
            below = f"{path}.{key.value}".lstrip(".")
            properties[key.value] = _describe(key, lines) | _schema(value, below, lines)
        return _closed(properties)
    if isinstance(node, yaml.SequenceNode):
        return {"type": "array", "items": {"type": "string"}}
    return _scalar(yaml.safe_load(yaml.serialize(node)))


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties}


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
    parser.add_argument("--check", action="store_true", help="only tell whether it is out of date")
    text = json.dumps(schema(), indent=2) + "\n"
    if not parser.parse_args().check:
        SCHEMA.write_text(text)
        return 0
    if SCHEMA.is_file() and SCHEMA.read_text() == text:
        return 0
    print(f"{SCHEMA.name} is out of date: run make schema", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
