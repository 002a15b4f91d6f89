import os

from serving.metrics.shared_counters import SharedCounters


def test_a_vector_is_the_same_one_each_time() -> None:
    own = SharedCounters(1).worker(0)
    own.vector("a", 3)[1] += 2

    assert list(own.vector("a", 3)) == [0, 2, 0]


def test_totals_are_sums_over_the_slabs() -> None:
    counters = SharedCounters(3)
    for slot in range(3):
        counters.worker(slot).vector("a|x", 2)[0] += slot
        counters.worker(slot).vector("b|x", 1)[0] += 100

    assert counters.totals("a|") == {"x": [3, 0]}


def test_what_another_process_counts_is_seen() -> None:
    counters = SharedCounters(2)
    counters.worker(0).vector("a", 1)[0] = 1
    child = os.fork()
    if child == 0:
        counters.worker(1).vector("a", 1)[0] = 41
        os._exit(0)
    os.waitpid(child, 0)

    assert counters.totals("a") == {"": [42]}


def test_a_successor_carries_on() -> None:
    counters = SharedCounters(1)
    counters.worker(0).vector("a", 1)[0] = 5
    counters.worker(0).vector("a", 1)[0] += 1

    assert counters.totals("a") == {"": [6]}


def test_released_space_is_used_again_from_zero() -> None:
    counters = SharedCounters(1, worker_bytes=4096)
    own = counters.worker(0)
    for number in range(1000):
        vector = own.vector(f"drift|{number:04}", 20)
        assert list(vector) == [0] * 20
        vector[3] = 7
        own.release(f"drift|{number:04}")

    assert counters.totals("drift|") == {}


def test_a_full_slab_loses_counts_but_fails_nothing() -> None:
    counters = SharedCounters(1, worker_bytes=256)
    own = counters.worker(0)
    for number in range(100):
        own.vector(f"name-{number}", 4)[0] += 1

    assert 0 < sum(values[0] for values in counters.totals("name-").values()) < 100


def test_clearing_touches_one_slot_and_prefix() -> None:
    counters = SharedCounters(2)
    for slot in range(2):
        counters.worker(slot).vector("serves|x", 1)[0] = 1
        counters.worker(slot).vector("request|x", 1)[0] = 1
    counters.clear(0, "serves|")

    assert (counters.totals("serves|"), counters.totals("request|")) == ({"x": [1]}, {"x": [2]})
