"""What a person is told at the end of a run: winner and metric, rows set aside and why, and where it all lies."""

import json
from collections.abc import Mapping
from typing import Any

from molino.contracts.address import Address
from molino.contracts.approval import Approval
from molino.contracts.errors import StoreError
from molino.contracts.reading import read_object
from molino.contracts.results import DeployResult, EvaluateResult, IngestResult, Verdict, VersionResult
from molino.contracts.run import Run
from training.stores.contract import Store

REASONS_SHOWN = 3


def tell_end(run: Run, store: Store) -> list[tuple[str, str]]:
    """Return titles and what is told of each; what a record of another version doesn't hold is left out."""
    told: list[tuple[str, str]] = []
    if "evaluate" in run.records:
        told += _winner(read_object(EvaluateResult, run.records["evaluate"].result))
    if "ingest" in run.records:
        told += _rows(read_object(IngestResult, run.records["ingest"].result), store)
    if "version" in run.records:
        told += _changes(run.records["version"].result)
    return told


def tell_refusal(run: Run) -> list[str]:
    """Return why the gate refused a run, as far as its record holds it."""
    record = run.records.get("evaluate")
    verdict = read_object(Verdict, record.result.get("verdict")) if record else "there is none"
    return [f"(its record tells no reason: {verdict})"] if isinstance(verdict, str) else list(verdict.reasons)


def refused_in_person(run: Run) -> Approval | None:
    """Return what a person has said who refused what a run made; none where nobody has."""
    record = run.records.get("deploy")
    deployed = read_object(DeployResult, record.result) if record else ""
    said = deployed.approval if isinstance(deployed, DeployResult) else None
    return said if said and not said.approved else None


def refused_by(run: Run) -> tuple[str, list[str]]:
    """Return who has refused what a run made, a person or the gate, and why."""
    said = refused_in_person(run)
    return ("a person", [said.told]) if said else ("the gate", tell_refusal(run))


def _winner(evaluated: EvaluateResult | str) -> list[tuple[str, str]]:
    if isinstance(evaluated, str):
        return []
    score = evaluated.scores.get(evaluated.best, {}).get(evaluated.metric)
    if score is None:
        return []
    interval = f"95 % interval {score.low:.4g} to {score.high:.4g}"
    beaten = f", best of {len(evaluated.scores)}" if len(evaluated.scores) > 1 else ""
    return [("Winner", f"{evaluated.best}{beaten}: {evaluated.metric} {score.value:.4g} on held-out rows ({interval})")]


def _rows(ingested: IngestResult | str, store: Store) -> list[tuple[str, str]]:
    if isinstance(ingested, str):
        return []
    rows = f"{ingested.rows_read} read, {ingested.rows_clean} clean, {ingested.rows_quarantined} set aside"
    dropped = f", {ingested.rows_dropped} dropped" if ingested.rows_dropped else ""
    told = [("Rows", rows + dropped)]
    told += [("", reason) for reason in _reasons(ingested.report_json.key, store)]
    if ingested.quarantine:
        told.append(("Set aside", place(ingested.quarantine.uri)))
    return [*told, ("Report", place(ingested.report_html.uri))]


def _changes(versioned: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the comparison with the last data version said; nothing of a record without one."""
    told = VersionResult.compared(versioned)
    more = len(told) - REASONS_SHOWN
    shown = told[:REASONS_SHOWN] + ([f"and {more} differences more, in molino runs show"] if more > 0 else [])
    return [("" if index else "Data", line) for index, line in enumerate(shown)]


def _reasons(key: str, store: Store) -> list[str]:
    """Return why rows were set aside or dropped, the most frequent reasons first."""
    try:
        reasons = sorted(json.loads(store.read(key))["reasons"], key=lambda reason: -int(reason["rows"]))
        told = [f"{reason['rows']} × {reason['reason']}" for reason in reasons]
    except (StoreError, ValueError, KeyError, TypeError):
        return []
    more = len(told) - REASONS_SHOWN
    return told[:REASONS_SHOWN] + ([f"and {more} reasons more, in the report"] if more > 0 else [])


def place(uri: str) -> str:
    """Return where an object is, as a path where it is a file of this machine."""
    address = Address(uri)
    return str(address.path or address)
