"""What the embedded mode keeps running beside the steps: the serving API, MLflow's UI, TensorBoard."""

import itertools
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from molino.contracts.errors import RunError
from molino.contracts.settings import Settings

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Service:
    """A program that listens on a port of this machine."""

    name: str
    title: str
    port: int
    option: str
    """The option of `molino run` that moves it to another port, and its variable in `make run`."""
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    nice: int = 0

    @property
    def url(self) -> str:
        """Where it is found."""
        return f"http://{HOST}:{self.port}"


def serving(settings: Settings, port: int, default_model: str) -> Service:
    """Return the API over the releases that the deploy step puts in service; `/predict` asks the default model."""
    return Service(
        name="serving",
        title="API",
        port=port,
        option="--port (PORT=…)",
        command=[sys.executable, "-m", "serving"],
        environment={
            "MOLINO_SERVING_HOME": str(settings.serving_folder),
            "MOLINO_SERVING_PORT": str(port),
            "MOLINO_SERVING_DEFAULT_MODEL": default_model,
        },
    )


def mlflow(settings: Settings, port: int) -> Service:
    """Return MLflow's server: one worker, no jobs, and behind the steps in the queue for the processor."""
    return Service(
        name="mlflow",
        title="MLflow",
        port=port,
        option="--mlflow-port (MLFLOW_PORT=…)",
        command=[
            sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1",
            "--artifacts-destination", settings.artifacts_uri or "",
            "--uvicorn-opts", f"--app-dir={os.devnull}",  # else what lies in the working folder is imported first
        ],
        environment={
            "MLFLOW_BACKEND_STORE_URI": settings.tracking_uri.secret,  # no command line shows a password
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
        nice=10,
    )  # fmt: skip


def tensorboard(settings: Settings, port: int) -> Service:
    """Return TensorBoard over the training logs of every run."""
    return Service(
        name="tensorboard",
        title="TensorBoard",
        port=port,
        option="--tensorboard-port (TENSORBOARD_PORT=…)",
        command=[
            sys.executable, "-m", "tensorboard.main", "--logdir", str(settings.logs_folder),
            "--host", HOST, "--port", str(port), "--load_fast", "false",
        ],
        nice=10,
    )  # fmt: skip


def refuse_taken_ports(services: Sequence[Service]) -> None:
    """Make sure that every port is free, and wanted once, before anything starts.

    Raises:
        RunError: names each taken port, what wanted it, and how to choose another.
    """
    taken = [service for service in services if not port_is_free(service.port)]
    if taken:
        raise RunError(
            "; ".join(
                f"port {service.port} of {service.title} is taken: end what listens there, "
                f"or choose another by {service.option}"
                for service in taken
            )
        )
    for first, second in itertools.combinations(services, 2):
        if first.port == second.port:
            raise RunError(
                f"port {first.port} is wanted by {first.title} and by {second.title}: choose another by {first.option} "
                f"or {second.option}"
            )


def port_is_free(port: int) -> bool:
    """Tell whether a port of this machine can be listened on."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True
