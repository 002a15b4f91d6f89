"""`molino run`: the pipeline, the serving API and the UIs on this machine, in the foreground."""

from typing import Annotated

import typer

from molino.cli.identifiers import checked_model


def run(
    model: Annotated[
        str, typer.Option(help="Name of the model, a folder of `MOLINO_MODELS`.", callback=checked_model)
    ] = "housing",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the serving API.")] = 8000,
    mlflow_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of MLflow's UI.")] = 5000,
    tensorboard_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of TensorBoard.")] = 8090,
    once: Annotated[bool, typer.Option("--once", help="End after the answer; without the UIs.")] = False,
) -> None:
    """Run the six steps, serve the model, and show an answer; Ctrl-C stops everything.

    What is there is taken up: nothing runs again while model file and source are unchanged, an interrupted run is
    resumed, and a change after the data alone, such as another candidate, trains on the data that is there. All state
    is in `MOLINO_HOME`, by default `.molino/` in the working folder.

    Example: `molino run --model penguins --port 8001 --once`
    """
    from molino.contracts.model_file.named import load_named_model
    from molino.contracts.settings import load_settings, read_environment
    from molino.embedded import Ports, run_embedded
    from molino.logs import configure_logs
    from molino.notice.settings import NoticeSettings
    from training.deploy.target import refuse_unknown_target

    configure_logs()
    settings = load_settings()
    refuse_unknown_target(settings)
    notices = read_environment(NoticeSettings)
    loaded = load_named_model(settings, model)
    raise typer.Exit(run_embedded(settings, loaded, Ports(port, mlflow_port, tensorboard_port), once, notices))
