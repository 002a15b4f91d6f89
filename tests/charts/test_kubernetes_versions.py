"""The rendered chart by the strict schemas of three Kubernetes versions: the oldest, the tests' own, the newest."""

import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import operator_schemas
import pytest
import yaml
from kubernetes_schemas import LOCATION, files, folder
from programs import find
from rendering import CHART, VALUE_FILES, render_text

from tests.cluster.recipes import KUBERNETES, RECIPES

OLDEST, NEWEST = "1.33.13", "1.37.2"
VERSIONS = (OLDEST, KUBERNETES, NEWEST)
INSTALL = "go install {0.module}/{0.programs[kubeconform]}@{0.version}".format(RECIPES["kubeconform"])


@cache
def operator_folder() -> "TemporaryDirectory[str]":
    """Return a folder with the schemas of prometheus-operator's kinds."""
    made = TemporaryDirectory()
    operator_schemas.write(Path(made.name))
    return made


def conform(text: str, version: str) -> "subprocess.CompletedProcess[str]":
    program = find("kubeconform", INSTALL)
    places = [str(folder(version)), operator_folder().name]
    locations = [word for place in places for word in ("-schema-location", f"{place}/{LOCATION}")]
    command = [program, "-strict", *locations, "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", VALUE_FILES)
def test_every_object_is_as_kubernetes_wants_it(values: str, version: str) -> None:
    done = conform(render_text(values, "--kube-version", version), version)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("replicas:", "replicaz:"), "additional properties 'replicaz' not allowed"),
        (("periodSeconds: 3", "periodSeconds: often"), "got string, want integer"),
        (("jobLabel:", "jobLabels:"), "additional properties 'jobLabels' not allowed"),
        (("alert: MolinoModelOld", "alerts: MolinoModelOld"), "additional properties 'alerts' not allowed"),
    ],
)
def test_another_object_is_refused(change: tuple[str, str], said: str) -> None:
    done = conform(render_text("production").replace(*change), KUBERNETES)
    assert done.returncode == 1
    assert said in done.stdout


def test_the_oldest_version_is_the_oldest_that_the_chart_takes() -> None:
    wanted = yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"]
    assert wanted == f">={OLDEST.rpartition('.')[0]}.0-0"


def test_a_schema_takes_no_more_than_it_names() -> None:
    kind = {"group": "apps.k8s.io", "kind": "Box", "version": "v1"}
    definition = {"properties": {"size": {"type": "string", "format": "int-or-string"}, "lid": {"type": "object"}}}
    made = files({"own.Box": definition | {"x-kubernetes-group-version-kind": [kind]}})["box-apps-v1.json"]
    assert made["$ref"] == "#/definitions/own.Box"
    assert made["definitions"]["own.Box"] == {
        "properties": {"size": {"type": ["string", "integer"]}, "lid": {"type": "object"}},
        "additionalProperties": False,
    }


def test_a_schema_has_what_it_points_to_and_nothing_else() -> None:
    kind = {"group": "", "kind": "Box", "version": "v1"}
    definitions = {
        "own.Box": {
            "properties": {"lid": {"$ref": "#/definitions/own.Lid"}},
            "x-kubernetes-group-version-kind": [kind],
        },
        "own.Lid": {"properties": {"boxes": {"type": "array", "items": {"$ref": "#/definitions/own.Box"}}}},
        "own.Bag": {"type": "string"},
    }
    assert set(files(definitions)["box-v1.json"]["definitions"]) == {"own.Box", "own.Lid"}
