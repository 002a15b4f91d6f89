"""kind-config.yaml, by kind's own types, and by what the tests' cluster and skaffold.yaml take it for."""

from typing import Any

import jsonschema_rs
import pytest
import yaml
from go_types import schema
from published import module_file

from tests.cluster import kind
from tests.cluster.recipes import RECIPES

CONFIG = yaml.safe_load(kind.CONFIG.read_text())


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    recipe = RECIPES["kind"]
    types = module_file(recipe.module, recipe.version, "pkg/apis/config/v1alpha4/types.go")
    return schema(types.read_text(), "Cluster")


def test_kind_takes_it(published: dict[str, Any]) -> None:
    assert [error.message for error in jsonschema_rs.validator_for(published).iter_errors(CONFIG)] == []


@pytest.mark.parametrize(
    "change",
    [{"node": []}, {"nodes": [{"role": "master"}]}, {"nodes": [{"extraPortMappings": [{"containerPort": "80"}]}]}],
)
def test_kind_takes_no_other(published: dict[str, Any], change: dict[str, Any]) -> None:
    assert not jsonschema_rs.validator_for(published).is_valid(CONFIG | change)


def test_it_says_which_types_it_is_of() -> None:
    assert (CONFIG["kind"], CONFIG["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")


def test_the_cluster_has_the_name_that_the_tests_ask_for() -> None:
    assert CONFIG["name"] == kind.NAME


@pytest.mark.parametrize("port", [80, 443])
def test_ingresses_answer_where_the_tests_ask(port: int) -> None:
    mapped = [mapping for node in CONFIG["nodes"] for mapping in node["extraPortMappings"]]
    wanted = {"containerPort": port, "hostPort": port, "listenAddress": kind.ADDRESS, "protocol": "TCP"}
    assert wanted in mapped
