"""How large a request may be, from the release."""

from molino.contracts.release import Release


def read_max_rows(release: Release) -> int:
    """Return how many rows one request may have."""
    return int(release.serving.get("max_rows", 10_000))
