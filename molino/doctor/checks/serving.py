"""The serving API, and the releases that it serves."""

import hashlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from molino.client import Client, ClientError
from molino.contracts.errors import MolinoError
from molino.contracts.loopback import is_loopback
from molino.contracts.release import MODEL_FILENAME, RELEASE_FILENAME, parse_release, release_prefix
from molino.contracts.settings import Settings
from molino.doctor.finding import Finding, judge, ok


def check(settings: Settings) -> Iterator[Finding]:
    """Ask each server; it may be down on one machine, which is no fault; when it is up it must take the key."""
    for url in dict.fromkeys([settings.serving_url, *(place.url for place in settings.serving_places.values())]):
        client = Client(url, settings.api_key.get_secret_value())
        try:
            served, failures = client.serving()
        except ClientError as error:
            yield _unanswered(url, error)
            continue
        told = ", ".join(f"{name} {version}" for name, version in served.items())
        yield ok("serving API", f"{url} serves {told or 'no model yet'}")
        for model, cause in failures.items():
            seen = f"{url} can't serve what is deployed: {cause}"
            yield Finding(f"model {model}" if model else "pointer file", "fail", seen, _mending(model))
        for model, version in served.items():
            yield _release(settings, model, version)


def _mending(model: str) -> str:
    if not model:
        return "restore the file from a backup (molino backup restore), or let the next deploy write it anew"
    return (
        f"put another version in service (molino promote {model} …), or restore the release from a backup "
        "(molino backup restore)"
    )


def _unanswered(url: str, error: ClientError) -> Finding:
    from pipelines.services import port_is_free

    if error.status:
        advice = "set MOLINO_API_KEY to a key of the server, or MOLINO_SERVING_URL to Molino's server"
        return Finding("serving API", "fail", str(error), advice)
    address = urlsplit(url)
    if not is_loopback(address.hostname or ""):
        advice = "check MOLINO_SERVING_URL, and that the server runs"
        return Finding("serving API", "fail", f"{url} doesn't answer", advice)
    port = address.port or 80
    free = port_is_free(port)
    advice = "end what listens there, or choose another port: make run PORT=…"
    seen = f"nothing runs at {url}; molino run starts it" if free else f"port {port} is taken"
    return judge("serving API", free, seen, advice)


def _release(settings: Settings, model: str, version: str) -> Finding:
    """Read the bundle in the store as a server does that is started anew: is it whole, and of this version."""
    from training.stores.opening import open_store

    subject, prefix = f"release of {model}", release_prefix(model, version)
    advice = (
        f"a server that is started anew can't load it: put another version in service (molino promote {model} …), "
        "or restore the bundle from a backup (molino backup restore)"
    )
    try:
        store = open_store(settings)
        release = parse_release(store.read(prefix + RELEASE_FILENAME))
        found = hashlib.sha256(store.read(prefix + MODEL_FILENAME)).hexdigest()
    except (MolinoError, OSError) as error:
        return Finding(subject, "fail", str(error), advice)
    where = store.uri(prefix)
    if isinstance(release, str):
        return Finding(subject, "fail", f"{where}{RELEASE_FILENAME}: {release}", advice)
    if (release.name, release.version) != (model, version):
        told = f"{release.name} version {release.version}"
        return Finding(subject, "fail", f"{where}{RELEASE_FILENAME} is of {told}", advice)
    if found != release.onnx_sha256:
        seen = f"{where}{MODEL_FILENAME}: its SHA-256 differs from the one in {RELEASE_FILENAME}"
        return Finding(subject, "fail", seen, advice)
    return ok(subject, f"version {version}: {MODEL_FILENAME} has the SHA-256 that {RELEASE_FILENAME} says")
