"""`python -m tests.bench.serving`: measure our server beside its peers and write `tests/bench/results.md`.

Installs each peer into an environment of its own under ~/.cache/molino/bench, once. All traffic stays on 127.0.0.1.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.results import RESULTS, write_section
from tests.bench.serving.environments import versions
from tests.bench.serving.fault import BenchError
from tests.bench.serving.load import find_wrk
from tests.bench.serving.measure import Outcome, measure
from tests.bench.serving.model import trained_model
from tests.bench.serving.peers import OURS, PEERS, Peer
from tests.bench.serving.report import Run, begin, section
from tests.bench.serving.server import Ready, get_ready

WARM_S = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 where it couldn't be run, or where ours couldn't be measured."""
    options = _parser().parse_args(arguments)
    rounds, seconds = (1, 2.0) if options.quick else (options.rounds, options.seconds)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        peers = chosen(options.only)
        run = begin(rounds, seconds, wrk_version())
        outcomes = run_rounds(peers, run, 1.0 if options.quick else WARM_S)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    text = section(run, outcomes)
    if options.only or options.quick:
        print(text)
    else:
        write_section("serving", text)
        print(f"Written to {RESULTS}", file=sys.stderr)
    return 0 if all(outcome.fault is None for outcome in outcomes if outcome.peer.name == OURS) else 1


def chosen(names: str | None) -> list[Peer]:
    """Return the peers of a comma-separated list of names, ours always among them; all where there is no list.

    Raises:
        BenchError: a name is unknown.
    """
    if names is None:
        return list(PEERS)
    wanted = {OURS, *names.split(",")}
    unknown = wanted - {peer.name for peer in PEERS}
    if unknown:
        known = ", ".join(peer.name for peer in PEERS)
        raise BenchError(f"--only: unknown: {', '.join(sorted(unknown))}; known: {known}")
    return [peer for peer in PEERS if peer.name in wanted]


def run_rounds(peers: Sequence[Peer], run: Run, warm_seconds: float) -> list[Outcome]:
    """Install, prepare and measure; a peer that can't be installed or prepared carries its fault."""
    model = trained_model()
    outcomes = [Outcome(peer) for peer in peers]
    ready: list[tuple[Ready, Outcome]] = []
    with tempfile.TemporaryDirectory(prefix="molino-bench-") as folder:
        for outcome in outcomes:
            try:
                one = get_ready(outcome.peer, model, Path(folder) / outcome.peer.name)
            except (BenchError, subprocess.TimeoutExpired) as error:
                outcome.fault = str(error)
                print(f"{outcome.peer.name}: {error}", file=sys.stderr)
                continue
            outcome.versions = versions(one.python, outcome.peer.packages)
            ready.append((one, outcome))
        measure(ready, run.rounds, run.seconds, warm_seconds)
    return outcomes


def wrk_version() -> str:
    """Return how wrk names itself."""
    said = subprocess.run([find_wrk(), "--version"], capture_output=True, text=True, check=False)
    return " ".join((said.stdout + said.stderr).split()[:2])


def _parser() -> argparse.ArgumentParser:
    names = ", ".join(peer.name for peer in PEERS)
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.serving", description="Measure serving beside its peers."
    )
    parser.add_argument("--only", metavar="NAMES", help=f"ours and these, printed and not written: {names}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="per load; there are three per server and round")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s per load, printed and not written")
    return parser


if __name__ == "__main__":
    sys.exit(main())
