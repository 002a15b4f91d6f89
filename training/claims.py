"""Who takes old data, and who deletes it: each says so in the store before it looks at what the other has said.

A step that takes what earlier runs have left claims it, then waits while something is being deleted. A clean-up says
that it deletes, then looks for claims and at the records that were written meanwhile. Who comes second sees the other.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from molino.contracts.errors import StoreError
from training.stores.beats import LEFT_SECONDS, beating
from training.stores.contract import Store

CLAIMS = "prune/claims/"
DELETING = "prune/deleting"
PAUSE_SECONDS = 1.0
FORGOTTEN = timedelta(minutes=10)
"""A claim that wasn't renewed for longer was left by a step that was killed."""


@contextmanager
def claimed(store: Store, model: str, run_id: str) -> Iterator[None]:
    """Keep all that earlier runs have left as long as the context lasts.

    Raises:
        StoreError: the store can't be reached.
    """
    key = f"{CLAIMS}{model}/{run_id}/{secrets.token_hex(4)}"
    try:
        with beating(lambda: store.write(key, b"")):
            while _is_deleting(store, key):
                time.sleep(PAUSE_SECONDS)
            yield
    finally:
        with suppress(StoreError):  # of the step that is told, and the claim is forgotten in time
            store.delete(key)


def _is_deleting(store: Store, key: str) -> bool:
    """Tell whether a clean-up deletes; the store's own clock says whether its process is no more."""
    since = store.written(DELETING).get(DELETING)
    if since is None:
        return False
    store.write(key, b"")
    return store.written(key).get(key, since) - since < timedelta(seconds=LEFT_SECONDS)


@contextmanager
def deleting(store: Store) -> Iterator[tuple[str, ...]]:
    """Say that something is deleted as long as the context lasts; give the runs that have claimed what is there.

    Raises:
        StoreError: the store can't be reached.
    """
    try:
        with beating(lambda: store.write(DELETING, b"")):
            yield tuple(sorted(_claims(store)))
    finally:
        with suppress(StoreError):
            store.delete(DELETING)


def _claims(store: Store) -> Iterator[str]:
    """Yield whose claims are there, and take away what was left; the store's own clock says how old they are."""
    now = store.written(DELETING).get(DELETING)
    for key, when in store.written(CLAIMS).items():
        if now and now - when > FORGOTTEN:
            store.delete(key)
        else:
            model, _, rest = key.removeprefix(CLAIMS).partition("/")
            yield f"run {rest.partition('/')[0]} of {model}"
