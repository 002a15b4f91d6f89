"""Predictions for a whole CSV: in batches over the serving API, in bounded memory, each wrong row named."""

import csv
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from molino.client import Client, ClientError
from molino.contracts.address import Address
from molino.contracts.errors import SourceError
from molino.contracts.features import FEATURES, Cell
from molino.contracts.features.base import number_in
from molino.contracts.model_file import Source
from molino.contracts.tidy import tidied

PLAIN = Source(uri=Address("-"))
"""The form of a CSV where no model file tells it."""
UNPROCESSABLE = 422
TOO_LARGE = 413

Row = dict[str, str]
Feature = Mapping[str, Any]
"""A feature as the API tells it."""


@dataclass(frozen=True)
class Predicted:
    """What was done."""

    rows: int
    predicted: int
    version: str


def predict_csv(
    client: Client,
    model: str,
    source: Path,
    target: Path,
    batch: int,
    tell: Callable[[str], None],
    form: Source = PLAIN,
) -> Predicted:
    """Write a CSV with the columns of the source and what the model answers to each row.

    Regression adds the column `prediction`; classification adds `probability_<class>` per class too. The target is
    written whole or not at all.

    Args:
        client: asks the serving API.
        model: name of the served model.
        source: CSV with a header.
        target: CSV to write.
        batch: rows per request; fewer where the model takes fewer.
        tell: is given each fault as `<file>:<line>: <feature>: <cause>`.
        form: what parts the cells, and which mean no value, as ingest reads them.

    Raises:
        SourceError: the source can't be read, or lacks a feature.
        ClientError: the API can't be reached or doesn't serve the model.
    """
    served = _served(client, model)
    features = served["features"]
    part = target.with_name(target.name + ".part")
    rows = predicted = 0
    try:
        with (
            source.open(newline="", encoding=_encoding(form)) as file,
            part.open("w", newline="", encoding="utf-8") as out,
        ):
            for _ in range(form.skip_lines):
                file.readline()
            reader = csv.DictReader(file, form.header, restval="", delimiter=form.delimiter)
            header, columns = _checked_header(reader, features, source)
            answers = _answer_columns(served)
            writer = csv.DictWriter(out, [*header, *answers], extrasaction="ignore", delimiter=form.delimiter)
            writer.writeheader()
            for lines in _batches(reader, min(batch, served["serving"].get("max_rows", batch))):
                asked = [
                    [
                        _value(row[name], one["type"], form.missing_beside(one.get("values")), form)
                        for name, one in columns
                    ]
                    for _, row in lines
                ]
                found = _ask(client, model, asked)
                for (line, row), answer in zip(lines, found, strict=True):
                    for fault in answer.faults:
                        tell(f"{source}:{line}: {fault}")
                    writer.writerow({**row, **answer.values})
                    predicted += not answer.faults
                rows += len(lines)
        part.replace(target)
    except OSError as error:
        raise SourceError(f"{error.filename or source}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{source}: not a CSV in {form.encoding.upper()}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return Predicted(rows, predicted, str(served["version"]))


@dataclass(frozen=True)
class _Answer:
    """What one row gets: values by column, or faults."""

    values: Mapping[str, Any]
    faults: Sequence[str] = ()


def _served(client: Client, model: str) -> dict[str, Any]:
    served: dict[str, Any] = client.get(f"/models/{model}")
    if "features" not in served:
        raise ClientError(f"{client.url} can't serve {model} now: {served.get('failure')}", 200)
    return served


def _encoding(form: Source) -> str:
    return "utf-8-sig" if form.encoding == "utf-8" else form.encoding


def _checked_header(
    reader: "csv.DictReader[str]", features: Sequence[Feature], source: Path
) -> tuple[list[str], list[tuple[str, Feature]]]:
    """Return the header, and each feature with its column: called as in the training rows' source, or as itself."""
    header = list(reader.fieldnames or [])
    if not header:
        raise SourceError(f"{source}: the file is empty; expected a header with the model's features")
    called = {tidied(name): name for name in reversed(header)}
    named = [next((name for name in (one.get("column"), one["name"]) if name in called), "") for one in features]
    missing = [one.get("column") or one["name"] for name, one in zip(named, features, strict=True) if not name]
    if missing:
        raise SourceError(f"{source}:1: the model's features {', '.join(missing)} are missing in the header")
    return header, [(called[name], one) for name, one in zip(named, features, strict=True)]


def _answer_columns(served: Mapping[str, Any]) -> list[str]:
    return ["prediction", *(f"probability_{name}" for name in served.get("classes") or ())]


def _batches(reader: "csv.DictReader[str]", size: int) -> Iterator[list[tuple[int, Row]]]:
    """Yield rows with the line that each ends on."""
    numbered = ((reader.line_num, row) for row in reader)
    while lines := list(itertools.islice(numbered, size)):
        yield lines


def _ask(client: Client, model: str, rows: Sequence[Sequence[Any]]) -> list[_Answer]:
    """Return what the model answers to each row; rows that it refuses are taken out and the rest is asked again."""
    answers: dict[int, _Answer] = {}
    while waiting := [index for index in range(len(rows)) if index not in answers]:
        try:
            answered = _columns(client.post(f"/models/{model}/predict", {"data": [rows[index] for index in waiting]}))
        except ClientError as error:
            if error.status == TOO_LARGE and len(rows) > 1:
                half = len(rows) // 2
                return [*_ask(client, model, rows[:half]), *_ask(client, model, rows[half:])]
            answers.update(_refused(error, waiting))
            continue
        answers.update((index, _Answer(values)) for index, values in zip(waiting, answered, strict=True))
    return [answers[index] for index in range(len(rows))]


def _refused(error: ClientError, waiting: Sequence[int]) -> dict[int, _Answer]:
    """Return the faults of the rows that the API names, or raise what isn't about rows."""
    faults: dict[int, list[str]] = {}
    for fault in error.problem.get("errors", []) if error.status == UNPROCESSABLE else []:
        if fault.get("row") is not None:
            faults.setdefault(waiting[fault["row"]], []).append(f"{fault.get('feature')}: {fault['detail']}")
    if not faults:
        raise error
    return {index: _Answer({}, tuple(said)) for index, said in faults.items()}


def _columns(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each row's answer by column."""
    found: list[dict[str, Any]] = [{"prediction": value} for value in answer["predictions"]]
    for row, shares in zip(found, answer.get("probabilities") or [], strict=False):
        row.update((f"probability_{name}", share) for name, share in shares.items())
    return found


def _value(cell: str, kind: str, missing: Collection[str], form: Source = PLAIN) -> Cell:
    """Return a cell as its feature's type, or as it stands, for the API to refuse."""
    cell = cell.strip()
    if not cell or cell in missing:
        return None
    if kind not in FEATURES:
        return cell
    number = FEATURES[kind].from_cell(form.plain_number(cell))
    if isinstance(number, float):
        return None if number in map(number_in, missing) else number
    return FEATURES[kind].from_cell(cell)
