"""Makes the passwords that Secrets lack: for a chart that was rendered without a cluster to ask.

Usage: passwords.py JSON, with the keys that each Secret is to have by its name. A key that is there already, with
whatever value, stays as it is; so this can be run again, and beside itself.
"""

import base64
import json
import os
import secrets
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
SAME_AS = {"api-keys": "api-key"}
"""Keys that hold what another one does."""
PATIENCE_SECONDS = 120
CHANGED_MEANWHILE, NOT_THERE_YET = 409, 404


class Cluster:
    """The Secrets of a namespace."""

    def __init__(self, address: str, namespace: str, token: str, context: ssl.SSLContext | None) -> None:
        self._secrets = f"{address}/api/v1/namespaces/{namespace}/secrets"
        self._token = token
        self._context = context

    def ask(self, secret: str, change: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a Secret, after a change where one is given.

        Raises:
            HTTPError: it isn't there, may not be seen, or was changed by others meanwhile.
        """
        request = urllib.request.Request(  # noqa: S310  # the API server of the cluster
            f"{self._secrets}/{secret}",
            data=json.dumps(change).encode() if change else None,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/merge-patch+json"},
            method="PATCH" if change else "GET",
        )
        with urllib.request.urlopen(request, timeout=30, context=self._context) as response:  # noqa: S310
            return dict(json.load(response))


def made(keys: Sequence[str], held: dict[str, str]) -> dict[str, str]:
    """Return values in base64 for the keys that a Secret lacks; a Fernet key is 32 bytes in base64, as others are."""
    found: dict[str, str] = {}
    for key in sorted(keys, key=lambda key: key in SAME_AS):
        if key not in held:
            random = base64.urlsafe_b64encode(secrets.token_bytes(32))
            found[key] = (held | found).get(SAME_AS.get(key, ""), base64.b64encode(random).decode())
    return found


def complete(cluster: Cluster, secret: str, keys: Sequence[str]) -> list[str]:
    """Add what a Secret lacks of the keys, and return which they were.

    Raises:
        HTTPError: the cluster refuses, or the Secret doesn't come to be there.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            now = cluster.ask(secret)
            missing = made(keys, now.get("data") or {})
            if missing:
                version = {"resourceVersion": now["metadata"]["resourceVersion"]}
                cluster.ask(secret, {"metadata": version, "data": missing})
            return sorted(missing)
        except urllib.error.HTTPError as error:
            if error.code not in (CHANGED_MEANWHILE, NOT_THERE_YET) or time.monotonic() > until:
                raise
            time.sleep(1)


def main() -> None:
    """Complete each Secret of the first argument."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    cluster = Cluster(
        f"https://{host}:{port}",
        (ACCOUNT / "namespace").read_text(),
        (ACCOUNT / "token").read_text(),
        ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")),
    )
    for secret, keys in json.loads(sys.argv[1]).items():
        try:
            print(f"{secret}: made {', '.join(complete(cluster, secret, keys)) or 'nothing'}")
        except OSError as error:
            raise SystemExit(f"{secret}: its passwords can't be made: {error}") from error


if __name__ == "__main__":
    main()
