from tests.e2e.chaos.prober import Probe, summed


def test_the_longest_gap_is_between_answers() -> None:
    probes = [Probe(1, 1.5, None), Probe(2, 3, "status 502"), Probe(4, 4.5, None)]
    told = summed(probes, 1, 5)
    assert (told.answered, told.failures, told.longest_gap) == (2, ("status 502",), 3.0)


def test_silence_from_the_beginning_on_is_a_gap() -> None:
    assert summed([Probe(1, 11, "TimeoutError")], 1, 31).longest_gap == 30.0


def test_silence_at_the_end_is_a_gap() -> None:
    assert summed([Probe(1, 2, None)], 1, 31).longest_gap == 29.0
