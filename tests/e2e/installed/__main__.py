"""`make e2e`: the cluster and every image built, Molino installed and put through its scenarios, all taken down again.

`python -m tests.e2e.installed [--keep] [PYTEST ARGUMENT …]`; `--keep` leaves the cluster up.
"""

import os
import sys

import pytest

from tests.cluster import machine
from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.phases import phase
from tests.e2e.installed import images


def main() -> int:
    """Run all stages, each with its time; return pytest's exit code."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--keep"]
    os.environ["MOLINO_E2E"] = "1"
    cluster = Cluster.here()
    machine.require_room(cluster.folders.root)
    with phase("stage: cluster"):
        cluster.up()
    try:
        with phase("stage: images"):
            images.build(cluster)
            images.load(cluster)
        with phase("stage: scenarios"):
            return int(pytest.main(["tests/e2e/installed", "-v", *arguments]))
    finally:
        if "--keep" not in sys.argv:
            cluster.down()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ClusterError as error:
        sys.exit(f"e2e: {error}")
