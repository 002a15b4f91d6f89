"""Where backups go, what more they hold than the settings lead to, and their key: `MOLINO_BACKUP_*` variables."""

import base64
import binascii
import re
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from molino.contracts.address import Address
from molino.contracts.settings import Settings

KEY_BYTES = 32
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""Of a database: its dump in a set is called by it."""


class BackupSettings(BaseSettings):
    """Without any variable set, sets go to a folder beside the home, unencrypted."""

    model_config = SettingsConfigDict(env_prefix="MOLINO_BACKUP_", env_ignore_empty=True, frozen=True, extra="ignore")

    store: Address | None = None
    """`s3://bucket[/prefix]` or a folder; `<home>-backups` when not set."""
    s3_endpoint: Address | None = None
    """URL of the S3 that backups go to, where it isn't `MOLINO_S3_ENDPOINT`."""
    s3_access_key: str | None = None
    s3_secret_key: SecretStr | None = None
    s3_region: str | None = None
    key: SecretStr | None = None
    """32 bytes in base64, as `openssl rand -base64 32` gives them: sets are encrypted with it, and none is written
    without."""
    mac_key: SecretStr | None = None
    """32 bytes in base64: manifests of plain sets are authenticated with it; those of encrypted ones are by `key`."""
    databases: dict[str, Address] = Field(default_factory=dict)
    """Postgres databases by name, as JSON: `{"airflow": "postgresql://user:password@host/airflow"}`."""
    dumps: Path | None = None
    """Folder of dumps, `<name>.dump`, that `pg_dump --format=custom` has made just before, and that a restore leaves
    there for `pg_restore`: how a pod, which has no Postgres programs, gets them."""
    places: dict[str, Address] = Field(default_factory=dict)
    """Further folders or buckets by name, as JSON: `{"logs": "s3://molino-logs"}`."""

    @field_validator("databases")
    @classmethod
    def _lead_to_postgres(cls, databases: dict[str, Address]) -> dict[str, Address]:
        for name, address in databases.items():
            if not NAME.fullmatch(name):
                raise ValueError(f"expected a name of letters, digits, - and _, not {name!r}")
            if address.scheme not in ("postgresql", "postgres") or not _is_valid(address):
                raise ValueError(
                    f"{name}: expected a URL such as postgresql://host:port/database, with user and password"
                )
        return databases

    @field_validator("key", "mac_key")
    @classmethod
    def _is_a_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key_bytes(key)) != KEY_BYTES:
            raise ValueError("expected 32 bytes in base64, as `openssl rand -base64 32` gives them")
        return key

    def address(self, settings: Settings) -> Address:
        """Return where backups go."""
        return Address(self.store or str(settings.root.with_name(f"{settings.root.name}-backups")))

    def reaching(self, settings: Settings) -> Settings:
        """Return the settings by which the store of backups is reached: another S3 may have other keys."""
        given = {name: getattr(self, name) for name in ("s3_endpoint", "s3_access_key", "s3_secret_key", "s3_region")}
        return settings.model_copy(update={name: value for name, value in given.items() if value})


def _is_valid(address: Address) -> bool:
    """Tell whether host, port and database can be read from a URL."""
    try:
        parts = urlsplit(address.secret)
        return parts.port != 0 and bool(parts.path.strip("/"))
    except ValueError:
        return False


def key_bytes(key: SecretStr) -> bytes:
    """Return the bytes of a key, in either alphabet of base64; none where it is something else."""
    try:
        return base64.b64decode(key.get_secret_value().strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return b""
