"""What ends a benchmark, or the measuring of one server, with one clear line."""


class BenchError(Exception):
    """The benchmark can't go on, or one of its servers can't be measured; the message says why and what to do."""
