import itertools

import pytest

from tests.cluster.fault import ClusterError
from tests.cluster.waits import until


def test_condition_is_asked_until_it_holds() -> None:
    asked = itertools.count()
    until("third", lambda: next(asked) == 2, limit=10)
    assert next(asked) == 3


def test_limit_is_named() -> None:
    with pytest.raises(ClusterError, match=r"the end was not within 0 s"):
        until("the end", lambda: False, limit=0)


def test_what_can_not_hold_any_more_is_not_waited_for() -> None:
    with pytest.raises(ClusterError, match=r"the end will not be: it broke"):
        until("the end", lambda: False, limit=600, broken=lambda: "it broke")
