"""From a run's end to the notice that is sent of it."""

from collections.abc import Mapping

import structlog

from molino.contracts.errors import StoreError
from molino.contracts.run import Run
from molino.notice.channels import channels
from molino.notice.outcome import Failure, outcome
from molino.notice.sending import send
from molino.notice.settings import NoticeSettings
from training.run_index import read_run
from training.stores.contract import Store


def tell(
    store: Store,
    model: str,
    run_id: str,
    failure: Failure | None,
    settings: NoticeSettings,
    links: Mapping[str, str],
) -> None:
    """Tell who wants to know what became of a run, if it is anything to tell.

    Raises:
        NoticeError: some way it couldn't be sent.
        StoreError: there is no such run, or it isn't known what became of it.
    """
    if not settings.on:
        return
    try:
        run = read_run(store, model, run_id)
    except StoreError as error:
        if failure is None:
            raise
        structlog.get_logger().warning("told without the run's records", cause=str(error))
        run = Run(model, run_id, {})
    if failure is None and not run.records and not run.unread:
        raise StoreError(f"no run {run_id!r} of {model} in {store.uri('runs')}; molino runs lists them")
    if found := outcome(run, failure, settings, links):
        send(found, channels(settings), store)
