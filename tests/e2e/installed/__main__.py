"""`make e2e`: the cluster and every image built, Molino installed and put through its scenarios, all taken down again.

`python -m tests.e2e.installed [--keep] [PYTEST ARGUMENT …]`; `--keep` leaves the cluster up.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.cluster import machine
from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.phases import phase
from tests.e2e.installed import images


@contextmanager
def cluster_with_images(more: Sequence[str] = (), keep: bool = False) -> Iterator[Cluster]:
    """Bring the cluster up with every image built and loaded, each stage with its time, and take it down at the end.

    Args:
        more: Fixtures that are wanted beside the images of every installation.
        keep: Leave it up.
    """
    cluster = Cluster.here()
    machine.require_room(cluster.folders.root)
    with phase("stage: cluster"):
        cluster.up()
    try:
        with phase("stage: images"):
            images.build(cluster, more)
            images.load(cluster, more)
        yield cluster
    finally:
        if not keep:
            cluster.down()


def run_scenarios(folder: str, more: Sequence[str] = ()) -> int:
    """Run all stages; return pytest's exit code.

    Args:
        folder: Of the scenarios.
        more: Fixtures that they want beside the images of every installation.
    """
    arguments = [argument for argument in sys.argv[1:] if argument != "--keep"]
    os.environ["MOLINO_E2E"] = "1"
    with cluster_with_images(more, keep="--keep" in sys.argv), phase("stage: scenarios"):
        return int(pytest.main([folder, "-v", *arguments]))


def main(folder: str, more: Sequence[str] = ()) -> None:
    """Run all stages, and exit with pytest's code, or with the cause where there is no cluster."""
    try:
        sys.exit(run_scenarios(folder, more))
    except ClusterError as error:
        sys.exit(f"e2e: {error}")


if __name__ == "__main__":
    main("tests/e2e/installed")
