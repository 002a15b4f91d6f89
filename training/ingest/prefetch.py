"""Runs an iterator in a thread of its own, some items prefetch of whoever takes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class _End(Generic[T]):
    error: BaseException | None


def prefetch(items: Iterator[T], depth: int = 2) -> Iterator[T]:
    """Yield the same items in the same order, of which at most `depth` wait; an error comes out where it came up.

    Closing the returned generator ends the thread.
    """
    waiting: Queue[T | _End[T]] = Queue(depth)
    stop = Event()
    thread = Thread(target=_work, args=(items, waiting, stop), daemon=True)
    thread.start()
    try:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        thread.join()


def _work(items: Iterator[T], waiting: "Queue[T | _End[T]]", stop: Event) -> None:
    try:
        for item in items:
            if not _put(item, waiting, stop):
                return
        _put(_End(None), waiting, stop)
    except BaseException as error:
        _put(_End(error), waiting, stop)


def _put(item: T | _End[T], waiting: "Queue[T | _End[T]]", stop: Event) -> bool:
    """Put an item unless nobody takes it any more."""
    while not stop.is_set():
        try:
            waiting.put(item, timeout=POLL_SECONDS)
        except Full:
            continue
        return True
    return False
