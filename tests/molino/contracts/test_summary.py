"""What a step tells Kubernetes of its end."""

import json
from datetime import UTC, datetime

from molino.contracts.record import Record

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_a_summary_is_the_status_and_the_short_facts() -> None:
    record = Record(
        model="housing", run_id="r1", step="train", status="done", model_file_sha256="0" * 64, code_revision="abc",
        image=None, started=NOW, ended=NOW, host="here",
        result={"mlflow_run_id": "m1", "rows_train": 3, "candidates": [{"name": "linear"}], "champion": None},
    )  # fmt: skip
    expected = {"status": "done", "mlflow_run_id": "m1", "rows_train": 3, "champion": None}
    assert json.loads(record.summary()) == expected
