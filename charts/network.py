"""docs/network.md, from the paths of charts/molino/network.yaml, by which the NetworkPolicies are rendered too."""

from functools import reduce
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
NETWORK, TABLE = ROOT / "docs" / "network.md", ROOT / "charts" / "molino" / "network.yaml"
HEAD = """# Paths of network traffic

What goes over the network between the pods of a release, into it, and out of it; `step/train` are the pods of one step.
With `networkPolicies.enabled`, as in `values-production.yaml`, all else is refused: each pod has a NetworkPolicy of its
own, and one of the release lets nothing through. A port is the pod's own, which need not be its Service's. This file is
made from `charts/molino/network.yaml` by `make schema`.

- **From** names pods by their component, or who is outside, by `networkPolicies.from`: `ingress` is by default the
  namespace `ingress-nginx`; the others are nobody, until peers are named.
- **To** names pods, or what is outside, by `networkPolicies.to`: every address on these ports, until peers are named. A
  component that is off is outside: Postgres is then `database`, MinIO `s3`, MLflow `mlflow`.
- A controller or a load balancer that runs in the node's own network comes from a node's address: name it as `ipBlock`.
- `kubectl port-forward` and the probes of the kubelet come from the node, which network plugins let through.
- Pods of one's own (`extraObjects`, `sidecars` that ask others) want a NetworkPolicy of their own in `extraObjects`.
- kindnet (kind 0.24 and later), Calico, Cilium and kube-router enforce NetworkPolicies; flannel alone takes them and
  lets all through. `make e2e` runs with the policies on, enforced by kube-router, and tries a hundred connections.

"""


def network(values: dict[str, Any]) -> str:
    """Return the text.

    Args:
        values: the chart's defaults, which some ports are in.
    """
    rows = ["| From | To | Port | Why |", "| --- | --- | --- | --- |"]
    for path in yaml.safe_load(TABLE.read_text())["paths"]:
        sources = "every pod" if path["from"] == ["*"] else ", ".join(f"`{one}`" for one in path["from"])
        when = f"; where `{path['when']}`" if "when" in path else ""
        rows.append(f"| {sources} | `{path['to']}` | {_port(path, values)} | {path['why']}{when} |")
    return HEAD + "\n".join([*rows, ""])


def _port(path: dict[str, Any], values: dict[str, Any]) -> str:
    port = path.get("port")
    if port is None:
        given = values["networkPolicies"]["to"][path["to"]].get("ports")
        return ", ".join(map(str, given)) if given else "that of its address"
    return f"{reduce(lambda place, key: place[key], port.split('.'), values)}" if isinstance(port, str) else f"{port}"
