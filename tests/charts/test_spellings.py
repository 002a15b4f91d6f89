"""Every string and number of the values, in spellings that YAML or Kubernetes takes for something else."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rendering import CHART, helm, parse
from test_kubernetes_versions import conform

from charts.schema import FREE, LISTED
from charts.schema import schema as values_schema
from charts.sections import SECTIONS
from tests.cluster.recipes import KUBERNETES

ANY = (
    "2025",
    "1e3",
    "true",
    "null",
    "~",
    "-",
    "+1",
    "*.example.com",
    "it's",
    'a"b\\c',
    "a: b #c",
    "a\r\nb",
    "é",
    "0x1f",
)
ONE_LINE = tuple(text for text in ANY if text.isascii() and text.isprintable())
LONG = tuple(text * 13 for text in ONE_LINE)
"""Passwords that are long enough for those who ask for that."""
LARGE = 33554432
NAMES = ("2025", "1e3", "true", "null", "0x1f")
HOSTS = ("*.models.example.com", *NAMES)
WITHOUT_COLON = tuple(text for text in ONE_LINE if ":" not in text)
LOGINS = ("mlflow", "tensorboard")
LABELS = ("2025", "1e3", "true", "null", "0x1f")
OBJECTS = (*NAMES, "a.b-c")
OF_OBJECTS = ("caConfigMap", "className", "existingClaim", "storageClass", "externalSecrets.store", "tls.issuer")
"""Values that name objects of Kubernetes, besides those whose names end with Secret."""
SECRET_KEYS = ("serving.auth.jwtKey", "steps.gitAuth.sshKey", "steps.gitAuth.credentials")
OF_ALERTS = {"for": ("0s", "90s", "1h", "1d"), "severity": LABELS, "threshold": (LARGE, 0.5, "1e3", ".5", "45.")}
AMOUNTS = ("2025", "1e3", "1.5", ".5", "500m", "2Gi", "1E")
IMAGES = {
    "registry": ("2025", "1e3", "null", "r.example:5000/a-b/", "[fd00::1]:5000", "R.example"),
    "repository": ("2025", "1e3", "true", "null", "r.example:5000/a/b_c", "/a//b/"),
    "tag": ("2025", "1e3", "true", "null", "0x1f", "1.10", "_a-b"),
    "digest": (f"sha256:{'0' * 64}", f"sha256:{'1e3' * 21}0"),
    "names": ("2025", "1e3", "r.example:5000/a/b:1.10", f"a@sha256:{'0' * 64}"),
    "prefix": ("2025", "1e3", "null", "/r.example:5000/a-", ""),
}
ADDRESSES = tuple(f"https://{host}" for host in ("2025", "[fd00::1]:9000", "it's", "a_b", "null:443"))
CRON = ("@hourly", "*/5 * * * *", "0 3 * * 1-5", "1 2 3 4 5")
OF_DATABASES = {
    "host": ("2025", "1e3", "null", "fd00::1", "db.example.com."),
    "user": ("2025", "1e3", "true", "null", "-", "ada@db"),
    "name": ("2025", "1e3", "true", "null", "-", "a.b"),
}
TAKEN = {
    **dict.fromkeys(
        (
            "s3.endpoint",
            "mlflow.externalUrl",
            "backup.destination.endpoint",
            "telemetry.endpoint",
            "sentry.dsn",
            "network.httpProxy",
            "network.httpsProxy",
        ),
        ADDRESSES,
    ),
    "database.host": ("2025", "1e3", "null", "fd00::1", "db.example.com.", "it's"),
    **{
        f"database.services.{service}.{name}": spelled
        for service in ("airflow", "mlflow", "mlflowAuth")
        for name, spelled in OF_DATABASES.items()
    },
    "steps.image.prefix": IMAGES["prefix"],
    **dict.fromkeys(("backup.config.schedule", "postgres.archive.schedule", "prune.config.schedule"), CRON),
    "postgres.archive.restore": ("latest", "2026-11-28T10:00:00Z", "2026-11-28T10:00:00+02:00", ""),
    "monitoring.monitors.interval": ("30s", "1h30m", ""),
    "monitoring.prometheus.retention": ("15d", "1y6w", "36h"),
    "externalSecrets.refreshInterval": ("0", "1h30m", "0.5s"),
    "notices.mail.server": ("2025", "1e3", "fd00::1", "smtp.example.com."),
    **dict.fromkeys((f"oidc.{one}.url" for one in ("mlflow", "tensorboard", "serving", "minio")), ADDRESSES),
    "nameOverride": NAMES,
    "fullnameOverride": NAMES,
    "serving.auth.apiKey": ("2025", "1e3", "true", "null", "~", "-", "+1", "it's"),
    "airflow.auth.username": ONE_LINE,
    "minio.auth.rootUser": ONE_LINE,
    "minio.auth.rootPassword": LONG,
    **{f"{one}.auth.username": WITHOUT_COLON for one in LOGINS},
    **{f"{one}.auth.password": LONG for one in LOGINS},
}
"""Spellings by path, where the chart refuses others."""
PLACES: dict[str, dict[str, Any]] = {
    "built in": {},
    "elsewhere": {"postgres.enabled": False, "minio.enabled": False, "mlflow.enabled": False},
}
"""Where database, object storage and MLflow are."""
LOGGED_IN = ("airflow", "mlflow", "tensorboard", "minio", "serving", "postgres")
"""Parts whose logins are in the values or in a Secret that is there, and never in both."""
IN_THE_VALUES = tuple(
    f"{part}.auth.{name}"
    for part in LOGGED_IN
    for name in ("username", "password", "rootUser", "rootPassword", "apiKey", "passwords")
)
LOGINS_UNUSED = {
    "in the values": tuple(f"{part}.auth.existingSecret" for part in LOGGED_IN),
    "in Secrets": IN_THE_VALUES,
}
ELSEWHERE = (
    "database.host",
    "database.port",
    "database.auth",
    "database.caSecret",
    "database.services",
    "s3.endpoint",
    "s3.auth",
    "mlflow.externalUrl",
)
BUILT_IN = ("postgres.auth.existingSecret", "minio.auth.existingSecret")
FREE_KEYS = {"models": "own", "modelCode": "own.code.py", "names": "train", "annotations": "example.com/own"}


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every path of the values with the schema of what is there, but of sections with tests of their own."""
    for key, below in schema["properties"].items():
        here = f"{path}.{key}".lstrip(".")
        if "properties" in below:
            yield from leaves(below, here)
        elif here not in ("global", "enabled", "extraObjects") and not SECTIONS.keys() & set(here.split(".")):
            yield here, below


def spellings(path: str, schema: dict[str, Any]) -> Sequence[Any]:
    """Return the values to try at a path."""
    name = path.rpartition(".")[2]
    kind = schema.get("type", "")
    if path in LISTED or kind == "boolean" or path.endswith(("service.type", "service.spec")):
        return []
    if name == "consolePort":
        return (2, 65534)
    if kind == "integer":
        return max(1, schema.get("minimum", 1)), schema.get("maximum", LARGE)
    if kind == "array":
        of_lists = {"hosts": HOSTS, "pullSecrets": OBJECTS}
        return [[text] for text in of_lists.get(name, ANY)]
    if name in ("limits", "requests"):
        return [{key: value} for key, value in zip(("cpu", "memory") * 4, (*AMOUNTS, LARGE), strict=True)]
    if name == "labels":
        return [{"example.com/own": value} for value in (*LABELS, LARGE, 0.5, True)]
    if kind == "object":
        return [{FREE_KEYS.get(name, "OWN"): value} for value in (*ANY, LARGE, 0.5, True)] if _free(path, name) else []
    if "string" not in kind:
        return []
    if path.startswith("serving.config."):
        return [] if name in ("HOME", "HOST", "JWT_KEYS", "PORT") else (*ANY, LARGE, 0.5, True)
    if path.startswith("monitoring.rules.alerts."):
        return OF_ALERTS[name]
    if path.startswith(("steps.image.names.", "steps.image.digests.")):
        return IMAGES["digest" if "digests" in path else "names"]
    if path.split(".")[-2:-1] == ["image"]:
        return IMAGES[name]
    if name in ("size", "sizeLimit"):
        return AMOUNTS
    if path.endswith(("Secret", *OF_OBJECTS)):
        return (*OBJECTS, *(("-",) if name == "storageClass" else ()))
    if path in SECRET_KEYS:
        return (*OBJECTS, "tls.crt", "_a", "-")
    if path.startswith("s3.buckets.") or name == "bucket":
        return ("2025", "1e3", "true", "null", "0x1f", "a.b-c")
    if path.endswith("ingress.host"):
        return HOSTS
    if path.endswith("ingress.path"):
        return [f"{path.partition('.')[0]}/{text}" for text in ANY]
    return TAKEN.get(path, ANY)


def _free(path: str, name: str) -> bool:
    return name in FREE or path.endswith(".config")


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """Return values by path as a values file has them."""
    made: dict[str, Any] = {}
    for path, value in values.items():
        *words, last = path.split(".")
        place = made
        for word in words:
            place = place.setdefault(word, {})
        place[last] = value
    return made


def rendered(folder: Path, values: dict[str, Any], *arguments: str) -> str:
    """Return what a values file renders."""
    file = folder / "values.yaml"
    file.write_text(json.dumps(nested(values)))
    done = helm("template", *(arguments or ("molino",)), CHART, "--values", file)
    assert done.returncode == 0, f"{values}: {done.stderr}"
    return done.stdout


def faults(text: str) -> str:
    """Return what is no YAML, has a key twice, or isn't of Kubernetes' types, read as Kubernetes reads it."""
    done = conform(text, KUBERNETES)
    return done.stdout + done.stderr


SPELLINGS = {path: spellings(path, below) for path, below in leaves(values_schema())}
ROUNDS = range(max(map(len, SPELLINGS.values())))


def spelled(place: str, logins: str, turn: int) -> dict[str, Any]:
    """Return a spelling of every value that is used with database, storage and MLflow there; another one each turn."""
    unused = (*(BUILT_IN if place == "elsewhere" else ELSEWHERE), *LOGINS_UNUSED[logins])
    values = {
        path: found[turn % len(found)] for path, found in SPELLINGS.items() if found and not path.startswith(unused)
    }
    switches = {f"{path.rpartition('.')[0]}.enabled": True for path in values if path.endswith("ingress.host")}
    return values | switches | {"telemetry.traces": True} | PLACES[place]


@pytest.mark.parametrize("turn", ROUNDS)
@pytest.mark.parametrize(
    ("place", "logins"), [("built in", "in the values"), ("built in", "in Secrets"), ("elsewhere", "in Secrets")]
)
def test_a_value_is_what_it_says_however_it_looks(place: str, logins: str, turn: int, tmp_path: Path) -> None:
    values = spelled(place, logins, turn)
    assert len(values) > 100
    assert faults(rendered(tmp_path, values)) == ""


@pytest.mark.parametrize("name", ["2025", "1e3", "true", "a.b", "null"])
def test_a_release_and_a_namespace_may_be_called_what_yaml_takes_for_a_number(name: str, tmp_path: Path) -> None:
    text = rendered(tmp_path, {}, name, "--namespace", name.replace(".", "-"))
    assert faults(text) == ""
    names = {one["metadata"]["name"] for one in parse(text)}
    assert [one for one in names if not one[0].isalpha() or "." in one] == []


def test_the_names_of_a_long_release_are_short_enough_and_differ(tmp_path: Path) -> None:
    parts = ("backup", "prune", "postgres.archive", "monitoring.pipelines")
    values = {f"{part}.enabled": True for part in parts}
    names: dict[str, list[str]] = {}
    for end in "ab":
        for one in parse(rendered(tmp_path, values, f"{'long-' * 10}{end}")):
            names.setdefault(one["kind"], []).append(one["metadata"]["name"])
    assert max(map(len, names["CronJob"])) <= 52
    assert max(map(len, names["Job"] + names["Service"] + names["Deployment"])) <= 63
    assert [kind for kind, found in names.items() if len(found) != len(set(found))] == []


def test_a_large_number_is_written_out(tmp_path: Path) -> None:
    values = {"serving.config": {"MAX_BODY_BYTES": LARGE}, "airflow.config": {"AIRFLOW__CORE__MAX_MAP_LENGTH": 1000000}}
    text = rendered(tmp_path, values)
    assert f'value: "{LARGE}"' in text
    of_alerts = {"monitoring.rules.enabled": True, "monitoring.rules.alerts.MolinoDatabaseConnections.threshold": LARGE}
    assert f" > {LARGE}\n" in rendered(tmp_path, of_alerts)
    assert '"AIRFLOW__CORE__MAX_MAP_LENGTH": "1000000"' in text


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("it's", "'it''s'"),
        ("a\\b", r"'a\\b'"),
        ("a\r\nb", r"'a\r\nb'"),
        (LARGE, f"'{LARGE}'"),
        (0.5, "'0.5'"),
        ("on", "'on'"),
    ],
)
def test_a_setting_of_postgres_is_quoted_as_it_wants(value: object, written: str, tmp_path: Path) -> None:
    documents = parse(rendered(tmp_path, {"postgres.config": {"own": value}}))
    (conf,) = (one["data"]["postgresql.conf"] for one in documents if "postgresql.conf" in one.get("data", {}))
    assert f"own = {written}" in conf.splitlines()


def test_what_is_of_the_whole_cluster_is_told_from_that_of_another_namespace(tmp_path: Path) -> None:
    values = {"steps.admissionPolicy.enabled": True}
    places = (("ml", "prod-molino"), ("ml-prod", "molino"))
    texts = [rendered(tmp_path, values, release, "--namespace", namespace) for namespace, release in places]
    policies = [
        {one["metadata"]["name"] for one in parse(text) if one["kind"].startswith("ValidatingAdmissionPolicy")}
        for text in texts
    ]
    assert all(policies)
    assert policies[0] & policies[1] == set()
