"""Pipeline runs of a production installation: one, and one after the other while something else is done."""

import threading

from tests.cluster.waits import until
from tests.e2e.installed import models, runs
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.installation import Installation
from tests.e2e.installed.runs import PipelineRun, StartedRun
from tests.e2e.login.site import MODEL
from tests.e2e.production.outside import Outside

WELL = "success and success"
PATIENCE = 600


def client(found: Installation, port: int) -> Airflow:
    """Return Airflow's API, with the password of now."""
    held = found.secret(found.name("airflow"))
    return Airflow(f"http://127.0.0.1:{port}", held["username"], held["password"])


def run_once(found: Installation, beside: Outside, number: int) -> PipelineRun:
    """Run both DAGs over rows that are new for each number."""
    rows = models.rows(models.dearer(number))
    source = beside.put(found.secret(found.name("s3")), runs.BUCKET, f"sources/{number}.csv", rows)
    with found.forward("airflow-api-server", 8080) as port:
        airflow = client(found, port)
        airflow.wait_answer(PATIENCE)
        airflow.wait_dags({f"{MODEL}_data", f"{MODEL}_model"})
        started: list[StartedRun] = []

        def begun() -> bool:
            started.extend(
                airflow.answer(lambda: [runs.start(airflow, MODEL, f"production-{number}", source=source)]) or []
            )
            return bool(started)

        until("a run that Airflow has started", begun, PATIENCE)
        return started[0].end()


class Runs:
    """Runs, one after the other, from its entry on."""

    def __init__(self, found: Installation, beside: Outside, first: int) -> None:
        self.quiet = threading.Lock()
        """Held while one is at work."""
        self.ended: list[str] = []
        """How each ended, or what went wrong."""
        self._found, self._beside, self._number = found, beside, first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Runs":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with self.quiet:
                try:
                    self.ended.append(" and ".join(run_once(self._found, self._beside, self._number).states))
                except Exception as error:  # what went wrong is told: that runs end well is promised
                    self.ended.append(repr(error))
            self._number += 1
            self._stop.wait(1)  # whoever waits for a moment without a run has it
