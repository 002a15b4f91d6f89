"""`molino step`: one step of one run, as a pod or a process runs it."""

import gc
import sys
from typing import Annotated

import typer

from molino.cli.identifiers import checked_model, checked_run_id
from molino.contracts.steps import STEP_NAMES

OBJECTS_BETWEEN_COLLECTIONS = 20_000
"""Python looks for cycles after 700 new objects, which takes an eighth of the time of what a step imports."""
STEP_HELP = f"One of {', '.join(STEP_NAMES)}."


def step(
    name: Annotated[str, typer.Argument(metavar="STEP", help=STEP_HELP)],
    model: Annotated[str, typer.Option(help="Name of the model, a folder of `MOLINO_MODELS`.", callback=checked_model)],
    run_id: Annotated[
        str,
        typer.Option(help="The run that the step belongs to; the same id takes it up again.", callback=checked_run_id),
    ],
    hold: Annotated[
        bool, typer.Option("--hold", hidden=True, help="Load libraries, then wait for a line on standard input.")
    ] = False,
) -> None:
    """Run one step of the pipeline; a step that has its record already does nothing.

    Example: `molino step ingest --model housing --run-id r1`
    """
    if name not in STEP_NAMES:
        raise typer.BadParameter(f"{name!r} is no step; use one of {', '.join(STEP_NAMES)}", param_hint="STEP")

    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    from structlog.contextvars import bind_contextvars

    from molino.contracts.model_file.named import load_named_model
    from molino.contracts.record import failure_summary
    from molino.contracts.settings import load_settings
    from molino.error_reports import reporting
    from molino.logs import configure_logs
    from molino.traces import step_span
    from training.deploy.target import refuse_unknown_target
    from training.step import load_libraries, run_step

    configure_logs()
    bind_contextvars(model=model, run_id=run_id, step=name)
    with reporting(step=name, model=model, run_id=run_id):
        settings = load_settings()
        refuse_unknown_target(settings)
        if hold:
            load_libraries(name, load_named_model(settings, model).file)
            if not sys.stdin.readline():
                return  # whoever started it wants it no more
        try:
            with step_span(settings, model, run_id, name):
                record = run_step(name, load_named_model(settings, model), run_id, settings)
        except Exception as error:
            if settings.summary:
                settings.summary.write_text(failure_summary(error))
            raise
        if settings.summary:
            settings.summary.write_text(record.summary())
