"""What is kept beside the records of a run: why its data was refused, and what a person has said of its version."""

from molino.contracts.approval import Approval, approval_key
from molino.contracts.reading import Kind, read_json
from molino.contracts.refusal import Refusal, refusal_key
from molino.contracts.run import Run
from training.stores.contract import Store


def read_refusal(store: Store, run: Run) -> Refusal | None:
    """Return why a run's data was refused; none where it wasn't, or its version step has a record since."""
    return None if "version" in run.records else _read(store, Refusal, refusal_key(run.model, run.run_id))


def read_approval(store: Store, run: Run) -> Approval | None:
    """Return what a person has said of a run's version; none where nobody has yet."""
    return _read(store, Approval, approval_key(run.model, run.run_id))


def _read(store: Store, kind: type[Kind], key: str) -> Kind | None:
    if key not in store.list(key):  # What may list asks nothing else.
        return None
    said = read_json(kind, store.read(key))
    return None if isinstance(said, str) else said
