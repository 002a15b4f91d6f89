"""The manifest of a set: what it holds, each file with its SHA-256. It is written last: without it there is no set."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

import molino
from molino.contracts.identifiers import RUN_ID_PATTERN
from molino.contracts.reading import Moment

BLOBS = "blobs/"
DATABASES = "databases"
"""The place of dumps."""
BUNDLE = "repository"
"""The place of a data repository that is a folder: one file, git's bundle of all that it has."""


class Held(BaseModel):
    """One file of a set."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    place: str
    """Where it is restored to: `databases`, `repository`, or the name of a folder or bucket."""
    key: str
    """Its path there."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(ge=0)
    blob: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Name of its bytes in the store of backups, where they are encrypted; else it is the SHA-256."""
    mark: str = ""
    """What the listing told when it was read: while it tells the same, the next set needn't read it."""

    @field_validator("key")
    @classmethod
    def _stays_in_its_place(cls, key: str) -> str:
        if "\0" in key or ".." in key.split("/"):
            raise ValueError(f"expected a path within its place, not {key!r}")
        return key

    @property
    def name(self) -> str:
        """The file, as it is named to people."""
        return f"{self.place}/{self.key}"

    @property
    def blob_key(self) -> str:
        """Where its bytes are in the store of backups."""
        name = self.blob or self.sha256
        return f"{BLOBS}{name[:2]}/{name}"


class Count(BaseModel):
    """How much of a place is in a set."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    files: int
    bytes: int


class Manifest(BaseModel):
    """A set. Every key that is added later has a default, so that sets of earlier versions can be read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1] = 1
    id: str = Field(pattern=RUN_ID_PATTERN)
    created: Moment
    """When the first database was read: what is later isn't in the set, or nothing in it needs that."""
    molino: str
    """Version that wrote it."""
    key_id: str | None = None
    """Which key encrypts it; none where it is plain."""
    counts: dict[str, Count]
    pointers: dict[str, str] = Field(default_factory=dict)
    """Which version of each model was in service."""
    artifacts: str | None = None
    """Address below which MLflow's database says that artifacts are."""
    left_out: tuple[str, ...] = ()
    """What the settings lead to and isn't in the set, with why."""
    files: tuple[Held, ...]

    @classmethod
    def of(cls, set_id: str, files: tuple[Held, ...], **more: object) -> Self:
        """Return the manifest of files, counted."""
        fields = {"molino": molino.__version__, **more}
        return cls.model_validate({"id": set_id, "files": files, "counts": counted(files), **fields})

    @property
    def bytes(self) -> int:
        """How large all is that a restore writes."""
        return sum(count.bytes for count in self.counts.values())


def counted(files: tuple[Held, ...]) -> dict[str, Count]:
    """Return how much there is of each place."""
    return {
        place: Count(files=len(sizes), bytes=sum(sizes))
        for place in dict.fromkeys(file.place for file in files)
        for sizes in [[file.bytes for file in files if file.place == place]]
    }
