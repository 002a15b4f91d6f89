"""`make chaos`: the cluster, one installation, and one break after the other, each judged and told in a table.

`python -m tests.e2e.chaos [--only NAMES] [--points N] [--seed S] [--keep]`. A broken promise is a row; the exit code
tells that there is one. The table is the section "chaos" of `tests/e2e/results.md`, written after each break.
"""

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime

from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.phases import phase
from tests.e2e.chaos import table
from tests.e2e.chaos.carry_out import carry_out
from tests.e2e.chaos.contract import all_breaks
from tests.e2e.chaos.look import Look
from tests.e2e.chaos.prober import Prober
from tests.e2e.chaos.scene import Scene
from tests.e2e.chaos.seen import Probed
from tests.e2e.chaos.stage import MODELS, TIGHT, install
from tests.e2e.chaos.table import Row
from tests.e2e.installed import runs
from tests.e2e.installed.__main__ import cluster_with_images
from tests.e2e.installed.airflow import Airflow
from tests.e2e.installed.watch import PodWatch

POINTS = 6
MINUTES = 32
"""After which no other break is begun, with so many points; more points have more of them."""
SEED = 14


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return what the command is asked for."""
    known = all_breaks()
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.chaos", description="Break an installation, and judge it."
    )
    names = ", ".join(known)
    parser.add_argument("--only", default=names, help=f"breaks, with commas between: {names}")
    parser.add_argument("--points", type=int, default=POINTS, help="how often what is done at random moments is done")
    parser.add_argument("--seed", type=int, default=SEED, help="of the random moments")
    minutes = f"after which no break is begun; {MINUTES} per {POINTS} points"
    parser.add_argument("--minutes", type=float, help=minutes)
    parser.add_argument("--keep", action="store_true", help="leave the cluster and the installation up")
    options = parser.parse_args(arguments)
    options.minutes = options.minutes or MINUTES * max(1, options.points / POINTS)
    options.only = [name.strip() for name in options.only.split(",")]
    if unknown := set(options.only) - set(known):
        parser.error(f"no such break: {', '.join(sorted(unknown))}; there are {names}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Break what is asked for; return 1 where a promise was broken."""
    options = parse(arguments)
    with cluster_with_images(keep=options.keep) as cluster:
        return break_all(cluster, options)


def break_all(cluster: Cluster, options: argparse.Namespace) -> int:
    """Do each break that is asked for; return 1 where a promise was broken."""
    known = all_breaks()
    rows: list[Row] = []
    end = time.monotonic() + 60 * options.minutes
    with _scene(cluster, options) as (scene, look):
        for name in options.only:
            if time.monotonic() > end:
                scene.say(f"{name}: left out, the time is over")
                continue
            scene.chance.seed(f"{options.seed} {name}")  # the same moments, whichever breaks came before
            scene.say(f"{name}:")
            row = carry_out(known[name](), scene, look, command(name, options))
            rows.append(row)
            table.write(rows, tuple(known))
            scene.say(row.line)
    broken = [row.name for row in rows if row.faults]
    done = f"{len(rows)} of {len(options.only)} breaks"
    print(f"chaos: {done}; promises broken in: {', '.join(broken) or 'none'}", file=sys.stderr)
    return 1 if broken else 0


def command(name: str, options: argparse.Namespace) -> str:
    """Return what repeats a break."""
    more = [f"--points {options.points}"] if options.points != POINTS else []
    more += [f"--seed {options.seed}"] if options.seed != SEED else []
    return f'make chaos ARGS="{" ".join(["--only", name, *more])}"'


@contextmanager
def _scene(cluster: Cluster, options: argparse.Namespace) -> Iterator[tuple[Scene, Look]]:
    """The installation with a version of each model in service, questions on their way, and a first look at it."""
    installation = install(cluster)
    with ExitStack() as stack:
        airflow = Airflow(
            f"http://127.0.0.1:{stack.enter_context(installation.forward('airflow-api-server', 8080))}",
            "admin",
            "mercadolibre",
        )
        pods = stack.enter_context(PodWatch(installation))
        executor = stack.enter_context(ThreadPoolExecutor())
        prober = Prober(installation, MODELS)
        chance = random.Random(options.seed)
        stamp = f"{datetime.now():%d%H%M%S}"
        scene = Scene(installation, airflow, pods, prober, executor, chance, options.points, stamp)
        airflow.wait_dags({f"{model}_{group}" for model in (*MODELS, TIGHT) for group in ("data", "model")})
        look = Look(installation, (*MODELS, TIGHT))
        with phase("a version of each model in service"):
            new = [model for model in MODELS if runs.served_version(installation, model) is None]
            first = list(executor.map(scene.run, new))
        if any(run.states != ("success", "success") for run in first):
            raise ClusterError(f"nothing broken yet, and a run has failed: {', '.join(run.told for run in first)}")
        look(first, Probed(0, (), 0.0))
        stack.enter_context(prober)
        yield scene, look


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterError as error:
        sys.exit(f"chaos: {error}")
