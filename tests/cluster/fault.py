"""The one error of the test cluster."""


class ClusterError(Exception):
    """A cause that a person can act on: one line that says what, where, and what to do."""
