"""TLS at the ingresses, and of the built-in Postgres and MinIO with the real programs."""

import base64
import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg2
import pytest
from rendering import INGRESSES, LOGIN, parse, refusal, render
from stand_in_cluster import secret
from test_bootstrap import PASSWORDS, PLACES, bootstrap, folder, user
from test_lookups import install

from tests.conftest import find_minio
from tests.ports import free_port

__all__ = ["folder"]
PATIENCE_SECONDS = 60
HOSTS = {f"{one}.example.com" for one in ("airflow", "mlflow", "tensorboard", "minio", "models", "people")}
SELF_SIGNED = (
    *INGRESSES, *LOGIN, "oidc.serving.tlsSecret=", "serving.ingress.host=models.example.com", "tls.selfSigned=true",
)  # fmt: skip
DATABASE_TLS = ("postgres.tlsSecret=own", "database.sslmode=verify-full", "database.caSecret=own")


def ingresses(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in documents if one["kind"] == "Ingress"}


@pytest.mark.parametrize("kind", ["ClusterIssuer", "Issuer"])
def test_an_issuer_makes_the_certificate_of_each_ingress(kind: str) -> None:
    settings = ("tls.issuer=own", f"tls.issuerKind={kind}", "mlflow.ingress.tlsSecret=mine")
    found = ingresses(render("defaults", *INGRESSES, *settings))
    key = {"ClusterIssuer": "cert-manager.io/cluster-issuer", "Issuer": "cert-manager.io/issuer"}[kind]
    assert {name: one["spec"]["tls"][0]["secretName"] for name, one in found.items()} == {
        **{f"molino-{one}": f"molino-{one}-tls" for one in ("airflow", "tensorboard", "minio")},
        "molino-mlflow": "mine",
    }
    assert found["molino-airflow"]["metadata"]["annotations"] == {key: "own"}
    assert "annotations" not in found["molino-mlflow"]["metadata"]


def certificate(rendered: str) -> tuple[dict[str, str], bytes]:
    """Return the Secret's data, and its certificate."""
    (found,) = (one for one in parse(rendered) if one["metadata"]["name"] == "molino-ingress-tls")
    return found["data"], base64.b64decode(found["data"]["tls.crt"])


def test_a_certificate_of_the_chart_is_of_all_hosts_and_is_kept(tmp_path: Path) -> None:
    login = secret("own", **{"client-secret": "b3du", "cookie-secret": "b3du"})
    rendered, said = install(tmp_path, login, settings=SELF_SIGNED)
    assert said == ""
    data, pem = certificate(rendered)
    file = tmp_path / "tls.crt"
    file.write_bytes(pem)
    found = subprocess.run(
        ["openssl", "x509", "-in", file, "-noout", "-ext", "subjectAltName"], capture_output=True, text=True, check=True
    )
    names = {word.removeprefix("DNS:").rstrip(",") for word in found.stdout.split() if word.startswith("DNS:")}
    assert names == HOSTS
    assert {one["spec"]["tls"][0]["secretName"] for one in ingresses(parse(rendered)).values()} == {
        "molino-ingress-tls"
    }

    name, held = secret("molino-ingress-tls", **data)
    held["metadata"]["annotations"]["molino.dev/hosts"] = ",".join(named(rendered))
    assert certificate(install(tmp_path, login, (name, held), settings=SELF_SIGNED)[0])[0] == data
    others = (*SELF_SIGNED, "serving.ingress.hosts[0]=more.example.com")
    assert certificate(install(tmp_path, login, (name, held), settings=others)[0])[0] != data


def named(rendered: str) -> list[str]:
    """Return the hosts that the chart has noted beside its certificate."""
    (found,) = (one["metadata"] for one in parse(rendered) if one["metadata"]["name"] == "molino-ingress-tls")
    return str(found["annotations"]["molino.dev/hosts"]).split(",")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (SELF_SIGNED, "tls.selfSigned: each rendering would sign another certificate"),
        ((*SELF_SIGNED, "tls.issuer=own"), "tls.issuer and tls.selfSigned are both set: choose one of them"),
        (("minio.tlsSecret=own",), "minio.tlsSecret: set network.caConfigMap too"),
        (
            ("postgres.tlsSecret=own", "database.sslmode=disable"),
            "with postgres.tlsSecret the built-in Postgres takes TLS",
        ),
        (("postgres.tlsSecret=own", "postgres.config.ssl=off"), "postgres.config.ssl: the chart sets this itself"),
        (("database.sslmode=require",), "the built-in Postgres has no TLS"),
    ],
)
def test_what_cannot_be_is_refused(settings: tuple[str, ...], said: str) -> None:
    assert said in refusal("defaults", *settings)


def sign(place: Path) -> None:
    """Write `tls.crt` and `tls.key` of localhost, as they are in a Secret."""
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", place / "tls.key", "-out", place / "tls.crt"]
    subprocess.run(["openssl", *request, *name, *files], check=True, capture_output=True)
    (place / "tls.key").chmod(0o600)


@contextmanager
def running(command: list[str | Path], log: Path, ready: Callable[[], object], **options: Any) -> Iterator[None]:
    """Run a server, and wait until it answers."""
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out, **options) as process:
        try:
            end = monotonic() + PATIENCE_SECONDS
            while True:
                try:
                    ready()
                    break
                except (OSError, psycopg2.OperationalError):
                    if process.poll() is not None or monotonic() > end:
                        raise RuntimeError(log.read_text()) from None
            yield
        finally:
            process.terminate()


def test_the_built_in_postgres_takes_tls_alone_and_the_passwords_of_its_last_start(folder: Path) -> None:
    bootstrap(folder, {name: f"before-{password}" for name, password in PASSWORDS.items()})
    bootstrap(folder)
    port = free_port()
    rendered = render("defaults", *DATABASE_TLS, f"postgres.service.port={port}")
    (data,) = (one["data"] for one in rendered if one["kind"] == "ConfigMap" and "pg_hba.conf" in one.get("data", {}))
    sign(folder)
    for name in ("postgresql.conf", "pg_hba.conf"):
        text = data[name].replace("'/tls/", f"'{folder}/").replace("= '/tmp'", f"= '{folder}'")
        (folder / name).write_text(text)
    for path in folder.iterdir():
        os.chown(path, user() or -1, -1)

    def connect(mode: str, password: str = PASSWORDS["AIRFLOW_PASSWORD"]) -> None:
        address = f"host=localhost port={port} user=airflow dbname=airflow password={password}"
        psycopg2.connect(f"{address} sslmode={mode} sslrootcert={folder}/tls.crt").close()

    server = shutil.which("postgres", path=PLACES) or ""
    files = ["-c", f"config_file={folder}/postgresql.conf", "-c", f"hba_file={folder}/pg_hba.conf"]
    command: list[str | Path] = [server, "-D", folder / "pgdata", *files]
    environment = {"HOME": str(folder), "PATH": PLACES, "LC_ALL": "C"}
    log = folder.with_suffix(".log")
    with running(command, log, lambda: connect("verify-full"), user=user(), env=environment, cwd=folder):
        with pytest.raises(psycopg2.OperationalError, match="no encryption"):
            connect("disable")
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            connect("verify-full", f"before-{PASSWORDS['AIRFLOW_PASSWORD']}")
    log.unlink()


def test_the_built_in_minio_speaks_https(tmp_path: Path) -> None:
    program = find_minio()
    if program is None:
        pytest.skip("minio isn't installed, and neither is Go to build it")
    rendered = render("defaults", "minio.tlsSecret=own", "network.caConfigMap=own")
    pod = next(one for one in rendered if one["kind"] == "StatefulSet" and one["metadata"]["name"] == "molino-minio")
    spec = pod["spec"]["template"]["spec"]
    (minio,) = spec["containers"]
    sign(tmp_path)
    certificates, content = tmp_path / "certs", tmp_path / "certs" / "..content"
    (items,) = (one["secret"]["items"] for one in spec["volumes"] if one["name"] == "tls")
    for item in items:
        file = content / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / item["key"], file)
    for one in {item["path"].partition("/")[0] for item in items}:
        (certificates / one).symlink_to(Path("..content") / one)
    port = free_port()
    places = {
        "/data": str(tmp_path / "data"),
        "/certs": str(certificates),
        ":9000": f"127.0.0.1:{port}",
        ":9001": "127.0.0.1:0",
    }
    command = [program, *(places.get(word, word) for word in minio["args"][1:])]
    context = ssl.create_default_context(cafile=str(tmp_path / "tls.crt"))

    def ready(address: str = f"https://localhost:{port}") -> None:
        path = minio["readinessProbe"]["httpGet"]["path"]
        urllib.request.urlopen(address + path, timeout=5, context=context if "https" in address else None).close()

    assert [minio[one]["httpGet"]["scheme"] for one in ("readinessProbe", "livenessProbe")] == ["HTTPS", "HTTPS"]
    environment = {"HOME": str(tmp_path), "MINIO_ROOT_USER": "root", "MINIO_ROOT_PASSWORD": "of-the-root"}
    with (
        running(command, tmp_path / "log", ready, env=environment),
        pytest.raises(urllib.error.HTTPError, match="400"),
    ):
        ready(f"http://localhost:{port}")


def test_all_ask_minio_by_https() -> None:
    text = str(render("defaults", "minio.tlsSecret=own", "network.caConfigMap=own"))
    assert ("https://molino-minio:9000" in text, "http://molino-minio" in text) == (True, False)
