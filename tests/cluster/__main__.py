"""`python -m tests.cluster`: the test cluster by command; `make cluster` and `make cluster-down` call it."""

import sys

import typer

from tests.cluster import binaries, builder, node
from tests.cluster.cluster import Cluster
from tests.cluster.fault import ClusterError
from tests.cluster.fixtures import FIXTURES
from tests.cluster.folders import Folders
from tests.cluster.phases import phase
from tests.cluster.recipes import RECIPES

app = typer.Typer(
    name="python -m tests.cluster",
    help="A real Kubernetes on this machine: kind where Docker answers, else a node from Go modules and Debian.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.command()
def build() -> None:
    """Build the programs, so that `up` finds them."""
    Cluster.here().build()


@app.command()
def program(name: str) -> None:
    """Build a program that only some tests want, such as prometheus."""
    if name not in RECIPES:
        raise ClusterError(f"no such program: {name}; there are {', '.join(RECIPES)}")
    with phase(name):
        print(binaries.build(Folders.from_environment(), RECIPES[name]))


@app.command()
def up() -> None:
    """Bring the cluster up."""
    cluster = Cluster.here()
    with phase("cluster"):
        cluster.up()
    print(f"export KUBECONFIG={cluster.kubeconfig}")
    print(f"export PATH={cluster.program('helm').parent}:$PATH")
    print(f"# Ingresses answer on http://{cluster.host}")


@app.command()
def down() -> None:
    """Take the cluster down; programs and images stay for the next time."""
    Cluster.here().down()


@app.command()
def status() -> None:
    """Tell whether the cluster runs (exit 0 or 1), and what is there of one that doesn't."""
    cluster = Cluster.here()
    if not cluster.is_up():
        rest = [] if cluster.in_docker else node.leftovers(cluster.folders)
        print("down" + (f"; left behind: {', '.join(rest)}" if rest else ""))
        raise typer.Exit(1)
    print(cluster.kubectl("get", "nodes", "--output", "wide"), end="")


@app.command()
def images(names: list[str] = typer.Argument(None, help="Which; all when none is named.")) -> None:  # noqa: B008
    """Make the stand-ins of public images, and load them where the cluster runs."""
    cluster = Cluster.here()
    wanted = names or [name for name, fixture in FIXTURES.items() if fixture.stands_for]
    if unknown := set(wanted) - set(FIXTURES):
        raise ClusterError(f"no such image: {', '.join(sorted(unknown))}; there are {', '.join(FIXTURES)}")
    if not cluster.in_docker:
        made = builder.make(cluster.folders, wanted)
        if cluster.is_up():
            cluster.load(made)
    for public, local in cluster.stand_ins().items():
        print(f"{local:<48} for {public}")


@app.command()
def load(images: list[str]) -> None:
    """Bring built images into the cluster."""
    cluster = Cluster.here()
    if not cluster.is_up():
        raise ClusterError("the cluster is down: make cluster")
    cluster.load(images)


def main() -> None:
    """Run the command: exit 1 with a clear cause where one is known."""
    try:
        app()
    except ClusterError as error:
        print(f"cluster: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
