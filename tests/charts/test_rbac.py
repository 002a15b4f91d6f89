"""What accounts may do: as docs/rbac.md lists it, and nothing besides."""

from typing import Any

import pytest
from network_addresses import ends
from network_policies import End, allowed
from rendering import ALL_ON, ROOT, pods, render

PAGE = ROOT / "docs" / "rbac.md"
MADE = "those that the chart makes"
Right = tuple[str, str, tuple[str, ...], frozenset[str]]


@pytest.fixture(scope="module")
def documents() -> list[dict[str, Any]]:
    return render("defaults", *ALL_ON["defaults"])


def plain(name: str) -> str:
    return name.removeprefix("molino-")


def listed(documents: list[dict[str, Any]]) -> set[Right]:
    """Return the rows of the page."""
    secrets = frozenset(plain(one["metadata"]["name"]) for one in documents if one["kind"] == "Secret")
    found = set()
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            account, resource, verbs, names, why = (word.strip() for word in line.strip("|").split("|"))
            assert why
            only = secrets if names == MADE else frozenset(names.replace("`", "").split(", ")) - {""}
            found.add((account.strip("`"), resource.strip("`"), tuple(verbs.split(", ")), only))
    return found


def given(documents: list[dict[str, Any]]) -> set[Right]:
    """Return what the Roles give, by the accounts that they are bound to."""
    roles = {one["metadata"]["name"]: one["rules"] for one in documents if one["kind"] == "Role"}
    found = set()
    for binding in (one for one in documents if one["kind"] == "RoleBinding"):
        for rule in roles[binding["roleRef"]["name"]]:
            (group,) = rule["apiGroups"]
            only = frozenset(plain(name) for name in rule.get("resourceNames", []))
            for resource in rule["resources"]:
                full = f"{resource}.{group}" if group else resource
                found |= {(plain(who["name"]), full, tuple(rule["verbs"]), only) for who in binding["subjects"]}
    return found


def test_the_roles_give_what_the_reviewed_list_gives(documents: list[dict[str, Any]]) -> None:
    assert given(documents) == listed(documents)


def test_nothing_is_of_the_cluster_and_no_word_stands_for_all(documents: list[dict[str, Any]]) -> None:
    assert [one["metadata"]["name"] for one in documents if one["kind"].startswith("ClusterRole")] == []
    assert "*" not in str([one["rules"] for one in documents if one["kind"] == "Role"])


def test_who_has_a_token_reaches_the_api_server_and_nobody_else(documents: list[dict[str, Any]]) -> None:
    policies = [one for one in documents if one["kind"] == "NetworkPolicy"]
    holders = {
        workload["spec"].get("template", workload)["metadata"]["labels"]["app.kubernetes.io/component"]
        for _, spec, workload in pods(documents)
        if spec["automountServiceAccountToken"] or "serviceAccountToken" in str(spec.get("volumes"))
    }
    steps = {"step/deploy", "step/promote", "step/rollback"}
    there = End(namespace="", address="203.0.113.7")
    assert {one for one, end in ends(documents).items() if allowed(policies, end, there, 6443)} == holders | steps
