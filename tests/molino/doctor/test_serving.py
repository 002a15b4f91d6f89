"""What is told of a server that can't serve what is deployed, by the doctor and by who asks which versions serve."""

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bundles import build_housing, build_penguins
from running_server import run_server

from molino.client import Client
from molino.contracts.address import Address
from molino.contracts.model_file import load_model
from molino.contracts.pointer import pointer_path, write_pointer
from molino.contracts.settings import Settings
from molino.doctor.checks import serving
from molino.embedded import _Embedded
from pipelines import services

if TYPE_CHECKING:
    from pipelines.stack import Stack

MODELS = Path(__file__).parents[3] / "pipelines" / "models"


def test_what_cannot_be_served_is_bad_and_is_no_version(tmp_path: Path) -> None:
    home = tmp_path / "serving"
    build_housing(home)
    build_penguins(home)
    build_penguins(tmp_path / "store" / "releases")
    write_pointer(home, {"housing": "2", "penguins": "1"})
    with run_server(home, tmp_path / "log", ready=False) as server:
        client = Client(server.url, "mercadolibre")
        server.wait(
            "penguins are served", lambda: client.get("/models", patience=60)["models"] and client.served() != {}
        )
        findings = list(serving.check(Settings(home=tmp_path, serving_url=Address(server.url))))
        environment = {"MOLINO_SERVING_URL": server.url, "MOLINO_HOME": str(tmp_path), "PATH": ""}
        command = [sys.executable, "-m", "molino", "models", "--json"]
        listed = json.loads(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)
        wanted = [services.serving(Settings(home=tmp_path), server.port, "housing")]
        loaded = load_model(MODELS / "housing")
        embedded = _Embedded(Settings(home=tmp_path), loaded, wanted, cast("Stack", None), None)._served_version()
        pointer_path(home).write_text("[]")
        server.wait("the file is wrong", lambda: "" in client.serving()[1])
        faults = {one.subject: one.seen for one in serving.check(Settings(serving_url=Address(server.url)))}

    told = {one.subject: (one.level, "can't serve what is deployed: version 2: " in one.seen) for one in findings}
    assert told == {
        "serving API": ("ok", False), "model housing": ("fail", True), "release of penguins": ("ok", False)
    }  # fmt: skip
    assert {row["name"]: row["served"] for row in listed} == {"housing": None, "penguins": "1"}
    assert "expected a mapping" in faults["pointer file"]
    assert embedded is None
