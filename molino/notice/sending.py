"""A notice sent once each way: what was sent is marked beside the run's records, and not sent again."""

import json
import threading
import time
from collections.abc import Iterable

import structlog

from molino.contracts.errors import NoticeError, StoreError
from molino.contracts.record import run_prefix
from molino.notice.channels import Channel
from molino.notice.message import Notice
from training.stores.contract import Store

DEADLINE_SECONDS = 20.0
"""Of all tries of one way. A server that is slow to answer has them all for one: a second try would tell again."""
GRACE_SECONDS = 1.0
"""For the last try to say itself that its time is over."""
PAUSES = (0.5, 2.0)
"""Seconds before the second try, and before the third."""


def send(notice: Notice, ways: Iterable[Channel], store: Store) -> None:
    """Send a notice each way that it wasn't sent before.

    The mark is written after the sending: who dies in between sends again, by the same id. Where the store can't be
    reached the notice goes out unmarked, for that may be what it tells of.

    Raises:
        NoticeError: names the ways by which it couldn't be sent; the others are marked.
    """
    log = structlog.get_logger().bind(model=notice.model, run_id=notice.run_id, notice=notice.event)
    failed = []
    for way in ways:
        key = marker_key(notice, way)
        if _is_marked(store, key, log):
            log.info("told before", way=way.name)
            continue
        try:
            _try_in_time(way, notice)
        except NoticeError as error:
            log.warning("not told to all" if way.reached else "not told", way=way.name, cause=str(error))
            failed.append(str(error))
        else:
            log.info("told", way=way.name)
        if way.reached:
            _mark(store, key, notice, log)
    if failed:
        raise NoticeError("; ".join(failed))


def marker_key(notice: Notice, way: Channel) -> str:
    """Return the key that says that a notice was sent one way."""
    return f"{run_prefix(notice.model, notice.run_id)}notices/{notice.event}-{notice.digest}-{way.name}.json"


def _try_in_time(way: Channel, notice: Notice) -> None:
    """Try in a thread of its own: no timeout of a socket ends what answers one byte after the other."""
    ended: list[BaseException | None] = []

    def work() -> None:
        try:
            _try(way, notice)
        except BaseException as error:  # it is raised where it is waited for
            ended.append(error)
        else:
            ended.append(None)

    thread = threading.Thread(target=work, name=f"notice by {way.name}", daemon=True)
    thread.start()
    thread.join(DEADLINE_SECONDS + GRACE_SECONDS)
    if not ended and not way.reached:
        raise NoticeError(f"{way.name}: it isn't taken after {DEADLINE_SECONDS:.0f} s")
    if ended and ended[0] is not None:
        raise ended[0]


def _try(way: Channel, notice: Notice) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    for pause in (*PAUSES, None):
        try:
            way.send(notice, max(0.1, end - time.monotonic()))
        except NoticeError as error:
            if pause is None or not error.passes or time.monotonic() + pause > end:
                raise
            time.sleep(pause)
        else:
            return


def _is_marked(store: Store, key: str, log: structlog.stdlib.BoundLogger) -> bool:
    try:
        return store.exists(key)
    except StoreError as error:
        log.warning("it can't be told whether it was told before", cause=str(error))
        return False


def _mark(store: Store, key: str, notice: Notice, log: structlog.stdlib.BoundLogger) -> None:
    try:
        store.write(key, json.dumps(notice.as_json(), indent=2).encode())
    except StoreError as error:
        log.warning("the notice isn't marked as told", cause=str(error))
