"""The HTTP servers that the settings lead to."""

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from molino.contracts.address import Address, host_of
from molino.contracts.errors import SettingsError
from molino.contracts.settings import Settings, read_environment


def http_servers(settings: Settings) -> list[Address]:
    """Return them, each once, without path, user and password."""
    found = (one for one in map(Address, _addresses(settings)) if one.scheme in ("http", "https") and host_of(one))
    return list(dict.fromkeys(Address(f"{one.scheme}://{urlsplit(one).netloc}") for one in found))


def _addresses(settings: Settings) -> Iterator[str]:
    from molino.backup.settings import BackupSettings
    from training.stores.opening import kind_of

    with suppress(SettingsError):  # of which the check of backups tells
        backup = read_environment(BackupSettings)
        if backup.s3_endpoint:
            yield backup.s3_endpoint
    for place in (settings.store_uri, settings.dvc_remote_uri, settings.git_remote_uri):
        kind = kind_of(place)
        if kind and (server := kind.server(settings)):
            yield server
    if settings.otlp_endpoint:
        yield settings.otlp_endpoint
    yield settings.tracking_uri
    yield settings.git_remote_uri
    yield settings.serving_url
    yield from (place.url for place in settings.serving_places.values())


def goes_by_proxy(scheme: str, host: str) -> bool:
    """Tell whether the environment sends requests to a host through a proxy."""
    return scheme in getproxies() and not proxy_bypass(host)
