"""The settings of steps and commands: read once from `MOLINO_*` environment variables, frozen, handed down.

An address is without user, password and query wherever it is shown; `Address.secret` is the whole one.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as PydanticSettingsError

from molino.contracts.address import Address, host_of
from molino.contracts.api_keys import part_keys
from molino.contracts.approval import Approval
from molino.contracts.errors import SettingsError
from molino.contracts.identifiers import RUN_ID_PATTERN, RUN_ID_WORDS
from molino.contracts.part import LARGEST_SEED

DEVELOPMENT_API_KEY = "mercadolibre"
SQLITE = "sqlite:///"
Read = TypeVar("Read", bound=BaseSettings)


class ServingPlace(BaseModel):
    """Where a model is served that is apart from the others."""

    model_config = ConfigDict(frozen=True)

    deployment: str
    url: str
    """Of its Service."""


class Settings(BaseSettings):
    """Where things are. Without any variable set, all is below `.molino/` in the working folder."""

    model_config = SettingsConfigDict(env_prefix="MOLINO_", env_ignore_empty=True, frozen=True, extra="ignore")

    home: Path = Path(".molino")
    """Folder of all state of the embedded mode."""
    models: Path = Path("pipelines/models")
    """Folder of the model files, `<name>/model.yaml`."""
    model_file: Path | None = None
    """One model file that overrides `models`."""
    model_content: str | None = None
    """A model file itself, in base64 and gzip, that overrides both: how the DAG hands it to a pod."""
    model_code: str | None = None
    """The Python files that the model file names, in base64 and gzip: how they come with it to a pod."""
    model_digest: str | None = None
    """Digest of the model file and the Python files beside `model_file`: where they are too large for a variable, a pod
    has them mounted, and takes none but those that its run began with."""
    source: Address | None = None
    """Source of the rows that overrides the model file's `source.uri`; a path is relative to the working folder."""
    source_schemes: str | None = None
    """Schemes that sources may have, with commas between, such as `s3,https`. When not set: all, but in a
    pod not `file`. Without `file`, files below the model file's folder alone are taken."""
    source_hosts: str = ""
    """Hosts, or buckets, that sources may come from, with commas between, such as `data.example.org,*.internal`; a
    redirection leads to no other either. All when empty."""
    source_largest_bytes: int = Field(default=20 * 2**30, gt=0)
    """Size in bytes of the largest source that is taken."""
    source_largest_unpacked_bytes: int = Field(default=100 * 2**30, gt=0)
    """Size in bytes of the largest source that is taken, unpacked from gzip."""
    candidates: str | None = None
    """Names of the candidates to train, with commas between; all of the model file's when not set."""
    data_run: str | None = Field(default=None, pattern=RUN_ID_PATTERN)
    """Run whose data a run takes that has none of its own."""
    work: Path | None = None
    """Folder for a step's temporary files; `home/work` when not set."""

    store: Address | None = None
    """`s3://bucket[/prefix]` or a folder; `home/store` when not set."""
    s3_endpoint: Address | None = None
    """URL of an S3 other than AWS, such as `http://minio:9000`."""
    s3_access_key: str | None = None
    s3_secret_key: SecretStr | None = None
    s3_region: str = "us-east-1"
    s3_identity: bool = False
    """Whether the pod's service account stands for keys, as the cloud knows it (IRSA, EKS Pod Identity)."""

    git_remote: Address | None = None
    """Folder, `s3://…` or URL of the data repository; `home/data.git` when not set."""
    git_branch: str = "main"
    git_author: str = "molino"
    git_email: str = "molino@localhost"
    git_credentials: Path | None = None
    """File in the form of `git credential-store`, for an https remote."""
    git_ssh_key: Path | None = None
    """Private key for an ssh remote."""
    git_known_hosts: Path | None = None
    """File of an ssh remote's host keys, in the form of ssh's `known_hosts`: no other key is taken. When not set, the
    first key that a host shows is kept in `home/known_hosts`, and no other is taken from then on."""
    git_host_keys: str | None = None
    """The lines of such a file themselves, in its place: how a pod gets them."""
    dvc_remote: Address | None = None
    """Folder or `s3://…` of DVC's cache; `home/dvc` when not set."""

    mlflow_tracking_uri: Address | None = None
    """`sqlite:///home/mlflow.db` when not set."""
    mlflow_username: str | None = None
    mlflow_password: SecretStr | None = None
    """Of a tracking server with basic auth."""
    mlflow_artifacts: Address | None = None
    """Where new experiments keep artifacts when the tracking URI is a database; `home/artifacts` when not set."""

    deploy_target: str = "embedded"
    """Where releases are put in service: a module of `training/deploy/targets`."""
    serving_url: Address = Address("http://127.0.0.1:8000")
    """Where the deploy step asks the server."""
    serving_home: Path | None = None
    """Embedded: folder of fetched releases and of the pointer file; `home/serving` when not set."""
    namespace: str = "default"
    """Kubernetes: where the serving Deployment is."""
    serving_deployment: str = "molino-serving"
    """Kubernetes: its name."""
    serving_places: Mapping[str, ServingPlace] = Field(default_factory=dict)
    """Kubernetes: by model, Deployment and URL in place of these two; of models that are served apart alone."""
    api_keys: SecretStr = SecretStr(DEVELOPMENT_API_KEY)
    """The keys that the server takes, parted by commas or new lines; plain, or as `sha256:<hex>`."""
    api_key: SecretStr = Field(default_factory=lambda known: SecretStr(_first_plain(known["api_keys"])))
    """The key that steps and commands use to ask the server; the first plain one of `api_keys` when not set."""

    otlp_endpoint: Address | None = None
    """URL of a server of OTLP over HTTP, such as `http://collector:4318`, that is sent a span per step; none when not
    set."""
    traceparent: str | None = None
    """The span that a step is part of, as W3C Trace Context's header; one made of the run when not set."""
    approval: Approval | None = None
    """What a person has said of the run's version, as JSON, where the model file wants it (`gate.approval: required`):
    how the DAG hands it to the deploy step."""

    code_revision: str = "unknown"
    image: str | None = None
    summary: Path | None = None
    """File for a line of JSON about how a step ended, such as a container's termination log."""
    seed: int | None = Field(default=None, ge=0, le=LARGEST_SEED)
    """Overrides the model file's seeds."""

    @field_validator("serving_url")
    @classmethod
    def _is_a_server(cls, url: Address) -> Address:
        try:
            parts = urlsplit(url)
            known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if not known:
            raise ValueError(f"expected the URL of a server, such as http://127.0.0.1:8000, not {url!r}")
        return Address(url.secret.rstrip("/"))

    @field_validator("otlp_endpoint")
    @classmethod
    def _takes_otlp(cls, url: Address | None) -> Address | None:
        if url is not None and (url.scheme not in ("http", "https") or not host_of(url)):
            raise ValueError(
                f"expected the URL of a server of OTLP over HTTP, such as http://collector:4318, not {url!r}"
            )
        return url

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, given: Any) -> Any:
        """Take what is blank for not set, as what is empty."""
        return {name: value for name, value in given.items() if not (isinstance(value, str) and value.isspace())}

    @field_validator(
        "home", "models", "model_file", "work", "git_credentials", "git_ssh_key", "git_known_hosts", "serving_home",
        "summary",
    )  # fmt: skip
    @classmethod
    def _expanded(cls, path: Path | None) -> Path | None:
        return None if path is None else expanded(path)

    @field_validator("source", "store", "git_remote", "dvc_remote", "mlflow_artifacts")
    @classmethod
    def _has_a_user(cls, address: Address | None) -> Address | None:
        if address is not None and address.path is not None:
            expanded(address.path)
        return address

    @field_validator("s3_endpoint", "mlflow_artifacts")
    @classmethod
    def _has_no_secret(cls, address: Address | None) -> Address | None:
        """What others are told with the data, or that has keys of its own."""
        if address is not None and address.credentials:
            raise ValueError(f"expected {address} alone, without user, password and query")
        return address

    @property
    def candidate_names(self) -> frozenset[str]:
        """The candidates to train alone; none where all are."""
        return frozenset(name.strip() for name in (self.candidates or "").split(",")) - {""}

    @property
    def overrides(self) -> dict[str, str]:
        """What is given over the model file's training: `seed`, and `candidates` in no order."""
        names = ",".join(sorted(self.candidate_names))
        given = {"seed": None if self.seed is None else str(self.seed), "candidates": names}
        return {name: value for name, value in given.items() if value}

    def of_model(self, name: str) -> "Settings":
        """Return them with the server of a model as the server."""
        place = self.serving_places.get(name)
        if place is None:
            return self
        return self.model_copy(
            update={"serving_deployment": place.deployment, "serving_url": Address(place.url.rstrip("/"))}
        )

    @property
    def root(self) -> Path:
        """`home`, absolute."""
        return self.home.expanduser().resolve()

    @property
    def in_a_pod(self) -> bool:
        """Whether steps run where the files around them are a pod's own."""
        return self.deploy_target == "kubernetes" or bool(self.model_content or self.model_digest)

    @property
    def work_folder(self) -> Path:
        """Where steps keep temporary files."""
        return self.work or self.root / "work"

    @property
    def store_uri(self) -> Address:
        """Where objects are kept."""
        return Address(self.store or str(self.root / "store"))

    @property
    def git_remote_uri(self) -> Address:
        """Where data versions are pushed to."""
        return Address(self.git_remote or str(self.root / "data.git"))

    @property
    def dvc_remote_uri(self) -> Address:
        """Where the versioned bytes are pushed to."""
        return Address(self.dvc_remote or str(self.root / "dvc"))

    @property
    def tracking_uri(self) -> Address:
        """MLflow's tracking and registry URI."""
        return Address(self.mlflow_tracking_uri or f"{SQLITE}{self.root / 'mlflow.db'}")

    @property
    def tracking_file(self) -> Path | None:
        """The file of MLflow's database, where it is one."""
        uri = self.tracking_uri
        return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None

    @property
    def artifacts_uri(self) -> Address | None:
        """Artifact root of new experiments; none when a tracking server decides."""
        if self.mlflow_artifacts:
            return self.mlflow_artifacts
        return None if self.tracking_uri.scheme in ("http", "https") else Address(str(self.root / "artifacts"))

    @property
    def serving_folder(self) -> Path:
        """Embedded: where the server looks for releases."""
        return self.serving_home or self.root / "serving"

    @property
    def logs_folder(self) -> Path:
        """TensorBoard's log folder of the embedded mode."""
        return self.root / "tensorboard"


def expanded(path: Path) -> Path:
    """Return a path with the home that it begins with; ValueError where there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no home that {path} could be in; write the whole path") from error


def make_folder(folder: Path) -> Path:
    """Make a folder below the home where it isn't there yet.

    Raises:
        SettingsError: it can't be made, or not be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK | os.X_OK)
        cause = "it can't be written"
    except OSError as error:
        writable, cause = False, error.strerror or str(error)
    if not writable:
        raise SettingsError(f"MOLINO_HOME: {folder}: {cause}; set it to a folder that can be written")
    return folder


def _first_plain(keys: SecretStr) -> str:
    found = part_keys(keys.get_secret_value())
    return next((key for key in found if not key.startswith("sha256:")), DEVELOPMENT_API_KEY)


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: names each wrong variable and what was expected.
    """
    return read_environment(Settings)


def read_environment(kind: type[Read]) -> Read:
    """Read the settings of a kind from the environment.

    Raises:
        SettingsError: names each wrong variable and what was expected.
    """
    prefix = kind.model_config.get("env_prefix", "")
    try:
        return kind()
    except ValidationError as error:
        faults = "; ".join(
            f"{prefix}{'.'.join(map(str, fault['loc'])).upper()}: {_problem(fault)}"
            for fault in error.errors(include_url=False, include_input=False)
            if fault["type"] != "default_factory_not_called"
        )
        raise SettingsError(faults) from error
    except PydanticSettingsError as error:
        raise SettingsError(f"{prefix}*: {error}; expected JSON") from error


def _problem(fault: ErrorDetails) -> str:
    if fault["type"] == "string_pattern_mismatch" and fault["ctx"]["pattern"] == RUN_ID_PATTERN:
        return f"expected {RUN_ID_WORDS}"
    return fault["msg"].removeprefix("Value error, ")
