"""Asks every component from inside the cluster, a line each: what `helm test` runs. Exit 1 when one isn't well.

A component is asked where the environment says where it is: MOLINO_AIRFLOW_URL, MOLINO_MLFLOW_URL,
MOLINO_TENSORBOARD_URL and MOLINO_SERVING_URL, MOLINO_S3_ENDPOINT; MOLINO_DATABASE_HOST and _PORT, for the databases of
MOLINO_DATABASE_SERVICES (such as airflow,mlflow), each with its own MOLINO_DATABASE_<SERVICE>_HOST, _USER and _NAME
where they are others. With them, what it is asked with:
MOLINO_MLFLOW_USERNAME and _PASSWORD, MOLINO_TENSORBOARD_USERNAME and _PASSWORD, MOLINO_API_KEY; for S3,
MOLINO_S3_REGION, MOLINO_S3_BUCKETS (as JSON, the buckets of each service, each with the prefix that the service may
list where it may not list all) and MOLINO_S3_KEYS (a folder with `<service>-access-key` and `<service>-secret-key`).
"""

import json
import os
import socket
import ssl
import struct
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

SECONDS = 10.0
PATIENCE_SECONDS = 15.0
"""How long a network plugin that enforces policies may take to learn of this pod: till then nothing gets through."""
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
PROTOCOL = 196608
"""Version 3.0 of Postgres' protocol, which every Postgres speaks."""
HTTP = urllib3.PoolManager(timeout=SECONDS, retries=False)

Environment = Mapping[str, str]


class NotWellError(Exception):
    """A component isn't as it should be; the message says how."""


def check_postgres(environment: Environment) -> str:
    """Begin a session as each service does, up to where the server asks for the password."""
    secured = []
    for service in environment["MOLINO_DATABASE_SERVICES"].split(","):
        try:
            secured.append(_begin_session(environment, service))
        except (NotWellError, OSError) as error:
            raise NotWellError(f"the database of {service}: {error or type(error).__name__}") from error
    return "asks for the password" + (" over TLS" if all(secured) else "")


def _begin_session(environment: Environment, service: str) -> bool:
    """Return whether the server speaks TLS, once it asks for the password."""
    own = f"MOLINO_DATABASE_{service.upper()}_"
    host = environment.get(f"{own}HOST") or environment["MOLINO_DATABASE_HOST"]
    address = host, int(environment.get("MOLINO_DATABASE_PORT", "5432"))
    user, name = (environment.get(f"{own}{what}") or service for what in ("USER", "NAME"))
    with _connected(address) as plain:
        plain.sendall(SSL_REQUEST)
        secured = plain.recv(1) == b"S"
        with _secured(plain) if secured else plain as connection:
            session = struct.pack("!i", PROTOCOL) + f"user\0{user}\0database\0{name}\0\0".encode()
            connection.sendall(struct.pack("!i", len(session) + 4) + session)
            answer = connection.recv(4096)
    if answer[:1] != b"R":
        causes = [field[1:].decode() for field in answer[5:].split(b"\0") if field[:1] == b"M"]
        raise NotWellError(", ".join(causes) or f"answered {answer[:20]!r}")
    return secured


def _connected(address: tuple[str, int]) -> socket.socket:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return socket.create_connection(address, SECONDS)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _secured(plain: socket.socket) -> ssl.SSLSocket:
    """Only whether the server answers is asked; its certificate is its clients' to check, by their sslmode."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


def check_airflow(environment: Environment) -> str:
    """Ask for the health of Airflow's parts."""
    parts = json.loads(_ask(environment["MOLINO_AIRFLOW_URL"] + "/api/v2/monitor/health", 200))
    if unwell := {name: part["status"] for name, part in parts.items() if part["status"] != "healthy"}:
        raise NotWellError(", ".join(f"{name} is {status}" for name, status in unwell.items()))
    return f"{', '.join(sorted(parts))} are healthy"


def check_mlflow(environment: Environment) -> str:
    """Ask for MLflow's health, and for an experiment with and without a password."""
    url = environment["MOLINO_MLFLOW_URL"]
    _ask(url + "/health", 200)
    experiment = url + "/api/2.0/mlflow/experiments/get?experiment_id=0"
    _ask(experiment, 401)
    _ask(experiment, 200, _password(environment, "MLFLOW"))
    return "is healthy, and asks for a password"


def check_tensorboard(environment: Environment) -> str:
    """Ask for TensorBoard's page with and without a password."""
    url = environment["MOLINO_TENSORBOARD_URL"] + "/"
    _ask(url, 401)
    _ask(url, 200, _password(environment, "TENSORBOARD"))
    return "answers, and asks for a password"


def check_serving(environment: Environment) -> str:
    """Ask whether the models are loaded, and for them with and without a key."""
    url = environment["MOLINO_SERVING_URL"]
    _ask(url + "/ready", 200)
    _ask(url + "/models", 401)
    found = json.loads(_ask(url + "/models", 200, {"X-API-KEY": environment["MOLINO_API_KEY"]}))
    failures = [found["pointer_error"], *(model["failure"] for model in found["models"])]
    if any(failures):
        raise NotWellError("; ".join(filter(None, failures)))
    served = ", ".join(f"{model['name']} {model['version']}" for model in found["models"])
    return f"is ready, asks for a key, and serves {served or 'no model yet'}"


def check_s3(environment: Environment) -> str:
    """Look for every service's buckets with its own key."""
    endpoint, keys = urlsplit(environment["MOLINO_S3_ENDPOINT"]), Path(environment["MOLINO_S3_KEYS"])
    found = set()
    for service, buckets in json.loads(environment["MOLINO_S3_BUCKETS"]).items():
        client = Minio(
            endpoint=endpoint.netloc,
            access_key=(keys / f"{service}-access-key").read_text(),
            secret_key=(keys / f"{service}-secret-key").read_text(),
            region=environment["MOLINO_S3_REGION"],
            secure=endpoint.scheme == "https",
            http_client=HTTP,
        )
        for place in buckets:
            bucket, _, prefix = place.partition("/")
            try:
                next(client.list_objects(bucket, prefix), None)
            except MinioException as error:
                if isinstance(error, S3Error) and error.code == "NoSuchBucket":
                    raise NotWellError(f"there is no bucket {bucket}") from error
                raise NotWellError(f"the key of {service} doesn't open the bucket {bucket}: {error}") from error
            found.add(bucket)
    return f"has the buckets {', '.join(sorted(found))}, and each service's key opens its own"


def _ask(url: str, expected: int, headers: Mapping[str, str] | None = None) -> bytes:
    answer = HTTP.request("GET", url, headers=dict(headers or {}), redirect=False)
    if answer.status != expected:
        raise NotWellError(f"{url} answered {answer.status}, not {expected}{' to one who is known' if headers else ''}")
    return answer.data


def _password(environment: Environment, component: str) -> dict[str, str]:
    username, password = (environment[f"MOLINO_{component}_{part}"] for part in ("USERNAME", "PASSWORD"))
    return urllib3.util.make_headers(basic_auth=f"{username}:{password}")


CHECKS: Mapping[str, tuple[str, Callable[[Environment], str]]] = {
    "postgres": ("MOLINO_DATABASE_SERVICES", check_postgres),
    "s3": ("MOLINO_S3_ENDPOINT", check_s3),
    "airflow": ("MOLINO_AIRFLOW_URL", check_airflow),
    "mlflow": ("MOLINO_MLFLOW_URL", check_mlflow),
    "tensorboard": ("MOLINO_TENSORBOARD_URL", check_tensorboard),
    "serving": ("MOLINO_SERVING_URL", check_serving),
}
"""Each component with the variable that says where it is."""


def main() -> int:
    """Ask all that the environment names."""
    unwell = 0
    for name, (where, check) in CHECKS.items():
        if not os.environ.get(where):
            continue
        try:
            said = check(os.environ)
        except (NotWellError, OSError, ValueError, LookupError, urllib3.exceptions.HTTPError) as error:
            unwell += 1
            said = f"NOT WELL: {error or type(error).__name__}"
        print(f"{name:<12} {said}", flush=True)
    return 1 if unwell else 0


if __name__ == "__main__":
    sys.exit(main())
