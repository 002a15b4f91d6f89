"""What there is to tell of a run: why a step failed, or why the gate or a person refused what it made."""

from collections.abc import Mapping
from dataclasses import dataclass

from molino.contracts.run import Run
from molino.notice.message import FAILED, PUT_BACK, REFUSED, Notice, one_line
from molino.notice.settings import NoticeSettings
from molino.run_end import refused_in_person, tell_refusal
from pipelines.links import mlflow_link


@dataclass(frozen=True)
class Failure:
    """A step that came to no good end."""

    step: str
    reason: str
    put_back: bool = False
    """Whether what served before serves again."""


def outcome(run: Run, failure: Failure | None, settings: NoticeSettings, links: Mapping[str, str]) -> Notice | None:
    """Return what is to be told of a run; nothing where all went well, or nobody wants to know.

    Args:
        run: with the records that it has.
        failure: what ended it, if anything did.
        settings: who wants to know what, and where the pages are.
        links: further pages, by what they are called.
    """
    if failure is not None:
        event, reason = PUT_BACK if failure.put_back else FAILED, failure.reason
    elif run.state == "rejected":
        event, reason = REFUSED, _refusal(run)
    else:
        return None
    if event not in settings.told:
        return None
    step = one_line(failure.step) if failure else None
    version = _fact(run, "register", "version")
    pages = {**links, **_pages(run, settings)}
    return Notice(event, run.model, run.run_id, step, version, one_line(reason), pages)


def _refusal(run: Run) -> str:
    """Return why: a person's reason where one has refused, else the gate's."""
    said = refused_in_person(run)
    return said.told if said else f"the gate: {'; '.join(tell_refusal(run))}"


def _pages(run: Run, settings: NoticeSettings) -> dict[str, str]:
    pages = {}
    if settings.mlflow_url:
        told = {name: _fact(run, "train", name) for name in ("mlflow_run_id", "mlflow_experiment_id")}
        pages["MLflow"] = mlflow_link(settings.mlflow_url.rstrip("/"), run.model, told)
    if settings.serving_url:
        pages["Serving"] = f"{settings.serving_url.rstrip('/')}/"
    return pages


def _fact(run: Run, step: str, name: str) -> str | None:
    """Return what a step's result says; none where it has no record, or doesn't say."""
    record = run.records.get(step)
    found = record.result.get(name) if record else None
    return None if found is None else one_line(str(found))
