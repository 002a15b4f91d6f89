"""The step ingest: reads the source, cleans it by the model file, writes Parquet and a data-quality report."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from molino.contracts.address import Address
from molino.contracts.record import Artifact
from molino.contracts.results import IngestResult
from molino.contracts.tidy import shortened
from training.ingest.clean_parquet import write_clean
from training.ingest.cleaning import Cleaner
from training.ingest.open_files import OpenFiles
from training.ingest.prefetch import prefetch
from training.ingest.profiler import ColumnProfiler
from training.ingest.quality_report import QualityReport, SourceFacts, quality_report
from training.ingest.source import fetch_sources, uri_of
from training.step import Context, Outcome

PROGRESS_SECONDS = 1.0


def run(context: Context) -> Outcome:
    """Clean the source; nothing reaches the store before all rows are checked.

    Raises:
        SourceError: the source can't be had, isn't a table of the model file's columns, or has too many wrong rows.
    """
    _empty(context.workdir)
    sources = fetch_sources(context)
    uri = sources[0].uri if len(sources) == 1 else uri_of(context)
    where = f"source {uri}"
    cleaner = Cleaner(context.model)
    profilers = [ColumnProfiler(column) for column in cleaner.columns]
    largest = context.settings.source_largest_unpacked_bytes
    with OpenFiles(sources, context.model, context.workdir, largest) as opened:
        rows = RowStream(context, opened, cleaner, profilers)
        sha256 = write_clean(rows.clean(), cleaner.schema, context.workdir / "clean.parquet")
    cleaner.check(where)
    for name, hint in cleaner.hints().items():
        if name not in cleaner.tally.examples:
            continue
        at, cell = cleaner.tally.examples[name]
        row, file = cleaner.tally.place(at)
        context.log.warning(f"cells can't be read, their rows are set aside{hint}", column=name,
                            rows=cleaner.tally.unreadable[name],
                            first_row=row, cell=shortened(cell), **({"file": file} if file else {}))  # fmt: skip
    facts = _facts(uri, opened, cleaner)
    columns = tuple(profiler.profile() for profiler in profilers)
    report = quality_report(context.model, context.run_id, facts, cleaner.tally, columns)
    for name, cause in report.coarse_features.items():
        context.log.warning("coarse feature", feature=name, cause=cause)
    return _store(context, tuple(opened.read), report, sha256, rows.quarantine)


class RowStream:
    """The rows on their way: cleaned, profiled, and where they break a rule written to the quarantine file."""

    def __init__(self, context: Context, opened: OpenFiles, cleaner: Cleaner, profilers: list[ColumnProfiler]) -> None:
        self.context, self.opened, self.cleaner, self.profilers = context, opened, cleaner, profilers
        self.quarantine = context.workdir / "quarantine.csv"
        self.told = time.monotonic()

    def clean(self) -> Iterator[pl.DataFrame]:
        """Yield the clean rows."""
        with self.quarantine.open("wb") as file:
            for batch in prefetch(self.opened.batches()):
                cleaned = self.cleaner.clean(batch)
                if cleaned.quarantined is not None:
                    cleaned.quarantined.write_csv(file, include_header=file.tell() == 0)
                for profiler in self.profilers:
                    profiler.add(cleaned.clean[profiler.column.name])
                self._tell()
                yield cleaned.clean

    def _tell(self) -> None:
        if time.monotonic() - self.told >= PROGRESS_SECONDS:
            self.told = time.monotonic()
            self.context.log.info("reading", done=self.opened.bytes_read, total=self.opened.bytes, unit="bytes")


def _empty(folder: Path) -> None:
    """Remove what a killed run of this step left."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _facts(uri: str, opened: OpenFiles, cleaner: Cleaner) -> SourceFacts:
    used = set(cleaner.model.headers.values())
    unused = tuple(name for name in opened.header if name and name not in used)
    return SourceFacts(uri=uri, sha256=opened.sha256(), bytes=opened.bytes, unused_columns=unused)


def _store(
    context: Context, sources: tuple[Artifact, ...], report: QualityReport, sha256: str, quarantine: Path
) -> Outcome:
    store = context.store
    clean = store.take(context.workdir / "clean.parquet", context.key("clean.parquet"), sha256, report.rows_clean)
    outputs = [clean]
    quarantined = None
    if report.rows_quarantined:
        quarantined = store.upload(quarantine, context.key("quarantine.csv"), report.rows_quarantined)
        outputs.append(quarantined)
    report_json = store.write(context.key("quality.json"), report.json_bytes())
    report_html = store.write(context.key("quality.html"), report.html_bytes())
    result = IngestResult(
        source_uri=Address(report.source.uri),
        source_sha256=report.source.sha256,
        source_bytes=report.source.bytes,
        rows_read=report.rows_read,
        rows_clean=report.rows_clean,
        rows_quarantined=report.rows_quarantined,
        rows_dropped=report.rows_dropped,
        clean=clean,
        quarantine=quarantined,
        report_json=report_json,
        report_html=report_html,
        coarse_features=report.coarse_features,
    )
    return Outcome(
        result=result,
        inputs=sources,
        outputs=(*outputs, report_json, report_html),
        metrics=_metrics(report),
    )


def _metrics(report: QualityReport) -> dict[str, float]:
    return {
        "rows_read": float(report.rows_read),
        "rows_clean": float(report.rows_clean),
        "rows_quarantined": float(report.rows_quarantined),
        "rows_dropped": float(report.rows_dropped),
        "quarantined_share": report.rows_quarantined / report.rows_read,
    }
