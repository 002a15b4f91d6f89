"""README.md of the chart, from the schema of its values."""

import json
from collections.abc import Iterator
from typing import Any

from charts.sections import SECTIONS

HEAD = """# molino

The Helm chart of Molino: Airflow, MLflow, MinIO, Postgres, TensorBoard and the serving API on Kubernetes 1.33 or
newer, by Helm 3 or 4.

    helm upgrade --install molino charts/molino --namespace molino --create-namespace

`values-kind.yaml` is for a cluster on one's own machine, `values-production.yaml` a start for production. Unknown
keys are refused. This file is made from `values.yaml` by `make schema`.

## What every component takes

`scheduling`, `pod`, `serviceAccount` and `podDisruptionBudget` stand at the top, for all, and in each component
(`airflow`, `airflow.parts.<part>`, `airflow.jobs`, `mlflow`, `minio`, `operations`, `postgres`, `serving`, `steps`,
`steps.each.<step>`, `tensorboard`, `monitoring.<pod>`; `prune` has the first two). The nearer place comes before:
mappings are put together key by key, lists of what has a name too (one of the same name takes the place of the other),
and all else is taken whole. So is `service` (`type`, `annotations`, `spec`). `task` is of the steps alone,
`autoscaling` of `serving` and each of its `groups`, which have all these sections too.

    pod:
      env:
        - {name: HTTPS_PROXY, value: "http://proxy.example.com:3128"}
    serving:
      scheduling:
        nodeSelector: {pool: serving}
      pod:
        probes:
          readiness: {periodSeconds: 5}

Pods are held to the Pod Security Standard `restricted`: what is set under `pod` is added to that, containers of your
own have its securityContext unless they bring another, and values that lead out of it (root, privileges,
capabilities, a host's path or port) are refused at render. `podSecurity.standard: any` lets them through, for a
namespace that allows them.

"""


def readme(schema: dict[str, Any], values: dict[str, Any]) -> str:
    """Return the text: a table for each section that components share, and one of all values."""
    parts = [HEAD]
    for name, keys in SECTIONS.items():
        rows = [f"| `{key}` | {_kind(one)} | {one.get('description', '')} |" for key, one in keys.items()]
        parts.append(
            "\n".join([f"### {name}", "", "| Key | Type | What it is |", "| --- | --- | --- |", *rows, "", ""])
        )
    rows = [f"| `{path}` | `{default}` | {said} |" for path, default, said in _values(schema, values)]
    head = ["## Values", "", "| Value | Default | What it is |", "| --- | --- | --- |"]
    return "".join(parts) + "\n".join([*head, *rows, ""])


def _values(schema: dict[str, Any], values: Any, path: str = "", above: str = "") -> Iterator[tuple[str, str, str]]:
    for key, value in values.items():
        one = schema["properties"][key]
        said = one.get("description", "")
        if isinstance(value, dict) and value and "properties" in one:
            yield from _values(one, value, f"{path}{key}.", said)
        else:
            said = said or (above if key in ("enabled", next(iter(values))) else "")
            yield f"{path}{key}", json.dumps(value, ensure_ascii=False).replace("|", "\\|"), said.replace("|", "\\|")


def _kind(schema: dict[str, Any]) -> str:
    kinds = schema.get("type", "string")
    return ", ".join(kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null")
