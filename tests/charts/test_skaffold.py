"""skaffold.yaml, by its published schema, and by what it says of images, values, Services and folders."""

import copy
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from published import module_file
from rendering import CHART, ROOT, pods, render

from images.build import OWN_BASE, address, arguments, dockerfile, names
from molino.contracts.steps import STEP_NAMES
from tests.cluster import kind

SKAFFOLD = ("github.com/GoogleContainerTools/skaffold/v2", "v2.24.0")
CONFIG = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
ARTIFACTS = {artifact["image"]: artifact for artifact in CONFIG["build"]["artifacts"]}
CONTROLLER, MOLINO = CONFIG["deploy"]["helm"]["releases"]
SYNCED = [name for name, artifact in ARTIFACTS.items() if "sync" in artifact]
FIVE = {"airflow-api-server": 8080, "mlflow": 5000, "tensorboard": 8090, "minio": 9001, "serving": 8000}
"""Port of each page by Service, as the README and NOTES.txt have them."""


def profile(name: str) -> dict[str, Any]:
    """Return the settings with a profile's patches."""
    found = next(one for one in CONFIG["profiles"] if one["name"] == name)
    changed = copy.deepcopy(CONFIG)
    for patch in found["patches"]:
        *path, last = [int(part) if part.isdigit() else part for part in patch["path"].split("/")[1:]]
        place = changed
        for part in path:
            place = place[part]
        if patch["op"] == "remove":
            del place[last]
        else:
            place[last] = patch["value"]
    return changed


def flags(release: dict[str, Any]) -> list[str]:
    """Return the settings of a release as `--set` takes them."""
    return [f"{key}={value}" for key, value in release.get("setValues", {}).items()]


@pytest.fixture(scope="module")
def schema() -> Any:
    version = CONFIG["apiVersion"].removeprefix("skaffold/")
    file = module_file(*SKAFFOLD, f"docs-v2/content/en/schemas/{version}.json")
    return jsonschema_rs.validator_for(yaml.safe_load(file.read_text()))


def test_skaffold_takes_it(schema: Any) -> None:
    assert [error.message for error in schema.iter_errors(CONFIG)] == []


@pytest.mark.parametrize("name", ["kind", "production"])
def test_skaffold_takes_it_with_a_profile(schema: Any, name: str) -> None:
    assert [error.message for error in schema.iter_errors(profile(name))] == []


def test_skaffold_takes_no_other(schema: Any) -> None:
    assert not schema.is_valid(CONFIG | {"deploy": {"helm": {"release": []}}})


@pytest.mark.parametrize("name", ["kind", "production"])
def test_skaffold_itself_reads_it(name: str, tmp_path: Path) -> None:
    if not shutil.which("skaffold"):
        pytest.skip(
            "skaffold.yaml is not read by skaffold itself: it isn't installed (https://skaffold.dev/docs/install)"
        )
    environment = {**os.environ, "HOME": str(tmp_path), "SKAFFOLD_UPDATE_CHECK": "false"}
    command = ["skaffold", "diagnose", "--yaml-only", "--profile", name]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)
    assert (read["build"]["local"].items() >= profile(name)["build"]["local"].items(), releases(read)) == (
        True,
        releases(profile(name)),
    )


def releases(config: dict[str, Any]) -> list[tuple[str, list[str], dict[str, str]]]:
    """Return name, values files and settings of each release."""
    return [
        (
            release["name"],
            [str((ROOT / file).relative_to(ROOT)) for file in release.get("valuesFiles", ())],
            release.get("setValues", {}),
        )
        for release in config["deploy"]["helm"]["releases"]
    ]


@pytest.mark.parametrize("found", CONFIG["profiles"], ids=lambda found: found["name"])
def test_a_profile_patches_what_it_does_not_replace(found: dict[str, Any]) -> None:
    """Skaffold replaces as a whole what can be said in one of several ways, such as how to build and how to deploy."""
    replaced = {f"{section}.{key}" for section in ("build", "deploy") for key in found.get(section, {})}
    assert replaced <= {"build.tagPolicy", "deploy.kubeContext"}


# Images.


def test_every_image_is_an_artifact() -> None:
    assert list(ARTIFACTS) == [f"molino-{names()[0]}", *(f"molino-{step}" for step in STEP_NAMES), *components()]


def components() -> list[str]:
    return [f"molino-{name}" for name in names()[1:] if name not in STEP_NAMES]


@pytest.mark.parametrize("name", names())
def test_an_image_is_built_from_its_dockerfile(name: str) -> None:
    assert ROOT / ARTIFACTS[f"molino-{name}"]["docker"]["dockerfile"] == dockerfile(name)


@pytest.mark.parametrize("name", names())
def test_an_image_is_built_with_the_arguments_that_make_images_gives(name: str) -> None:
    artifact = ARTIFACTS[f"molino-{name}"]
    built_on = {
        one["alias"]: address(one["image"].removeprefix("molino-"), "", "") for one in artifact.get("requires", ())
    }
    revision = '{{index . "MOLINO_CODE_REVISION" | default "unknown"}}'
    given = {key: "" if value == revision else value for key, value in artifact["docker"].get("buildArgs", {}).items()}
    wanted = {key: "" if key == "REVISION" else value for key, value in arguments(name, "", "", {}).items()}
    assert built_on | given == wanted


@pytest.mark.parametrize("artifact", ARTIFACTS.values(), ids=ARTIFACTS)
def test_an_image_has_a_label_of_its_revision(artifact: dict[str, Any]) -> None:
    label = "--label=org.opencontainers.image.revision={{"
    assert [flag for flag in artifact["docker"]["cliFlags"] if flag.startswith(label)]


@pytest.mark.parametrize("name", ["kind", "production"])
def test_buildkit_reads_the_dockerfiles(name: str) -> None:
    assert profile(name)["build"]["local"]["useBuildkit"] is True


# Values.


def test_every_image_key_of_the_values_is_set() -> None:
    own = {
        key for key, section in VALUES.items() if "molino-" in str(section) and "repository" in section.get("image", {})
    }
    wanted = {f"{key}.image.{part}" for key in own for part in ("repository", "tag")}
    assert MOLINO["setValueTemplates"].keys() == wanted | {f"steps.image.names.{step}" for step in STEP_NAMES}


def test_every_image_that_a_value_names_is_an_artifact() -> None:
    named = set(re.findall(r"\{\{\.IMAGE_[A-Z_]+_(molino_\w+)\}\}", str(MOLINO["setValueTemplates"])))
    assert named == {name.replace("-", "_") for name in ARTIFACTS if name != OWN_BASE}


@pytest.mark.parametrize("key", MOLINO["setValueTemplates"])
def test_a_value_names_the_image_of_its_key(key: str) -> None:
    component = key.rpartition(".")[2] if key.startswith("steps.") else key.partition(".")[0]
    assert set(re.findall(r"_(molino_\w+)\}\}", MOLINO["setValueTemplates"][key])) == {f"molino_{component}"}


def test_built_images_are_those_of_the_pods() -> None:
    settings = [f"{key}={filled(key)}" for key in MOLINO["setValueTemplates"]]
    images = {
        container["image"].partition(":")[0]
        for _, spec, _ in pods(render("kind", *settings))
        for container in [*spec.get("initContainers", []), *spec["containers"]]
    }
    own = {f"built/{name}" for name in [*components(), "molino-version"]}  # that of a step too: helm test's doctor
    assert {image for image in images if "molino" in image} == own


def filled(key: str) -> str:
    """Return what skaffold makes of a template for images that aren't pushed."""
    template = MOLINO["setValueTemplates"][key]
    for pattern, text in {r"IMAGE_REPO_(\w+)": r"built/\1", r"IMAGE_TAG_\w+": "tag", r"IMAGE_DIGEST_\w+": ""}.items():
        template = re.sub(r"\{\{\." + pattern + r"\}\}", text, template)
    return re.sub(r"\{\{\.IMAGE_FULLY_QUALIFIED_(\w+)\}\}", r"built/\1:tag", template).replace("_", "-").rstrip("@")


# Releases.


def test_the_ingress_controller_is_f5s_and_comes_first() -> None:
    assert CONTROLLER["remoteChart"] == "oci://ghcr.io/nginx/charts/nginx-ingress"
    assert MOLINO["dependsOn"] == [CONTROLLER["name"]]


def test_kind_is_that_of_the_kind_config() -> None:
    found = next(one for one in CONFIG["profiles"] if one["name"] == "kind")
    assert found["deploy"]["kubeContext"] == f"kind-{kind.NAME}"
    assert {"kubeContext": f"kind-{kind.NAME}"} in found["activation"]


def test_every_ingress_of_kind_has_a_host_as_f5s_controller_wants() -> None:
    documents = render("kind", *flags(profile("kind")["deploy"]["helm"]["releases"][1]))
    hosts = [rule.get("host") for one in documents if one["kind"] == "Ingress" for rule in one["spec"]["rules"]]
    assert hosts == ["localhost"]


@pytest.mark.parametrize("name", ["kind", "production"])
def test_a_profile_takes_its_values_file(name: str) -> None:
    release = profile(name)["deploy"]["helm"]["releases"][-1]
    assert release["valuesFiles"] == [f"charts/molino/values-{name}.yaml"]
    assert render(name, *flags(release))


def test_production_installs_no_ingress_controller() -> None:
    releases = profile("production")["deploy"]["helm"]["releases"]
    assert [(release["name"], "dependsOn" in release) for release in releases] == [("molino", False)]


# Ports.


def test_the_five_pages_are_forwarded() -> None:
    forwarded = {one["resourceName"].removeprefix("molino-"): one["localPort"] for one in CONFIG["portForward"]}
    assert forwarded == FIVE


@pytest.mark.parametrize("name", ["kind", "production"])
def test_a_forwarded_port_is_one_of_a_service(name: str) -> None:
    ports = {
        (document["metadata"]["name"], port["port"])
        for document in render(name)
        if document["kind"] == "Service"
        for port in document["spec"]["ports"]
    }
    assert {(one["resourceName"], one["port"]) for one in profile(name)["portForward"]} <= ports


# Sync.


def copies(name: str) -> dict[str, str]:
    """Return where an image has each folder or file of the repository that it copies."""
    text = dockerfile(name).read_text()
    workdir = re.findall(r"^WORKDIR (.+)$", dockerfile("base").read_text() + text, re.MULTILINE)[-1]
    found = {}
    for words in re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+)$", text, re.MULTILINE):
        *sources, target = words.split()
        found |= {source: str(Path(workdir) / target) for source in sources}
    return found


RULES = [(name, rule["src"], rule["dest"]) for name in SYNCED for rule in ARTIFACTS[name]["sync"]["manual"]]


def test_dags_and_serving_are_synced() -> None:
    assert {(name, source.partition("/")[0]) for name, source, _ in RULES} == {
        ("molino-airflow", "pipelines"),
        ("molino-serving", "serving"),
    }


@pytest.mark.parametrize(("name", "source", "target"), RULES)
def test_what_is_synced_is_there(name: str, source: str, target: str) -> None:
    assert [path for path in ROOT.glob(source) if path.is_file() or source.endswith("**")]


@pytest.mark.parametrize(("name", "source", "target"), RULES)
def test_a_file_is_synced_to_where_the_image_has_it(name: str, source: str, target: str) -> None:
    folder = source.partition("/")[0]
    assert copies(name.removeprefix("molino-"))[folder] == f"{target}/{folder}"


@pytest.mark.parametrize(("name", "source", "target"), RULES)
def test_a_file_is_synced_to_where_pods_can_be_written(name: str, source: str, target: str) -> None:
    release = profile("kind")["deploy"]["helm"]["releases"][1]
    written = [
        [mount for mount in container["volumeMounts"] if mount["mountPath"] == target and not mount.get("readOnly")]
        for _, spec, workload in pods(render("kind", *flags(release)))
        if workload["kind"] == "Deployment"
        for container in spec["containers"]
        if container["image"].startswith(f"{name}:")
    ]
    assert written
    assert all(written)


def test_synced_files_are_in_no_image_of_a_step() -> None:
    sources = [source for step in STEP_NAMES for source in copies(step)]
    assert [source for source in sources if source in ("pipelines", "serving")] == []
