"""A run whose ingest step has ended, made without it: any bytes can stand for the clean rows."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from molino.contracts.model_file import load_model
from molino.contracts.model_file.parts import used_parts
from molino.contracts.record import Record, record_key
from molino.contracts.results import IngestResult, VersionResult
from molino.contracts.settings import Settings
from training.step import run_step
from training.stores.opening import open_store

MODELS = Path(__file__).parents[2] / "pipelines" / "models"
ENDED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class IngestedRun:
    """One run with the record of ingest."""

    settings: Settings
    data: bytes = b"rows"
    run_id: str = "r1"
    model: str = "housing"

    def __post_init__(self) -> None:
        self.store = open_store(self.settings)
        self.loaded = load_model(MODELS / self.model)
        folder = f"runs/{self.model}/{self.run_id}/ingest/"
        self.clean = self.store.write(folder + "clean.parquet", self.data).model_copy(update={"rows": len(self.data)})
        report = self.store.write(folder + "quality.json", b'{"rows": 4}')
        result = IngestResult(
            source_uri="file:///source.csv", source_sha256="3" * 64, source_bytes=1, rows_read=1, rows_clean=1,
            rows_quarantined=0, rows_dropped=0, clean=self.clean, quarantine=None, report_json=report,
            report_html=report,
        )  # fmt: skip
        record = Record(
            model=self.model, run_id=self.run_id, step="ingest", status="done", model_file_sha256=self.loaded.sha256,
            model_file_parts=used_parts("ingest", self.loaded.file),
            result=result.model_dump(mode="json"), code_revision="4" * 40, image=None, started=ENDED, ended=ENDED,
            host="here",
        )  # fmt: skip
        self.store.write(record_key(self.model, self.run_id, "ingest"), record.model_dump_json().encode())

    def version(self) -> VersionResult:
        """Run the version step in this process."""
        record = run_step("version", self.loaded, self.run_id, self.settings)
        return VersionResult.model_validate(record.result)

    def environment(self) -> dict[str, str]:
        """Return the settings of a step that runs as a process of its own."""
        given = self.settings.model_dump(exclude_none=True, exclude_defaults=True)
        values = {
            name: getattr(value, "get_secret_value", lambda value=value: str(value))() for name, value in given.items()
        }
        return {f"MOLINO_{name.upper()}": value for name, value in values.items()} | {
            "MOLINO_MODELS": str(MODELS),
            "MOLINO_LOG_FORMAT": "json",
        }
