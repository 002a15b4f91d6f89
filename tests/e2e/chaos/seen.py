"""What is seen of an installation after a break: plain data, which the judge judges."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DONE, REJECTED = "done", "rejected"


@dataclass(frozen=True)
class Run:
    """A pipeline run that was under way while something broke."""

    model: str
    run_id: str
    states: tuple[str | None, str | None]
    """How the runs of the data DAG and of the model DAG ended; none where there is no such run."""
    records: Mapping[str, str] = field(default_factory=dict)
    """Step to the status of its record."""
    version: str | None = None
    """What the record of the register step names."""
    unchanged: bool = False
    """Whether its rows were versioned before, so that nothing is to be trained."""

    @property
    def told(self) -> str:
        """Return how it ended, in words."""
        data, model = self.states
        if data != "success":
            return f"{self.model}: data DAG {data}"
        after = f", version {self.version}" if self.version else ""
        return f"{self.model}: {model or 'no run of the model DAG'}{after}"


@dataclass(frozen=True)
class Version:
    """A version in MLflow's registry."""

    model: str
    version: str
    run_id: str | None
    status: str
    bundled: bool
    """Whether its release bundle is in the store, whole: the graph has the hash that the release names."""


@dataclass(frozen=True)
class Service:
    """What serves of a model."""

    model: str
    champion: str | None
    """Version of the registry's alias."""
    served: str | None
    """Version that the ingress answers with."""
    release_intact: bool
    """Whether the champion's release has the hash that its run's record acknowledges."""


@dataclass(frozen=True)
class Probed:
    """What became of the questions that were asked through the ingress all the while."""

    answered: int
    failures: tuple[str, ...]
    longest_gap: float
    """Seconds between two answers."""

    @property
    def told(self) -> str:
        """Return it in words."""
        return (
            f"`/predict`: {self.answered:,} answered, {len(self.failures):,} not, longest gap {self.longest_gap:.1f} s"
        )


@dataclass(frozen=True)
class Seen:
    """All of it."""

    runs: tuple[Run, ...]
    versions: tuple[Version, ...]
    bundles: tuple[tuple[str, str], ...]
    """(model, version) of each release in the store."""
    services: tuple[Service, ...]
    lost: tuple[str, ...]
    """Acknowledged artifacts that are away or altered, each with its key."""
    orphans: tuple[str, ...]
    """Pods of steps that are left 10 minutes after the end of their runs."""
    probed: Probed
