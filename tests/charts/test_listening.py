"""Servers listen on IPv6 and IPv4 alike: real ones, with what the chart renders, in networks that have one of them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from programs import find
from rendering import ALL_ON, pods, render

IMAGES = Path(__file__).resolve().parents[2] / "images"
IPV6, IPV4 = "fd00::7", "10.7.0.7"
UVICORN = "import sys, uvicorn; from molino.contracts.listening import uvicorn_host; n = int(sys.argv[1]); "
UVICORN += "uvicorn.run('answers:app', host=uvicorn_host(n), port=int(sys.argv[2]), workers=n)"
ANSWERS = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
"""
HEALTH = "import start; start.have_health_page_listen(); from airflow.utils import scheduler_health as page; "
HEALTH += "page.serve_health_check()"
METRICS = "import server; server.METRICS_PORT = 9465; server.metrics()"
AS_NOBODY = ["runuser", "-u", "nobody", "--"]


def server(command: list[Any], port: int, path: str = "/", **more: Any) -> dict[str, Any]:
    return {"env": {}, "command": [str(word) for word in command], "port": port, "path": path} | more


def planned(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the servers, by what is rendered: paths of containers become those of a folder."""
    documents = render("defaults", *ALL_ON["defaults"])
    files = {one["metadata"]["name"]: one["data"] for one in documents if one["kind"] == "ConfigMap"}
    containers = {one["name"]: one for _, spec, _ in pods(documents) for one in spec["containers"]}
    variables = {one["name"]: one.get("value") for one in containers["serving"]["env"]}
    (folder / "answers.py").write_text(ANSWERS)
    nginx = files["molino-tensorboard"]["nginx.conf"].replace("/tmp/", f"{folder}/").replace("/run/molino", str(folder))
    (folder / "nginx.conf").write_text(nginx)
    login = {"MOLINO_USERNAME": "admin", "MOLINO_PASSWORD": "of-the-test"}
    minio = [word.replace("/data", f"{folder}/minio") for word in containers["minio"]["args"][1:]]
    servers = {
        "serving": server(
            [sys.executable, "-P", "-m", "serving"], 8000, "/ping",
            env={"MOLINO_SERVING_HOST": variables["MOLINO_SERVING_HOST"], "MOLINO_HOME": str(folder / "state")},
        ),
        "pipeline-metrics": server(
            [sys.executable, "-m", "molino", *containers["pipeline-metrics"]["args"]], 9464,
            containers["pipeline-metrics"]["readinessProbe"]["httpGet"]["path"],
            env={"MOLINO_HOME": str(folder / "state")},
        ),
        "metrics of mlflow": server(
            [sys.executable, "-c", METRICS], 9465, "/metrics",
            env={"PYTHONPATH": f"{IMAGES}:{IMAGES / 'mlflow'}:{IMAGES.parent}", "MOLINO_METRICS": str(folder)},
        ),
        "uvicorn of one process": server([sys.executable, "-c", UVICORN, 1, 5000], 5000),
        "uvicorn of two": server([sys.executable, "-c", UVICORN, 2, 5001], 5001),
        "minio": server(
            [find("minio", "go install github.com/minio/minio@latest"), *minio], 9000, "/minio/health/live",
            env={"MINIO_ROOT_USER": "minio", "MINIO_ROOT_PASSWORD": "of-the-test", "HOME": str(folder)},
        ),
    }  # fmt: skip
    if shutil.which("nginx"):
        files_of_nginx = [sys.executable, str(IMAGES / "operations/nginx.py"), str(folder), "8090"]
        command = ["nginx", "-e", "/dev/stderr", "-c", folder / "nginx.conf"]
        servers["nginx"] = server(command, 8090, "/healthz", before=[files_of_nginx], env=login)
    if shutil.which("postgres") and os.geteuid() == 0:
        servers["postgres"] = postgres(folder / "postgres", files["molino-postgres"])
    if python := os.environ.get("MOLINO_TEST_AIRFLOW"):
        places = f"{IMAGES}:{IMAGES / 'airflow'}:{IMAGES.parent}"
        environment = {"AIRFLOW_HOME": str(folder / "airflow"), "PYTHONPATH": places}
        servers["scheduler's health page"] = server([python, "-c", HEALTH], 8974, "/", env=environment, slow=True)
    return servers


def postgres(folder: Path, files: dict[str, str]) -> dict[str, Any]:
    """Make a database, and return its server with the settings that are rendered; it refuses to run as root."""
    folder.mkdir()
    for name in ("postgresql.conf", "pg_hba.conf"):
        (folder / name).write_text(files[name].replace("'/tmp'", f"'{folder}'").replace("ssl = on", "ssl = off"))
    shutil.chown(folder, "nobody")
    subprocess.run([*AS_NOBODY, "initdb", "-D", folder / "data", "--no-sync"], check=True, capture_output=True, cwd="/")
    settings = f"config_file={folder}/postgresql.conf", f"hba_file={folder}/pg_hba.conf", "archive_mode=off"
    options = [word for setting in settings for word in ("-c", setting)]
    return server([*AS_NOBODY, "postgres", "-D", folder / "data", *options], 5432, "")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that everybody may enter, with the plan."""
    with TemporaryDirectory(prefix="molino-listening-") as name:
        made = Path(name)
        made.chmod(0o755)
        (made / "plan.json").write_text(json.dumps({"servers": planned(made)}))
        yield made


@pytest.mark.parametrize("kind", ["ipv6", "sysctl", "kernel"])
def test_every_server_answers_at_the_addresses_that_there_are(kind: str, folder: Path) -> None:
    own = ["unshare", "--net", "--uts", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    if not shutil.which("unshare") or subprocess.run([*own, "true"], check=False).returncode:
        pytest.skip("no network namespace can be made")
    command = [*own, sys.executable, Path(__file__).with_name("listeners.py"), kind, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    assert found.pop("name") == (f"[{IPV6}]" if kind == "ipv6" else IPV4)
    assert list(found) == ([IPV6, IPV4] if kind == "ipv6" else [IPV4])
    silent = [f"{name} at {address}" for address, names in found.items() for name, there in names.items() if not there]
    assert silent == []


def test_no_container_is_told_to_listen_on_ipv4_alone() -> None:
    """Programs in Go take `:PORT` for both, and for what there is."""
    documents = render("defaults", *ALL_ON["defaults"])
    told = {name: yaml.safe_dump(spec) for name, spec, _ in pods(documents)}
    told |= {one["metadata"]["name"]: yaml.safe_dump(one) for one in documents if one["kind"] == "ConfigMap"}
    assert [name for name, text in told.items() if "0.0.0.0" in text] == []
