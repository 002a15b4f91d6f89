"""`molino notice`: tell people what became of a run."""

from typing import Annotated

import typer

from molino.cli.identifiers import checked_model, checked_run_id


def notice(
    model: Annotated[str, typer.Option(help="Name of the model.", callback=checked_model)],
    run_id: Annotated[str, typer.Option(help="The run.", callback=checked_run_id)],
    failed: Annotated[str | None, typer.Option(metavar="STEP", help="The step that failed.")] = None,
    reason: Annotated[str, typer.Option(help="Why it failed.")] = "",
    put_back: Annotated[bool, typer.Option("--put-back", help="What served before serves again.")] = False,
    link: Annotated[list[str] | None, typer.Option(help="A further page, as `Airflow=https://…`.")] = None,
) -> None:
    """Tell people by webhook, Slack or mail, as `MOLINO_NOTICE_*` says, that a run failed or was refused; once.

    Without `--failed` the run's records say what became of it; of one that went well nothing is told.

    Example: `molino notice --model housing --run-id r1`
    """
    from molino.contracts.settings import load_settings, read_environment
    from molino.logs import configure_logs
    from molino.notice.outcome import Failure
    from molino.notice.settings import NoticeSettings
    from molino.notice.telling import tell
    from training.stores.opening import open_store

    configure_logs()
    store = open_store(load_settings())
    failure = (
        Failure(failed, reason or "it didn't say why; its log tells more", put_back) if failed is not None else None
    )
    pages = dict(page.split("=", 1) for page in link or [] if "=" in page)
    tell(store, model, run_id, failure, read_environment(NoticeSettings), pages)
