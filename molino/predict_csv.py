"""Predictions for a whole table: in batches over the serving API, in bounded memory, each wrong row named."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from molino.asked_rows import AskedSource, open_asked
from molino.client import MOST_STARTS, Answer, Client, VersionChangedError
from molino.contracts.address import Address
from molino.contracts.errors import SourceError
from molino.contracts.model_file import Source
from molino.predicted_file import STANDARD, PredictedFile, new_file, replacing

if TYPE_CHECKING:
    import polars as pl

PLAIN = Source(uri=Address("-"))
"""The form of a CSV where no model file tells it."""
LARGEST_UNPACKED_BYTES = 100 * 2**30


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
    progress: Callable[[int, int, int], None] | None = None,
    intervals: bool = False,
) -> Predicted:
    """Write a table with the columns of the source and what the model answers to each row.

    Regression adds the column `prediction`; classification adds `probability_<class>` per class too. The target is
    written whole or not at all, and by one version of the model: where another is deployed on the way, all is asked
    again.

    Args:
        client: asks the serving API.
        model: name of the served model.
        source: CSV or Parquet, plain or gzip, as its first bytes say; `-` is standard input.
        target: CSV, or what its ending says: `.gz`, `.parquet`; `-` is standard output.
        batch: rows per request; fewer where the model takes fewer.
        tell: is given each fault as `<file>:<line>: <feature>: <cause>`; the header is line 1, and each row one.
        form: how a CSV is written and which cells mean no value, as ingest reads them.
        progress: is given the rows done, and the bytes read of how many.
        intervals: whether `prediction_low` and `prediction_high` are added, the ends of the prediction intervals.

    Raises:
        SourceError: the source can't be read, breaks a rule of ingest for tables, or lacks a feature.
        ClientError: the API can't be reached or doesn't serve the model.
    """
    served = client.described(model)
    try:
        with tempfile.TemporaryDirectory(prefix="molino-predict-") as work:
            folder = Path(work)
            path, where = _local(source, folder)
            run = _Run(
                client, model, served, path, where, target, min(batch, client.most_rows(served)), form, intervals
            )
            for start in range(1, MOST_STARTS + 1):
                try:
                    with replacing(target, folder) as whole:
                        return run.write(whole, folder, tell, progress)
                except VersionChangedError as error:
                    if start == MOST_STARTS:
                        raise
                    tell(f"{error}: starting again")
            raise AssertionError("every start returns or raises")
    except OSError as error:
        raise SourceError(f"{error.filename or source}: {error.strerror or error}") from error


def _local(source: Path, folder: Path) -> tuple[Path, str]:
    """Return a file that can be read again and again, and what errors call it."""
    if str(source) == STANDARD:
        with (folder / "source").open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        return folder / "source", "standard input"
    if source.exists() and not source.is_file() and not source.is_dir():
        with source.open("rb") as content, (folder / "source").open("wb") as file:
            shutil.copyfileobj(content, file)
        return folder / "source", str(source)
    return source, str(source)


@dataclass(frozen=True)
class _Run:
    """One table on its way through the API."""

    client: Client
    model: str
    served: Mapping[str, Any]
    source: Path
    where: str
    target: Path
    size: int
    form: Source
    intervals: bool

    @property
    def columns(self) -> list[str]:
        """The columns that are added."""
        return self.client.answer_columns(self.served, self.intervals)

    def write(
        self, whole: Path, folder: Path, tell: Callable[[str], None], progress: Callable[[int, int, int], None] | None
    ) -> Predicted:
        from polars.exceptions import PolarsError

        features = self.served["features"]
        with open_asked(self.source, features, self.form, self.where, folder, LARGEST_UNPACKED_BYTES) as asked:
            self._check_names(asked)
            out = new_file(whole, self.target, self.form.separator, folder, asked.repeated)
            try:
                done = self._write_rows(asked, out, tell, progress)
            except PolarsError as error:
                problem = str(error).partition("\n")[0]
                raise SourceError(f"{self.where}: it can't be written as {self.target}: {problem}") from error
            finally:
                out.close()
        return done

    def _write_rows(
        self,
        asked: AskedSource,
        out: PredictedFile,
        tell: Callable[[str], None],
        progress: Callable[[int, int, int], None] | None,
    ) -> Predicted:
        out.write(self._joined(asked.empty, []))
        version: str | None = None
        rows = predicted = 0
        for part in asked.rows(self.size):
            answers, version = self.client.ask(self.model, part.values, version, self.intervals)
            for line, answer in enumerate(answers, part.first_row + 1):
                for fault in answer.faults:
                    tell(f"{self.where}:{line}: {fault}")
            out.write(self._joined(part.frame, answers))
            rows += len(answers)
            predicted += sum(not answer.faults for answer in answers)
            if progress is not None:
                progress(rows, part.bytes_read, asked.bytes)
        return Predicted(rows, predicted, version or str(self.served["version"]))

    def _check_names(self, asked: AskedSource) -> None:
        """Refuse a table that has a column of predictions already.

        Raises:
            SourceError: names it.
        """
        for name in self.columns:
            if name in asked.empty.columns:
                raise SourceError(
                    f"{self.where}:1: there is a column {name!r} already, which predictions are written to; rename it"
                )

    def _joined(self, frame: "pl.DataFrame", answers: Sequence[Answer]) -> "pl.DataFrame":
        import polars as pl

        labels = bool(self.served.get("classes"))
        return frame.with_columns(
            pl.Series(
                name,
                [answer.values.get(name) for answer in answers],
                pl.String if labels and name == "prediction" else pl.Float64,
            )
            for name in self.columns
        )
