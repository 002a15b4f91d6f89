"""The contract, as schemathesis takes it at its word."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running_server import KEY, RunningServer, run_server
from werkzeug.test import Client

from molino.contracts.pointer import write_pointer

SETTINGS = """
continue-on-failure = true
warnings = false

[phases.stateful]
enabled = false

[generation]
max-examples = 40
deterministic = true

# JSON Schema can't say that a tensor's data fit its shape, so a body may hold the schema and still be wrong.
[[operations]]
include-path-regex = "/infer$"
checks.positive_data_acceptance.enabled = false
"""
LEAST_CASES = 2000


@pytest.fixture
def contract(client: Client) -> Any:
    return client.get("/openapi.json", headers=KEY).json


@pytest.mark.fuzz
def test_schemathesis_finds_no_violation(server: RunningServer, tmp_path: Path) -> None:
    program = shutil.which("st", path=str(Path(sys.executable).parent)) or shutil.which("st")
    if program is None:
        pytest.skip("schemathesis is not installed")
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    command = [program, "--config-file", "schemathesis.toml", "run", f"{server.url}/openapi.json"]
    done = subprocess.run([*command, "-H", "X-API-KEY: mercadolibre"], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    cases = re.search(r"(\d+) generated", done.stdout)
    assert cases
    assert int(cases[1]) >= LEAST_CASES


def test_each_model_has_its_own_path(contract: Any) -> None:
    assert {"/models/housing/predict", "/models/penguins/predict", "/predict"} <= contract["paths"].keys()


def test_a_row_is_described_feature_by_feature(contract: Any) -> None:
    body = contract["paths"]["/models/penguins/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    island, bill_length, *_ = body["oneOf"][0]["properties"]["data"]["items"]["prefixItems"]

    assert island["enum"] == ["Biscoe", "Dream", "Torgersen"]
    assert bill_length["type"] == ["number", "null"]


def test_each_operation_has_an_id_of_its_own_and_the_model_as_tag(contract: Any) -> None:
    operations = [told for item in contract["paths"].values() for told in item.values() if isinstance(told, dict)]
    ids = {told["operationId"] for told in operations}

    assert len(ids) == len(operations)
    assert contract["paths"]["/models/housing/predict"]["post"]["tags"] == ["housing"]
    assert "post_v2_models_penguins_infer" in ids


def enums_of(told: Any) -> Iterator[list[Any]]:
    parts = told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()
    if isinstance(told, dict) and isinstance(told.get("enum"), list):
        yield told["enum"]
    for part in parts:
        yield from enums_of(part)


def test_values_of_a_list_are_of_one_type(contract: Any) -> None:
    enums = list(enums_of(contract))

    assert enums
    assert all(len(set(map(type, enum))) == 1 for enum in enums)


def test_all_but_health_and_docs_want_a_key(contract: Any) -> None:
    public = {path for path, item in contract["paths"].items() if item.get("get", {}).get("security") == []}

    assert public == {"/", "/ping", "/ready", "/docs", "/v2/health/live", "/v2/health/ready"}


def test_the_contract_wants_a_key_unless_a_setting_opens_it(
    server: RunningServer, releases: Path, tmp_path: Path
) -> None:
    variables = {"MOLINO_SERVING_PUBLIC_CONTRACT": "true", "MOLINO_SERVING_WORKERS": 1}
    with run_server(releases, tmp_path / "log", **variables) as opened:
        statuses = [asked.ask("GET", "/openapi.json", headers={}).status for asked in (server, opened)]

    assert statuses == [401, 200]


def test_examples_are_taken_by_the_server_and_are_no_row_of_the_data(server: RunningServer, contract: Any) -> None:
    for name in ("housing", "penguins"):
        path = f"/models/{name}/predict"
        example = contract["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        held_out = server.ask("GET", f"/models/{name}").json["example"]["data"]

        assert server.ask("POST", path, json.dumps(example).encode()).status == 200
        assert example["data"][0] not in held_out


def test_the_contract_follows_what_is_served(own_releases: Path, tmp_path: Path) -> None:
    with run_server(own_releases, tmp_path / "log", MOLINO_SERVING_WORKERS=1) as running:
        before = running.ask("GET", "/openapi.json").body
        again = running.ask("GET", "/openapi.json").body
        write_pointer(own_releases, {"housing": "2"})
        running.wait("penguins are gone", lambda: b"penguins" not in running.ask("GET", "/openapi.json").body)

    assert before == again
    assert b"penguins" in before
