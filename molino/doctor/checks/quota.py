"""Room for the pods of steps under the namespace's ResourceQuotas and LimitRanges."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from molino.contracts.settings import Settings
from molino.doctor.finding import Finding, ok
from molino.doctor.kubernetes import Api

UNITS = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip
QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)")
ALIASES = {"cpu": "requests.cpu", "memory": "requests.memory", "count/pods": "pods"}
"""Other words of a quota for the same."""
Needs = Mapping[str, tuple[float, str]]
"""By resource in a quota's words: the most that a step's pod asks for, and which step's."""


def check(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001  # the cluster knows
    """Ask for both, in a cluster."""
    api = Api.here()
    if api is not None:
        yield from room(api, needs())


def needs() -> Needs:
    """Return what the largest pods of steps ask for, by the model files."""
    from molino.contracts.steps import STEP_NAMES
    from pipelines.model_files import read_model_files
    from pipelines.pods import DEFAULT_RESOURCES

    most: dict[str, tuple[float, str]] = {"pods": (1.0, "any step")}
    for name, (model, _) in read_model_files().models.items():
        for step in STEP_NAMES:
            asked = model.resources.get(step, DEFAULT_RESOURCES)
            for resource, wanted in (
                ("requests.cpu", asked.cpu),
                ("requests.memory", asked.memory),
                ("limits.memory", asked.memory_limit or asked.memory),
            ):
                most[resource] = max(most.get(resource, (0.0, "")), (amount(wanted), f"{step} of {name}"))
    return most


def room(api: Api, wanted: Needs) -> Iterator[Finding]:
    """Yield what each quota leaves, and whether a LimitRange lets such containers be."""
    namespace = f"/api/v1/namespaces/{api.settings.namespace}"
    try:
        quotas = api.get(f"{namespace}/resourcequotas")["items"]
        ranges = [limit for one in api.get(f"{namespace}/limitranges")["items"] for limit in one["spec"]["limits"]]
    except OSError as error:
        yield Finding("quota", "fail", str(error), "give the doctor's account what docs/rbac.md lists")
        return
    containers = [limit for limit in ranges if limit["type"] == "Container"]
    for quota in quotas:
        yield from _of_quota(quota, wanted, containers)
    for limit in containers:
        yield from _of_limits(limit, wanted)
    if not quotas and not containers:
        yield ok("quota", f"none in {api.settings.namespace}")


def _of_quota(quota: Mapping[str, Any], wanted: Needs, limits: list[Mapping[str, Any]]) -> Iterator[Finding]:
    name, status = quota["metadata"]["name"], quota.get("status", {})
    hard = status.get("hard") or quota["spec"].get("hard", {})
    tight = False
    for word, most in hard.items():
        resource = ALIASES.get(word, word)
        if resource == "limits.cpu" and not any("cpu" in limit.get("default", {}) for limit in limits):
            tight = True
            advice = "take limits.cpu out of it, or give the namespace a LimitRange with a default"
            yield Finding(f"quota {name}", "fail", "it wants limits.cpu, which steps don't set: no pod can be", advice)
        if resource not in wanted:
            continue
        need, whose = wanted[resource]
        left = amount(most) - amount(status.get("used", {}).get(word, "0"))
        if left < need:
            tight = True
            never = amount(most) < need
            seen = f"{word}: {_told(left)} of {most} left, and {whose} wants {_told(need)}"
            advice = "raise it, or lower `resources` in the model file" if never else "raise it, or let steps wait"
            yield Finding(f"quota {name}", "fail" if never else "warn", seen, advice)
    if not tight:
        yield ok(f"quota {name}", "has room for the pod of any step")


def _of_limits(limit: Mapping[str, Any], wanted: Needs) -> Iterator[Finding]:
    subject = "limit range"
    advice = "change it, or `resources` in the model file"
    cases = (("requests.cpu", "cpu"), ("requests.memory", "memory"), ("limits.memory", "memory"))
    found = False
    for resource, word in cases:
        if resource not in wanted:
            continue
        need, whose = wanted[resource]
        if word in limit.get("max", {}) and need > amount(limit["max"][word]):
            found = True
            yield Finding(
                subject, "fail", f"{whose} wants {_told(need)} {word}, more than max {limit['max'][word]}", advice
            )
    if not found:
        yield ok(subject, "lets the containers of steps be")


def amount(quantity: Any) -> float:
    """Return a quantity of Kubernetes as a number."""
    found = QUANTITY.fullmatch(str(quantity))
    if found is None or found[2] not in UNITS:
        raise ValueError(f"{quantity!r} is no quantity of Kubernetes")
    return float(found[1]) * UNITS[found[2]]


def _told(number: float) -> str:
    return f"{number / 2**30:.4g}Gi" if number >= 2**20 else f"{number:g}"
