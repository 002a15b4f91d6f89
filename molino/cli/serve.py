"""`molino serve`: the serving API in the foreground."""

import os
import sys
from typing import Annotated

import typer


def serve(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; `MOLINO_SERVING_PORT` else.")] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, `*` for all; `MOLINO_SERVING_HOST` else.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; `MOLINO_SERVING_WORKERS` else.")] = None,
) -> None:
    """Serve the deployed releases; everything else is set by `MOLINO_SERVING_*` variables.

    Example: `MOLINO_API_KEYS=old-key,new-key molino serve --port 8001 --workers 4`
    """
    given = {"PORT": port, "HOST": host, "WORKERS": workers}
    variables = {f"MOLINO_SERVING_{name}": str(value) for name, value in given.items() if value is not None}
    os.execve(sys.executable, [sys.executable, "-P", "-m", "serving"], {**os.environ, **variables})  # noqa: S606
