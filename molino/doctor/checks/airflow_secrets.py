"""Whether all parts of Airflow have the same JWT secret and Fernet key, and the present ones. No secret is read."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from molino.contracts.settings import Settings
from molino.doctor.finding import Finding, ok
from molino.doctor.kubernetes import METADATA, Api, moment

VARIABLES = {"AIRFLOW__API_AUTH__JWT_SECRET": "JWT secret", "AIRFLOW__CORE__FERNET_KEY": "Fernet key"}


class Reader(NamedTuple):
    """A container that has been given a key of a Secret when it was started."""

    pod: str
    secret: str
    key: str
    started: datetime | None


def check(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001  # the cluster knows
    """Look at the pods of the release, in a cluster."""
    api = Api.here()
    if api is not None:
        yield from agreement(api)


def agreement(api: Api) -> Iterator[Finding]:
    """Yield, for either, whether all containers take it from one place and were started after it was last changed."""
    try:
        pods = _pods(api)
        for variable, title in VARIABLES.items():
            readers = list(_readers(pods, variable))
            if readers:
                yield _agree(api, f"{title} of Airflow", readers)
    except OSError as error:
        yield Finding("Airflow's secrets", "fail", str(error), "give the doctor's account what docs/rbac.md lists")


def _pods(api: Api) -> list[Mapping[str, Any]]:
    query = f"?labelSelector={quote(api.settings.selector)}" if api.settings.selector else ""
    found = api.get(f"/api/v1/namespaces/{api.settings.namespace}/pods{query}")["items"]
    return [pod for pod in found if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")]


def _readers(pods: list[Mapping[str, Any]], variable: str) -> Iterator[Reader]:
    for pod in pods:
        states = {one["name"]: one.get("state", {}) for one in pod.get("status", {}).get("containerStatuses", [])}
        for container in pod["spec"]["containers"]:
            place = next((one for one in container.get("env", []) if one["name"] == variable), None)
            if place is None:
                continue
            ref = place.get("valueFrom", {}).get("secretKeyRef", {})
            since = states.get(container["name"], {}).get("running", {}).get("startedAt")
            yield Reader(
                pod["metadata"]["name"],
                ref.get("name", "no Secret"),
                ref.get("key", ""),
                moment(since) if since else None,
            )


def _agree(api: Api, subject: str, readers: list[Reader]) -> Finding:
    places = sorted({f"{one.secret}/{one.key}".rstrip("/") for one in readers})
    if len(places) > 1:
        advice = "give all parts the same Secret: leave the variable out of the parts' own env"
        return Finding(subject, "fail", f"pods take it from {' and '.join(places)}", advice)
    changed = _changed(api, readers[0].secret, readers[0].key)
    old = sorted(one.pod for one in readers if changed and one.started and one.started < changed)
    if old:
        seen = f"{', '.join(old)}: started before Secret {readers[0].secret} changed at {changed:%Y-%m-%d %H:%M:%S %Z}"
        advice = f"start them anew: kubectl --namespace {api.settings.namespace} delete pod {' '.join(old)}"
        return Finding(subject, "fail", seen, advice)
    return ok(subject, f"{len(readers)} pods have it from {places[0]}, as it is now")


def _changed(api: Api, secret: str, key: str) -> datetime | None:
    """Return when those who keep a key in a Secret last changed what they keep there; none of no Secret."""
    if secret == "no Secret":  # noqa: S105  # says that there is none
        return None
    metadata = api.get(f"/api/v1/namespaces/{api.settings.namespace}/secrets/{secret}", METADATA)["metadata"]
    owners = [
        one for one in metadata.get("managedFields", []) if f"f:{key}" in one.get("fieldsV1", {}).get("f:data", {})
    ]
    return max(moment(one.get("time") or metadata["creationTimestamp"]) for one in [*owners, {}])
