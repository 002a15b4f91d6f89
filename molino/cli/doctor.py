"""`molino doctor`: checks of all that Molino needs, and what to do for each failure."""

import typer


def doctor() -> None:
    """Check settings, model files, store, git, DVC, MLflow, ports and disk, and say what to do.

    The exit code is 1 when something is wrong.

    Example: `MOLINO_STORE=s3://molino MOLINO_S3_ENDPOINT=http://127.0.0.1:9000 molino doctor`
    """
    from rich.console import Console
    from rich.markup import escape

    from molino.contracts.settings import load_settings
    from molino.doctor import examine
    from training.deploy.target import refuse_unknown_target

    console = Console(highlight=False, soft_wrap=True)
    settings = load_settings()
    refuse_unknown_target(settings)
    well = True
    for finding in examine(settings):
        mark = "[green]ok  [/]" if finding.well else "[red]bad [/]"
        console.print(f"{mark} {finding.subject}: {escape(finding.seen)}")
        if not finding.well:
            console.print(f"     → {escape(finding.advice)}")
        well = well and finding.well
    if not well:
        raise typer.Exit(1)
