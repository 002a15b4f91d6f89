"""What the doctor asks of the Kubernetes API by its pod's account; images of steps have no client for that."""

import json
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from pydantic_settings import BaseSettings, SettingsConfigDict

from molino.contracts.settings import read_environment

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TIMEOUT_SECONDS = 20
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""An object without what it holds."""


class DoctorSettings(BaseSettings):
    """Where the doctor looks in a cluster: variables that the chart sets."""

    model_config = SettingsConfigDict(env_prefix="MOLINO_DOCTOR_", env_ignore_empty=True, frozen=True, extra="ignore")

    namespace: str = "default"
    selector: str = ""
    """Labels of the pods of the release, as `kubectl --selector` takes them."""
    backup: str = ""
    """Name of the CronJob of backups; empty where they are off."""


@dataclass(frozen=True)
class Api:
    """The API server of the cluster."""

    url: str
    folder: Path
    """Holds `token` and `ca.crt`, as Kubernetes mounts an account."""
    settings: DoctorSettings

    @classmethod
    def here(cls) -> "Api | None":
        """Return that of the cluster that this is a pod of; none where it is none, or has no token."""
        host, port = (os.environ.get(f"KUBERNETES_SERVICE_{part}") for part in ("HOST", "PORT"))
        if not host or not (ACCOUNT / "token").is_file():
            return None
        place = f"[{host}]" if ":" in host else host
        return cls(f"https://{place}:{port or 443}", ACCOUNT, read_environment(DoctorSettings))

    def get(self, path: str, accept: str = "application/json") -> Any:
        """Return what is at a path.

        Raises:
            OSError: the API server refuses, or can't be reached; in one line.
        """
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        token = (self.folder / "token").read_text().strip()
        asked = Request(self.url + path, headers={"Authorization": f"Bearer {token}", "Accept": accept})  # noqa: S310
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
        try:
            with opener.open(asked, timeout=TIMEOUT_SECONDS) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise OSError(f"the Kubernetes API answers {error.code} {error.reason}") from error


def moment(text: str) -> datetime:
    """Return a time as the API writes it."""
    return datetime.fromisoformat(text)


def age_of(text: str) -> float:
    """Return how many seconds ago a time was."""
    return (datetime.now(UTC) - moment(text)).total_seconds()
