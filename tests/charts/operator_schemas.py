"""JSON schemas of prometheus-operator's kinds, as kubeconform takes them, from the definitions in its Go module."""

import json
from pathlib import Path

import yaml
from kubernetes_schemas import strict
from published import module_file

MODULE, VERSION = "github.com/prometheus-operator/prometheus-operator", "v0.85.0"
FOLDER = "example/prometheus-operator-crd"
KINDS = ("servicemonitor", "podmonitor", "prometheusrule")


def write(folder: Path) -> None:
    """Write a strict schema of each kind, under the name by which kubeconform looks for it."""
    for kind in KINDS:
        path = module_file(MODULE, VERSION, f"{FOLDER}/monitoring.coreos.com_{kind}s.yaml")
        (version,) = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)["spec"]["versions"]
        schema = strict(version["schema"]["openAPIV3Schema"])
        (folder / f"{kind}-monitoring-{version['name']}.json").write_text(json.dumps(schema))
