"""What values the chart takes, and what it refuses."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import CHART, VALUE_FILES, helm, options, parse, pods, refusal, render

from charts.readme import readme
from charts.schema import DEFAULTS, OF_THE_PARENT, README, SCHEMA, defaults, schema, written

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def keys(values: Any, properties: dict[str, Any], path: str = "") -> tuple[set[str], set[str]]:
    """Return the paths of values and of the schema, down to the sections that are free."""
    here = {f"{path}{key}" for key in values}, {f"{path}{key}" for key in properties}
    for key, value in values.items():
        below = properties.get(key, {}).get("properties")
        if isinstance(value, dict) and value and below and f"{path}{key}" != "serving.config":
            own, known = keys(value, below, f"{path}{key}.")
            here = here[0] | own, here[1] | known
    return here


@pytest.mark.parametrize("values", VALUE_FILES)
def test_lint_finds_nothing(values: str) -> None:
    done = helm("lint", "--strict", CHART, *options(values))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_is_current() -> None:
    assert json.loads(SCHEMA.read_text()) == written(), "run make schema"


def test_the_defaults_of_empty_sections_are_current() -> None:
    assert DEFAULTS.read_text() == defaults(), "run make schema"


def test_the_readme_is_current_and_names_every_value() -> None:
    text = README.read_text()
    assert text == readme(schema(), VALUES), "run make schema"
    assert "| `serving.replicas` | `1` |" in text


def test_the_schema_has_the_keys_of_the_values() -> None:
    own, known = keys(VALUES, schema()["properties"])
    assert own == known - OF_THE_PARENT.keys()


@pytest.mark.parametrize(
    "setting",
    [
        *(
            f"{part}.auth.existingSecret=-"
            for part in ("airflow", "mlflow", "tensorboard", "serving", "s3", "database")
        ),
        "airflow.auth.existingSecret=Molino",
        "mlflow.ingress.tlsSecret=a_b",
        "serving.auth.jwtSecret=a b",
        "image.pullSecrets={a_b}",
        "network.caConfigMap=Authority",
        "postgres.persistence.existingClaim=x_y",
        "minio.persistence.storageClass=x y",
        "serving.ingress.className=nginx/",
        "mlflow.serviceAccount.name=.a",
        "scheduling.priorityClassName=a..b",
        f"externalSecrets.store={254 * 'a'}",
        "tls.issuer=it's",
        "serving.auth.jwtKey=a/b",
        "s3.buckets.store=a_b",
        "backup.destination.bucket=ab",
    ],
)
def test_a_name_that_no_object_can_have_is_refused_with_its_place(setting: str) -> None:
    path = setting.split("=")[0]
    said = refusal("defaults", setting)
    assert f"/{path.replace('.', '/')}'" in said or f"/{path.replace('.', '/')}/0'" in said
    assert "does not match pattern" in said or "maxLength" in said


@pytest.mark.parametrize("setting", ["servng.replicas=2", "serving.replica=2", "airflow.parts.worker.replicas=1"])
def test_an_unknown_key_is_refused(setting: str) -> None:
    name = setting.split("=")[0].split(".")
    unknown = {"servng": "servng", "serving": "replica", "airflow": "worker"}[name[0]]
    assert f"additional properties '{unknown}' not allowed" in refusal("defaults", setting)


def test_a_wrong_type_is_refused() -> None:
    assert "got string, want integer" in refusal("defaults", "serving.replicas=two")


@pytest.mark.parametrize(
    "key",
    [
        "minio.auth.rootPassword",
        "mlflow.auth.password",
        "tensorboard.auth.password",
        "airflow.auth.password",
        "serving.auth.apiKey",
    ],
)
def test_a_development_password_is_refused_in_production(key: str) -> None:
    assert f"{key} is the known development password" in refusal("production", f"{key}=mercadolibre")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["steps.gitAuth.existingSecret=own"], "set existingSecret and one of sshKey and credentials"),
        (["steps.gitAuth.sshKey=ssh-privatekey"], "set existingSecret and one of sshKey and credentials"),
        (["postgres.enabled=false"], "set database.host and database.auth.existingSecret"),
        (["minio.enabled=false"], "set s3.endpoint and s3.auth.existingSecret"),
        (["mlflow.enabled=false"], "set mlflow.externalUrl and mlflow.auth.existingSecret"),
        (["database.host=elsewhere"], "choose one of them"),
        (["database.sslmode=require"], "the built-in Postgres has no TLS"),
        (["database.caSecret=own"], "the built-in Postgres has no TLS"),
        (["mlflow.auth.password=short"], "mlflow.auth.password: mlflow takes none of less than 12 characters"),
        (["minio.auth.rootPassword=short"], "minio.auth.rootPassword: minio takes none of less than 8 characters"),
        (["sync=true"], "sync lets the code of running pods be changed: set environment: development"),
        (["serving.ingress.tlsSecret=tls"], "serving.ingress.host: a host is needed with tlsSecret"),
        (["notices.enabled=true", "airflow.enabled=false"], "notices.enabled: nobody has anything to tell"),
    ],
)
def test_half_a_setting_is_refused(settings: list[str], said: str) -> None:
    assert said in refusal("defaults", *settings)


@pytest.mark.parametrize(
    "path",
    [
        *(
            f"{component}.auth.{word}"
            for component in ("airflow", "mlflow", "tensorboard")
            for word in ("username", "password")
        ),
        "minio.auth.rootUser",
        "minio.auth.rootPassword",
        "serving.auth.apiKey",
        "postgres.auth.passwords.airflow",
    ],
)
def test_a_login_beside_the_secret_that_holds_it_is_refused(path: str) -> None:
    component = path.partition(".")[0]
    said = refusal("defaults", f"{component}.auth.existingSecret=own", f"{path}=of-twelve-letters")
    place = path.removesuffix(".airflow")
    assert f"{place} is set, and is read from the Secret of {component}.auth.existingSecret: put it in there" in said


def test_known_development_passwords_give_way_to_a_secret() -> None:
    components = ("airflow", "mlflow", "tensorboard", "minio", "serving")
    documents = render("kind", *(f"{component}.auth.existingSecret=own" for component in components))
    assert "bWVyY2Fkb2xpYnJl" not in json.dumps(documents), "mercadolibre, in base64"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["serving.ingress.host=10.0.0.1"], "serving.ingress.host: 10.0.0.1 is no host name"),
        ([f"mlflow.ingress.hosts={{{'a' * 64}.example.com}}", "mlflow.ingress.enabled=true"], "is no host name"),
        (["serving.ingress.path=/ml//x"], "serving.ingress.path: /ml//x is no path that an ingress takes"),
        (["serving.ingress.path=/ml/../x"], "serving.ingress.path: /ml/../x is no path that an ingress takes"),
        (["minio.service.port=9001"], "minio.service.port and minio.service.consolePort are both 9001"),
        (["telemetry.endpoint=http://tempo:4318"], "telemetry.endpoint: nobody would send anything there"),
        (["telemetry.endpoint=tempo:4318"], "telemetry.endpoint: tempo:4318 is no address: expected one such as https"),
        (
            ["minio.enabled=false", "s3.endpoint=https://s3/a", "s3.auth.existingSecret=own"],
            "s3.endpoint: https://s3/a has",
        ),
        (
            ["postgres.enabled=false", "database.host=db:6432", "database.auth.existingSecret=own"],
            "database.host: db:6432 is no host: expected one such as db.example.com, without scheme, user, port",
        ),
        (["database.port=6432"], "database.port is that of an external Postgres, and postgres.enabled is true"),
        (["notices.mail.server=smtp.example.com:587"], "notices.mail.server: smtp.example.com:587 is no host"),
        (["oidc.mlflow.url=mlflow.example.com"], "oidc.mlflow.url: mlflow.example.com is no address"),
        (["serving.service.spec.ports[0].port=1"], "service.spec.ports of serving: the chart sets this itself"),
        (["serving.service.spec.type=NodePort"], "the chart sets this itself, from service.type: leave it out"),
        (
            ["models.m=a", *(f"modelCode.m\\.c{n}\\.py={'x' * 70000}" for n in range(15))],
            "have 1050001 bytes",
        ),
    ],
)
def test_what_kubernetes_or_a_client_would_not_take_is_refused_in_a_line(settings: list[str], said: str) -> None:
    assert said in refusal("defaults", *settings)


def test_numbers_and_names_that_kubernetes_would_not_take_are_told_all_at_once() -> None:
    given = {
        "serving.service.port=0": "/serving/service/port': minimum: got 0, want 1",
        "mlflow.service.port=70000": "/mlflow/service/port': maximum: got 70,000, want 65,535",
        "serving.podDisruptionBudget.maxUnavailable=150%": "/serving/podDisruptionBudget/maxUnavailable': '150%'",
        "mlflow.podDisruptionBudget.minAvailable='1'": "/mlflow/podDisruptionBudget/minAvailable'",
        "postgres.resources.limits.memory=2GB": "/postgres/resources/limits/memory': '2GB'",
        "minio.persistence.size=20 Gi": "/minio/persistence/size': '20 Gi'",
        "emptyDirs.sizeLimit=lots": "/emptyDirs/sizeLimit': 'lots'",
        "pod.labels.team=data science": "/pod/labels/team': 'data science'",
        "pod.annotations.a b=c": "/pod/annotations': additional properties 'a b' not allowed",
        f"scheduling.nodeSelector.disk={'x' * 64}": "/scheduling/nodeSelector/disk'",
        "pod.probes.liveness.successThreshold=2": "/pod/probes/liveness/successThreshold'",
        "pod.probes.readiness.periodSeconds=0": "/pod/probes/readiness/periodSeconds': minimum: got 0, want 1",
        "image.registry=https://r.example.com": "/image/registry': 'https://r.example.com'",
        "postgres.image.repository=postgres:17": "/postgres/image/repository': 'postgres:17'",
        "mlflow.image.digest=9b2c": "/mlflow/image/digest': '9b2c'",
        "steps.image.names.trian=own": "/steps/image/names': additional properties 'trian' not allowed",
        "steps.image.digests.train=9b2c": "/steps/image/digests/train': '9b2c'",
        "backup.config.schedule=*/5 * * *": "/backup/config/schedule': '*/5 * * *'",
        "prune.config.schedule=TZ=UTC 3 3 * * *": "/prune/config/schedule': 'TZ=UTC 3 3 * * *'",
        "backup.config.deadlineSeconds=0": "/backup/config/deadlineSeconds': minimum: got 0, want 1",
        "backup.config.keep=0": "/backup/config/keep': minimum: got 0, want 1",
        "mlflow.config.workers=0": "/mlflow/config/workers': minimum: got 0, want 1",
        "monitoring.monitors.interval=30": "/monitoring/monitors/interval'",
        "monitoring.prometheus.retention=15 days": "/monitoring/prometheus/retention': '15 days'",
        "externalSecrets.refreshInterval=1d": "/externalSecrets/refreshInterval': '1d'",
        "networkPolicies.from.metrics[0].ipBlock.cidr=10.0.0.1": "/networkPolicies/from/metrics/0/ipBlock/cidr'",
        "networkPolicies.to.git.peers[0].podSelector.matchLabel.a=b": "additional properties 'matchLabel' not allowed",
        "airflow.config.CORE PARALLELISM=4": "/airflow/config': additional properties 'CORE PARALLELISM' not allowed",
        "postgres.config.a-b=4": "/postgres/config': additional properties 'a-b' not allowed",
        "serving.config.WORKER=4": "/serving/config': additional properties 'WORKER' not allowed",
        "serving.groups.a.models={flats,flats}": "/serving/groups/a/models': items at 0 and 1 are equal",
    }
    said = refusal("defaults", *given)
    assert [setting for setting, one in given.items() if one not in said] == []


def set_by_the_chart() -> Iterator[tuple[str, str]]:
    """Yield component and name of what each component's `config` would be rendered beside."""
    documents = render("defaults")
    maps = {one["metadata"]["name"]: one.get("data", {}) for one in documents if one["kind"] == "ConfigMap"}
    yield from (("airflow", name) for name in maps["molino-airflow"])
    for line in maps["molino-postgres"]["postgresql.conf"].splitlines():
        yield "postgres", line.partition(" =")[0]
    for pod, spec, workload in pods(documents):
        component = next((one for one in ("airflow", "minio", "serving") if one in pod), "")
        for container in spec["containers"] if component and workload["kind"] != "Job" else ():
            names = [one["name"] for one in container.get("env", [])]
            prefix = "MOLINO_SERVING_" if component == "serving" else ""
            yield from ((component, name.removeprefix(prefix)) for name in names if name.startswith(prefix))


def test_what_the_chart_sets_itself_is_refused_as_a_setting() -> None:
    taken = {one for one in set_by_the_chart() if one[1] not in VALUES[one[0]]["config"]}
    assert {component for component, _ in taken} == {"airflow", "minio", "postgres", "serving"}
    for component, name in sorted(taken):
        said = refusal("defaults", f"{component}.config.{name}=own")
        assert f"{component}.config.{name}: the chart sets this itself, from other values: leave it out" in said


def test_an_own_secret_is_used_and_none_made() -> None:
    documents = render("production")
    assert [document for document in documents if document["kind"] == "Secret"] == []


def test_an_image_registry_goes_before_every_image() -> None:
    text = json.dumps(render("defaults", "image.registry=registry.example/team"))
    images = {part.split('"')[0] for part in text.split('"image": "')[1:]}
    assert [image for image in images if not image.startswith("registry.example/team/")] == []


def templates(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the pod template of each workload that goes on running."""
    return {
        name: workload["spec"]["template"]
        for name, _, workload in pods(documents)
        if workload["kind"] in ("Deployment", "StatefulSet")
    }


def test_an_own_model_file_becomes_a_file_of_airflow() -> None:
    found = [one for one in render("defaults", "models.own=content") if one["metadata"]["name"] == "molino-models"]
    assert found[0]["data"] == {"own.yaml": "content"}


def test_an_own_model_file_starts_no_pod_anew() -> None:
    added = render("defaults", "models.own=content", r"modelCode.own\.code\.py=made=1")
    assert templates(added) == templates(render())


def test_the_pods_of_steps_mount_the_model_files_of_the_release() -> None:
    documents = render("defaults", "fullnameOverride=ml")
    (named,) = (one["data"] for one in documents if "MOLINO_PODS_SECRETS" in (one.get("data") or {}))
    maps = {one["metadata"]["name"] for one in documents if one["kind"] == "ConfigMap"}
    assert named["MOLINO_PODS_MODELS_CONFIG_MAP"] in maps


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("models.a/b=content", "models.a/b: a model is called by up to 40 small letters, digits and -, a letter first"),
        (r"models.flats\.yaml=content", "models.flats.yaml: a model is called by up to 40 small letters"),
        (r"modelCode.flats\.py=made=1", "modelCode.flats.py: expected <model>.<file>.py"),
        (
            r"modelCode.flats\.own\.py=made=1",
            "modelCode.flats.own.py: nobody would read it: a Python file goes with its",
        ),
        (
            r"modelCode.flats\.own/code\.py=made=1",
            "modelCode.flats.own/code.py: expected <model>.<file>.py, without folders",
        ),
    ],
)
def test_a_model_file_that_nobody_would_read_is_refused(setting: str, said: str) -> None:
    assert said in refusal("defaults", setting)


def test_a_new_version_of_the_chart_starts_no_pod_anew(tmp_path: Path) -> None:
    settings = ("image.tag=one",)
    copy = tmp_path / "molino"
    shutil.copytree(CHART, copy)
    described = (CHART / "Chart.yaml").read_text().replace("0.1.0", "7.0.0+built.1")
    (copy / "Chart.yaml").write_text(described)
    done = helm("template", "molino", copy, "--namespace", "molino", *options("defaults", *settings))
    assert "molino-7.0.0_built.1" in done.stdout, done.stderr
    assert templates(parse(done.stdout)) == templates(render("defaults", *settings))


@pytest.mark.parametrize(
    ("values", "setting"), [("defaults", "postgres.service.port"), ("production", "database.port")]
)
def test_all_ask_the_database_at_its_port(values: str, setting: str) -> None:
    text = json.dumps(render(values, f"{setting}=6543"))
    asked = re.findall(r'"MOLINO_DATABASE_PORT"(?:, "value")?: "(\d+)"', text)
    assert set(asked) == {"6543"}


def test_a_mode_that_verifies_wants_an_authority() -> None:
    said = refusal("production", "database.sslmode=verify-full")
    assert "database.sslmode is verify-full: set database.caSecret, a Secret with ca.crt" in said


def test_all_that_ask_the_database_have_its_authority() -> None:
    documents = render("production", "database.sslmode=verify-full", "database.caSecret=own")
    found = set()
    for name, spec, _ in pods(documents):
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            env = {one["name"]: one.get("value") for one in container.get("env", [])}
            if not env.keys() & {"AIRFLOW_PASSWORD", "MLFLOW_PASSWORD"}:
                continue
            found.add(name)
            folder, _, file = env["PGSSLROOTCERT"].rpartition("/")
            mount = next(one for one in container["volumeMounts"] if one["mountPath"] == folder)
            volume = next(one for one in spec["volumes"] if one["name"] == mount["name"])
            assert (volume["secret"]["secretName"], file) == ("own", "ca.crt")
    assert {name.partition("/")[0] for name in found} == {"Deployment", "Job"}
    assert len(found) == 8


def test_serving_annotations_are_left_to_the_deploy_step() -> None:
    serving = next(
        one for one in render() if one["kind"] == "Deployment" and one["metadata"]["name"] == "molino-serving"
    )
    annotations = serving["spec"]["template"]["metadata"]["annotations"]
    assert [key for key in annotations if key.startswith("molino.dev/release.")] == []


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("serving.auth.apiKey", {"serving"}),
        ("tensorboard.auth.password", {"tensorboard"}),
        ("minio.auth.rootPassword", {"minio"}),
        (
            "postgres.auth.passwords.airflow",
            {
                "postgres",
                "mlflow",
                *(f"airflow-{part}" for part in ("api-server", "dag-processor", "scheduler", "triggerer")),
            },
        ),
    ],
)
def test_another_password_starts_the_pods_anew_that_read_it(key: str, changed: set[str]) -> None:
    before, after = (
        {
            workload["metadata"]["name"]: workload["spec"]["template"]
            for _, _, workload in pods(render("kind", *settings))
            if workload["kind"] in ("Deployment", "StatefulSet")
        }
        for settings in ((), (f"{key}=another-password",))
    )
    assert {name.removeprefix("molino-") for name in before if before[name] != after[name]} == changed


@pytest.mark.parametrize(
    ("given", "files"),
    [
        (
            {"existingSecret": "deploy-key", "sshKey": "ssh-privatekey"},
            {"MOLINO_GIT_SSH_KEY": "deploy-key/ssh-privatekey"},
        ),
        ({"existingSecret": "token", "credentials": "stored"}, {"MOLINO_GIT_CREDENTIALS": "token/stored"}),
    ],
)
def test_the_login_at_a_git_remote_reaches_the_pods(given: dict[str, str], files: dict[str, str]) -> None:
    documents = render("defaults", *(f"steps.gitAuth.{name}={value}" for name, value in given.items()))
    (data,) = (one["data"] for one in documents if "MOLINO_PODS_SECRETS" in (one.get("data") or {}))
    assert json.loads(data["MOLINO_PODS_SECRET_FILES"]) == files
    assert not any("MOLINO_PODS_SECRET_FILES" in (one.get("data") or {}) for one in render())


def test_host_keys_and_the_bounds_of_sources_reach_the_steps() -> None:
    (before,) = (one["data"] for one in render() if one["metadata"]["name"] == "molino-steps" and "data" in one)
    assert not {name for name in before if name.startswith(("MOLINO_SOURCE", "MOLINO_GIT_HOST"))}
    given = {
        "gitHostKeys": "git.example.org ssh-ed25519 AAAA", "sourceSchemes": "s3\\,https", "sourceHosts": "*.internal",
        "sourceLargestBytes": "21474836480", "sourceLargestUnpackedBytes": "107374182400",
    }  # fmt: skip
    documents = render("defaults", *(f"steps.config.{name}={value}" for name, value in given.items()))
    (data,) = (one["data"] for one in documents if one["metadata"]["name"] == "molino-steps" and "data" in one)
    assert {name: data[name] for name in data.keys() - before.keys()} == {
        "MOLINO_GIT_HOST_KEYS": "git.example.org ssh-ed25519 AAAA",
        "MOLINO_SOURCE_SCHEMES": "s3,https",
        "MOLINO_SOURCE_HOSTS": "*.internal",
        "MOLINO_SOURCE_LARGEST_BYTES": "21474836480",
        "MOLINO_SOURCE_LARGEST_UNPACKED_BYTES": "107374182400",
    }


def test_errors_are_reported_by_steps_and_serving_where_an_address_is_given() -> None:
    address = "https://key@sentry.example/1"
    documents = render("defaults", f"sentry.dsn={address}")
    maps = {one["metadata"]["name"]: one.get("data", {}) for one in documents if one["kind"] == "ConfigMap"}
    told = {
        container["name"]: {one["name"]: one.get("value") for one in container.get("env", [])}
        for pod, spec, workload in pods(documents)
        if "serving" in pod and workload["kind"] == "Deployment"
        for container in spec["containers"]
    }

    assert maps["molino-steps"]["MOLINO_SENTRY_DSN"] == told["serving"]["MOLINO_SENTRY_DSN"] == address
    assert "MOLINO_SENTRY_DSN" not in str(render("defaults"))
