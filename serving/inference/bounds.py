"""How large a request may be, from the release."""

from molino.contracts.release import Release


def read_max_rows(release: Release) -> int:
    """Return how many rows one request may have."""
    return int(release.serving.get("max_rows", 10_000))


def most_explained(release: Release, permutations: int, graph_rows: int) -> int:
    """Return how many rows are explained at once, where the graph may be run on so many; at least one."""
    return max(1, min(read_max_rows(release), graph_rows // (2 * permutations * len(release.features))))
