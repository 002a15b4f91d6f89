"""The settings of the server: read once from the environment, frozen, handed down."""

import ipaddress
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from molino.contracts.errors import SettingsError
from serving.http.proxies import Network, read_prefix

ENV_PREFIX = "MOLINO_SERVING_"
DEVELOPMENT_API_KEY = "mercadolibre"
MOST_WINDOWS = 8
_ORIGIN = re.compile(r"https?://[^/?#@\s*]+")


class ServingSettings(BaseSettings):
    """How the server runs. Without any variable set it serves `.molino/serving` on 127.0.0.1:8000."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="ignore", populate_by_name=True)

    state: Path = Field(default=Path(".molino"), validation_alias="MOLINO_HOME")
    """Folder of all state of the embedded mode."""
    home: Path | None = None
    """Folder of release bundles and of the pointer file; `serving` in the state folder when not set."""
    default_model: str | None = None
    """What `POST /predict` serves; the only model, or the first by name, when not set."""

    host: str = "127.0.0.1"
    """Address to listen on; `*` for all, of IPv6 and of IPv4, as far as there are such."""
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=2, ge=1, le=32)
    graceful_timeout: int = Field(default=30, ge=1)
    """Seconds that running requests are given when the server stops."""
    keepalive: int = Field(default=75, ge=0)
    """Seconds that an idle connection is kept; above the proxy's own, or requests are lost."""
    poll_seconds: float = Field(default=0.2, gt=0)
    """How often the pointer file is looked at."""

    auth: Literal["on", "off"] = "on"
    """`off` lets everybody in, without key or token."""
    api_keys: SecretStr = Field(default=SecretStr(DEVELOPMENT_API_KEY), validation_alias="MOLINO_API_KEYS")
    """Valid keys, parted by commas or new lines: plain, or `sha256:<hex>`. Several are valid at once, for rotation."""
    api_keys_file: Path | None = Field(default=None, validation_alias="MOLINO_API_KEYS_FILE")
    """A file with keys in the same form, instead of `MOLINO_API_KEYS`; it is followed when it changes."""
    jwt_keys: Path | None = None
    """A file of PEM public keys or a JWKS: with it a bearer JWT is accepted in place of a key. It is followed."""
    jwks_url: SecretStr | None = None
    """The address of a JWKS, beside the file or in its place."""
    jwks_seconds: float = Field(default=300, ge=1)
    """How often the address is asked again; a token with an unknown key has it asked at once, within bounds."""
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    """Who must have issued a token, and for whom; both are required once tokens are on."""
    jwt_algorithms: str = "RS256,RS384,RS512,PS256,PS384,PS512,ES256,ES384,ES512,EdDSA"
    jwt_scope: str | None = None
    """A scope that opens everything, beside `predict:<model>`, `predict:*` and `monitor`."""

    path_prefix: str = ""
    """Path under which a proxy has the server, such as `/ml`; one in `X-Forwarded-Prefix` goes before it."""
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = (
        ipaddress.ip_network("127.0.0.1"),
        ipaddress.ip_network("::1"),
    )
    """Addresses and networks, separated by commas, whose `X-Forwarded-For` and `X-Forwarded-Prefix` are believed."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins, separated by commas, whose scripts may ask from a browser; `*` for all."""

    public_contract: bool = False
    """Whether `/openapi.json`, which shows the features of every model, wants no key."""

    max_body_bytes: int = Field(default=16 * 2**20, ge=1024)
    thread_bytes: int = Field(default=16 * 1024, ge=1)
    """Bodies above this size are answered in a thread, so that small requests don't wait behind them: 256 KiB with a
    wrong last row take some 110 ms."""
    gzip_bytes: int = Field(default=4096, ge=1)
    """Answers of at least this size are put in gzip for clients that take it."""
    head_seconds: float = Field(default=10, gt=0)
    """How long the head of a request may take, from its first byte."""
    request_seconds: float = Field(default=60, gt=0)
    """How long a whole request may take, from its first byte until its answer is written."""
    max_connections: int = Field(default=500, ge=1)
    """Connections of one worker, fewer where the process may have fewer files; the longest idle one makes room."""
    rate_limit: int | None = Field(default=None, ge=1, le=1_000_000)
    """Requests per key in any window of time, over all workers; off when not set."""
    rate_window_seconds: float = Field(default=60, gt=0)

    explain_permutations: int = Field(default=64, ge=0, le=10_000)
    """Orders of the features that an explanation goes through, there and back; 0 explains nothing."""
    explain_graph_rows: int = Field(default=500_000, ge=1)
    """Most rows that the graph is run on for one request to explain, which bounds the rows that it may have."""

    drift_windows: Annotated[tuple[float, ...], NoDecode] = (3600.0, 86400.0)
    """Lengths in seconds of the windows that drift is measured in, separated by commas, the shortest first."""

    access_log: bool = True
    access_log_share: float = Field(default=1.0, ge=0, le=1)
    """Share of the requests that are logged; errors of the server always are."""

    @field_validator("drift_windows", "trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _part(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("path_prefix")
    @classmethod
    def _check_prefix(cls, prefix: str) -> str:
        if prefix.strip("/") and not read_prefix(prefix):
            raise ValueError("expected a path such as /ml")
        return read_prefix(prefix)

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [origin for origin in origins if origin != "*" and not _ORIGIN.fullmatch(origin)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no origin such as https://app.example, without a path, nor *")
        return origins

    @field_validator("drift_windows")
    @classmethod
    def _check_windows(cls, windows: tuple[float, ...]) -> tuple[float, ...]:
        if not 1 <= len(windows) <= MOST_WINDOWS or not all(1 <= seconds < math.inf for seconds in windows):
            raise ValueError(f"expected 1 to {MOST_WINDOWS} lengths of at least a second, such as 3600,86400")
        return tuple(sorted(set(windows)))

    @property
    def releases(self) -> Path:
        """Folder of release bundles and of the pointer file, absolute."""
        return (self.home or self.state / "serving").expanduser().resolve()


def load_serving_settings() -> ServingSettings:
    """Read the environment.

    Raises:
        SettingsError: names each wrong variable and what was expected.
    """
    try:
        return ServingSettings()
    except ValidationError as error:
        faults = "; ".join(
            f"{_variable(fault['loc'])}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise SettingsError(faults) from error


def _variable(loc: tuple[int | str, ...]) -> str:
    name = ".".join(str(part) for part in loc)
    return name if name.startswith("MOLINO_") else f"{ENV_PREFIX}{name.upper()}"
