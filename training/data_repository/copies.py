"""The copies of a version's rows that the runs in the store keep, by which a lost one is filled again."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from molino.contracts.reading import read_object
from molino.contracts.record import Artifact, parse_record
from molino.contracts.results import IngestResult
from training.stores.contract import Store
from training.stores.opening import fetch


def copies_of(store: Store, model: str, clean: Artifact) -> Iterator[Callable[[Path], Path]]:
    """Yield what brings the clean rows to a path: those of the run itself, then those of others with the same hash.

    Args:
        store: where the runs are.
        model: whose runs.
        clean: the rows as ingest of the run has recorded them.
    """
    yield partial(fetch, store, clean)
    for key in store.list(f"runs/{model}/"):
        if not key.endswith("/ingest.json"):
            continue
        record = parse_record(store.read(key), model, "ingest")
        result = record if isinstance(record, str) else read_object(IngestResult, record.result)
        if isinstance(result, IngestResult) and result.clean.sha256 == clean.sha256 and result.clean.key != clean.key:
            yield partial(fetch, store, result.clean)
