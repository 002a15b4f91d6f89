"""What the chart is installed into: proxies, authorities and registries of one's own, OpenShift, another chart."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import CHART, helm, parse, pods, refusal, render

DIGEST = "sha256:" + "0f" * 32
PROXY = ("network.httpProxy=http://proxy:3128", "network.httpsProxy=http://proxy:3129", "network.noProxy=.example.com")


def containers(documents: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return name, container and pod of each container."""
    return [
        (f"{name}/{one['name']}", one, spec)
        for name, spec, _ in pods(documents)
        for one in [*spec.get("initContainers", []), *spec["containers"]]
    ]


def variables(container: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one.get("value") for one in container.get("env", [])}


def of_steps(documents: list[dict[str, Any]]) -> dict[str, str]:
    """Return what Airflow is told of the pods of steps."""
    (data,) = (one["data"] for one in documents if "MOLINO_PODS_SECRETS" in (one.get("data") or {}))
    return dict(data)


def test_every_container_knows_the_proxies_and_what_is_asked_without_them() -> None:
    documents = render("defaults", *PROXY)
    services = {one["metadata"]["name"] for one in documents if one["kind"] == "Service"}
    told = [variables(one) for _, one, _ in containers(documents)]
    for env in (*told, json.loads(of_steps(documents)["MOLINO_PODS_ENVIRONMENT"])):
        assert (env["HTTP_PROXY"], env["https_proxy"]) == ("http://proxy:3128", "http://proxy:3129")
        assert env["NO_PROXY"] == env["no_proxy"]
        assert services | {".example.com", ".svc", "$(KUBERNETES_SERVICE_HOST)"} <= set(env["NO_PROXY"].split(","))


def test_behind_a_proxy_a_part_that_is_switched_on_starts_no_other_anew() -> None:
    before = {name: spec for name, spec, _ in pods(render("defaults", *PROXY))}
    parts = ("monitoring.postgres.enabled=true", "monitoring.kubernetes.enabled=true", "serving.groups.a.models={own}")
    after = {name: spec for name, spec, _ in pods(render("defaults", *PROXY, *parts))}
    assert len(after) > len(before)
    assert [name for name in before if name not in after or before[name] != after[name]] == []


def test_every_container_has_the_authorities_where_its_libraries_look() -> None:
    documents = render("defaults", "network.caConfigMap=own")
    for name, container, spec in containers(documents):
        (mount,) = (one for one in container["volumeMounts"] if one["mountPath"] == "/etc/molino-ca")
        (volume,) = (one for one in spec["volumes"] if one["name"] == mount["name"])
        assert volume["configMap"] == {"name": "own"}
        files = {variables(container)[one] for one in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")}
        assert files == {"/etc/molino-ca/ca.crt"}, name
    steps = of_steps(documents)
    assert steps["MOLINO_PODS_CA_CONFIG_MAP"] == "own"
    assert json.loads(steps["MOLINO_PODS_ENVIRONMENT"])["GIT_SSL_CAINFO"] == "/etc/molino-ca/ca.crt"


def test_a_cluster_may_say_as_whom_pods_run() -> None:
    documents = render("defaults", "podSecurity.fixedUser=false")
    text = json.dumps(documents)
    assert [key for key in ("runAsUser", "runAsGroup", "fsGroup", "/etc/passwd") if key in text] == []
    assert {spec["securityContext"]["runAsNonRoot"] for _, spec, _ in pods(documents)} == {True}
    assert of_steps(documents)["MOLINO_PODS_FIXED_USER"] == "false"


def test_the_size_of_volumes_that_go_with_their_pod_may_be_bounded() -> None:
    documents = render("defaults", "emptyDirs.sizeLimit=10Gi")
    own = [one["emptyDir"] for _, spec, _ in pods(documents) for one in spec.get("volumes", []) if "emptyDir" in one]
    assert own
    assert [one for one in own if one["sizeLimit"] != "10Gi"] == []
    assert of_steps(documents)["MOLINO_PODS_EMPTY_DIR_SIZE"] == "10Gi"


def images(documents: list[dict[str, Any]]) -> set[str]:
    return {container["image"] for _, container, _ in containers(documents)}


def test_an_image_may_be_named_by_its_digest() -> None:
    own = ("airflow", "minio", "mlflow", "operations", "postgres", "serving", "tensorboard", "tensorboard.nginx")
    digests = [f"steps.image.digests.version={DIGEST}", *(f"{one}.image.digest={DIGEST}" for one in own)]
    found = images(render("defaults", *digests))
    assert [image for image in found if not image.endswith(f"@{DIGEST}")] == []


@pytest.mark.parametrize("registry", ["registry.example.com/ml", "registry.example.com/ml/"])
def test_all_images_come_from_one_registry(registry: str) -> None:
    found = images(render("production", f"image.registry={registry}"))
    assert "registry.example.com/ml/nginxinc/nginx-unprivileged:1.29-alpine" in found
    assert [image for image in found if not image.startswith("registry.example.com/ml/") or "//" in image] == []


def serving(*settings: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the container of the server, and its pod."""
    return next(
        (one, spec) for name, one, spec in containers(render("defaults", *settings)) if name.endswith("serving/serving")
    )


@pytest.mark.parametrize(
    ("settings", "prefix"),
    [
        ((), None),
        (("serving.ingress.path=/ml/v1/",), "/ml/v1"),
        (("serving.ingress.path=/ml", "serving.config.PATH_PREFIX=/own"), "/own"),
    ],
)
def test_the_server_knows_the_path_of_its_ingress(settings: tuple[str, ...], prefix: str | None) -> None:
    assert variables(serving(*settings)[0]).get("MOLINO_SERVING_PATH_PREFIX") == prefix


def test_the_keys_of_tokens_come_from_a_secret() -> None:
    container, spec = serving("serving.auth.jwtSecret=idp", "serving.auth.jwtKey=jwks.json")
    folder, _, file = variables(container)["MOLINO_SERVING_JWT_KEYS"].rpartition("/")
    (mount,) = (one for one in container["volumeMounts"] if one["mountPath"] == folder)
    (volume,) = (one for one in spec["volumes"] if one["name"] == mount["name"])
    assert volume["secret"]["secretName"] == "idp"
    assert volume["secret"]["items"] == [{"key": "jwks.json", "path": file}]
    said = refusal("defaults", "serving.auth.jwtSecret=idp", "serving.config.JWT_KEYS=/own")
    assert "serving.config.JWT_KEYS: the chart sets this itself" in said


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart that has this one twice, by alias and condition."""
    folder = tmp_path_factory.mktemp("parent")
    twice = [
        {"name": "molino", "version": "0.1.0", "alias": alias, "condition": f"{alias}.enabled"}
        for alias in ("first", "second")
    ]
    described = {"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": twice}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(described))
    shutil.copytree(CHART, folder / "charts" / "molino")
    return folder


def of_parent(parent: Path, values: dict[str, Any]) -> list[dict[str, Any]]:
    file = parent / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    done = helm("template", "ml", parent, "--namespace", "ml")
    assert done.returncode == 0, done.stderr
    return parse(done.stdout)


def test_a_parent_chart_may_have_it_twice(parent: Path) -> None:
    shared = {"serving": {"replicas": 2}}
    collecting = {"enabled": True, "podLogs": True}
    collector = {
        "podSecurity": {"standard": "any"}, "telemetry": {"endpoint": "http://t:4318", "collector": collecting}
    }  # fmt: skip
    values = {
        "global": {"team": "ml"},
        "first": {"enabled": True, "x-shared": shared, **shared, **collector},
        "second": {"enabled": True, "global": {"own": 1}, **collector},
    }
    documents = of_parent(parent, values)
    found = [(one["kind"], one["metadata"]["name"]) for one in documents]
    assert len(found) == len(set(found))
    assert {("Deployment", "ml-first-serving"), ("Deployment", "ml-second-serving")} <= set(found)
    specs = [one["spec"]["template"]["spec"] for one in documents if one["kind"] == "DaemonSet"]
    volumes = [{one["name"]: one for one in spec["volumes"]} for spec in specs]
    assert len({one["places"]["hostPath"]["path"] for one in volumes}) == len(specs) == 2


def test_a_parent_chart_may_leave_one_out(parent: Path) -> None:
    names = [one["metadata"]["name"] for one in of_parent(parent, {"second": {"enabled": False}})]
    assert names
    assert [name for name in names if not name.startswith("ml-first-")] == []
