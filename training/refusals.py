"""Refusals of data, in the store."""

from molino.contracts.reading import read_json
from molino.contracts.refusal import Refusal, refusal_key
from molino.contracts.run import Run
from training.stores.contract import Store


def read_refusal(store: Store, run: Run) -> Refusal | None:
    """Return why a run's data was refused; none where it wasn't, or its version step has a record since."""
    key = refusal_key(run.model, run.run_id)
    if "version" in run.records or key not in store.list(key):  # What may list asks nothing else.
        return None
    said = read_json(Refusal, store.read(key))
    return said if isinstance(said, Refusal) else None
