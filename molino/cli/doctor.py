"""`molino doctor`: checks of all that Molino needs, and what to do for each failure."""

import typer

MARKS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]bad [/]"}


def doctor() -> None:
    """Check all that Molino needs here, and say what to do.

    Looked at are programs and disk, model files, the store, git's and DVC's remotes, MLflow, the serving API and the
    releases that it serves, certificates and clocks of servers, the age of the newest backup and ports; in a pod of a
    cluster also Airflow's secrets, and the room under the namespace's quotas. The exit code is 1 when something is
    wrong; of what will go wrong in time it warns.

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
        console.print(f"{MARKS[finding.level]} {escape(finding.subject)}: {escape(finding.seen)}")
        if finding.advice:
            console.print(f"     → {escape(finding.advice)}")
        well = well and finding.well
    if not well:
        raise typer.Exit(1)
