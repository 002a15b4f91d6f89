"""A secret of an installation that runs is changed in steps; each can be told from what the Secret holds now.

Where both sides can hold two values at once, an old one goes only when nobody has it any more: API keys of serving, and
Airflow's Fernet key. Where they can't, it is said what stops meanwhile, and for how long.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from molino.contracts.api_keys import part_keys
from molino.secrets.making import SecretsError, keys_of, value

REPLACED = "molino.dev/replaced-key"
"""Annotation with the digest of the API key that goes, as long as it is taken beside the new one."""
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
Data = TypeAdapter(dict[str, str])
HASHED = "sha256:"
KEPT = ("namespace", "labels", "annotations")


@dataclass(frozen=True)
class Held:
    """A Secret as the cluster has it."""

    name: str
    data: Mapping[str, str]
    metadata: Mapping[str, Any]

    @property
    def annotations(self) -> dict[str, str]:
        """Its annotations, but for what kubectl keeps there: a copy of the secrets."""
        return {key: one for key, one in (self.metadata.get("annotations") or {}).items() if key != APPLIED}


@dataclass(frozen=True)
class Turn:
    """One step of a change: what the Secret holds after it, and what is to be done, in this order."""

    number: int
    of: int
    data: Mapping[str, str]
    does: str
    orders: tuple[str, ...]
    annotations: Mapping[str, str]


def read(file: Path | None, text: str) -> Held:
    """Return the Secret of a manifest, as `kubectl get secret --output yaml` gives it.

    Args:
        file: where the text is from, for the message; none is the standard input.
        text: YAML or JSON.

    Raises:
        SecretsError: it is no Secret.
    """
    where = str(file or "the standard input")
    try:
        found = yaml.safe_load(text)
        if not isinstance(found, dict) or found.get("kind") != "Secret":
            raise SecretsError(f"{where} holds no Secret: expected what kubectl get secret NAME --output yaml gives")
        plain = {key: base64.b64decode(one, validate=True).decode() for key, one in (found.get("data") or {}).items()}
        data = Data.validate_python(plain | (found.get("stringData") or {}), strict=True)
        metadata = {key: one for key, one in found["metadata"].items() if key in KEPT and one}
        name, annotations = found["metadata"]["name"], metadata.get("annotations", {})
        Data.validate_python({"name": name, **annotations}, strict=True)
        return Held(name, data, metadata)
    # A message of YAML's or pydantic's may quote what is secret: the kind of fault is told alone.
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SecretsError(f"{where} can't be read as a Secret: {type(error).__name__}") from None


def turn(part: str, key: str, held: Held, release: str) -> Turn:
    """Return the next step of the change of a key.

    Args:
        part: whose Secret it is.
        key: of the Secret.
        held: the Secret now.
        release: name of the installation.

    Raises:
        SecretsError: the key is none that can be changed, or the Secret lacks it.
    """
    if key not in changeable(part):
        raise SecretsError(f"{part} has no secret {key!r} to change: expected one of {', '.join(changeable(part))}")
    if not held.data.get(key):
        raise SecretsError(f"the Secret {held.name} lacks the key {key}")
    special: dict[str, Callable[[Held, str], Turn]] = {"fernet-key": _fernet, "api-key": _api_key}
    if key in special:
        return special[key](held, release)
    new = {one: value(one) for one in _together(part, key)}
    # Pods that start take the keys of the Secret at once: a store that can know both pairs is told first.
    first = ("at the S3: give the new pair of keys the rights of the old one",) if part == "s3" else ()
    orders = (*first, "kubectl apply this Secret", *_orders(part, key, held, release))
    return Turn(1, 1, {**held.data, **new}, f"{' and '.join(new)} of {held.name} made anew", orders, held.annotations)


def changeable(part: str) -> tuple[str, ...]:
    """Return the keys of a part that can be changed; an access key of S3 goes with its secret key.

    Raises:
        SecretsError: there is no such part.
    """
    names = ("username", "root-user", "api-keys")
    return tuple(key for key in keys_of(part) if key not in names and not key.endswith("-access-key"))


def _together(part: str, key: str) -> tuple[str, ...]:
    """Return the keys that change at once: S3 takes the new pair beside the old one."""
    is_pair = part in ("minio", "s3") and key.endswith("-secret-key")
    return (key.replace("-secret-key", "-access-key"), key) if is_pair else (key,)


def _restart(release: str, *components: str) -> str:
    names = " ".join(f"deployment/{release}-{one}" for one in components)
    return f"kubectl rollout restart {names}, and wait: kubectl rollout status of each"


def _airflow(release: str) -> str:
    parts = ("airflow-api-server", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer")
    return _restart(release, *parts)


def _pooler(release: str) -> str:
    return (
        f"where pgbouncer.enabled: {_restart(release, 'pgbouncer')}; who asks by it can't until it is started anew, too"
    )


def _orders(part: str, key: str, held: Held, release: str) -> tuple[str, ...]:
    """Return what follows a change that both sides can't take at once."""
    upgrade = f"helm upgrade {release} with the values as they are: its Job sets what the Secret says now"
    if part == "postgres":
        started = f"kubectl rollout restart statefulset/{release}-postgres"
        passwords = f"{started}: it sets the passwords at its start, and connections break"
        return (passwords, _pooler(release), _airflow(release), _restart(release, "mlflow"))
    if part == "database":
        user = key.removesuffix("-password").replace("-", "_")
        restart = _airflow(release) if user == "airflow" else _restart(release, "mlflow")
        role = f"at the server: ALTER ROLE {user} PASSWORD '…' (or the user that database.services names)"
        return (f"{role}; connections that are open go on", _pooler(release), restart)
    if key == "root-password":
        started = f"kubectl rollout restart statefulset/{release}-minio"
        return (f"{started}; what is asked meanwhile is tried again", upgrade)
    if part in ("minio", "s3"):
        return _storage(key, held, release, (f"{upgrade}, beside the old pair",) if part == "minio" else ())
    if key == "password" and part != "tensorboard":
        return (upgrade, *([_restart(release, "mlflow")] if part == "mlflow" else []))
    ends = (
        "tasks that run lose their token: do it when none runs" if key == "jwt-secret" else "sessions of browsers end"
    )
    return (f"{_airflow(release) if part == 'airflow' else _restart(release, part)}; {ends}",)


def _storage(key: str, held: Held, release: str, taken: tuple[str, ...]) -> tuple[str, ...]:
    service = key.removesuffix("-secret-key")
    at_the_start = f"nothing to restart: each pod of {service} reads its keys at its start"
    known = {"airflow": _airflow(release), "steps": at_the_start, "backup": at_the_start}
    restart = known.get(service) or _restart(release, service)
    old = held.data.get(f"{service}-access-key")
    gone = f"when no pod of before is left, remove the user {old} of the S3: its key is taken until then"
    return (*taken, restart, gone)


def _fernet(held: Held, release: str) -> Turn:
    """Airflow writes by the first key, and reads by all of them."""
    keys = [key for part in held.data["fernet-key"].split(",") if (key := part.strip())]
    if not keys:
        raise SecretsError(f"the Secret {held.name} lacks the key fernet-key")
    annotations = held.annotations
    if len(keys) == 1:
        orders: tuple[str, ...] = (
            "kubectl apply this Secret",
            _airflow(release),
            f"kubectl exec deployment/{release}-airflow-scheduler -- python /opt/molino/start.py rotate-fernet-key",
            "the same command again with the Secret as it is then, for step 2",
        )
        data = {**held.data, "fernet-key": f"{value('fernet-key')},{keys[0]}"}
        return Turn(
            1, 2, data, "a new Fernet key before the old one: what is there can be read by both", orders, annotations
        )
    data = {**held.data, "fernet-key": keys[0]}
    orders = ("kubectl apply this Secret", _airflow(release))
    return Turn(2, 2, data, "the old Fernet key gone", orders, annotations)


def _api_key(held: Held, _release: str) -> Turn:
    """Servers take the new key before anybody has it, and the old one until nobody has it any more."""
    old = held.annotations.get(REPLACED)
    keys = part_keys(held.data.get("api-keys", ""))
    key = held.data["api-key"].strip()
    if old is None:
        data = {**held.data, "api-keys": "\n".join([value("api-key"), *keys])}
        orders = ("kubectl apply this Secret", "wait two minutes: servers follow the file, without a restart", "step 2")
        does = "a new API key that servers take beside the old one"
        return Turn(1, 3, data, does, orders, {**held.annotations, REPLACED: _digest(key)})
    if not keys or _digest(keys[0]) == old or keys[0].startswith(HASHED):
        raise SecretsError(
            f"the Secret {held.name} has the annotation {REPLACED}, but its api-keys don't begin with a new key: apply "
            "the Secret of step 1, or take the annotation away to begin anew"
        )
    if _digest(key) == old:
        orders = (
            "kubectl apply this Secret",
            "give the new key to those who ask with the old one; deploy has it at its next start",
            "when the log of requests shows the old one no more, step 3",
        )
        return Turn(
            2, 3, {**held.data, "api-key": keys[0]}, "the new API key for the deploy step", orders, held.annotations
        )
    if _digest(key) not in map(_digest, keys):
        raise SecretsError(f"the Secret {held.name} has an api-key that its api-keys lack: add it there first")
    data = {**held.data, "api-keys": "\n".join(one for one in keys if _digest(one) != old)}
    annotations = {name: one for name, one in held.annotations.items() if name != REPLACED}
    return Turn(3, 3, data, "the old API key gone", ("kubectl apply this Secret",), annotations)


def _digest(key: str) -> str:
    return key if key.startswith(HASHED) else f"{HASHED}{hashlib.sha256(key.encode()).hexdigest()}"
