"""The servers that are measured: how each is prepared, started and asked.

In commands and environments `{python}`, `{bin}`, `{work}`, `{app}`, `{port}`, `{port_2}` and `{port_3}` are filled in:
the environment's Python and its folder of programs, the peer's work folder, the folder of its app, and free ports.
Every server has two workers and one thread per ONNX session. Access logs are off but for ours.
"""

import sys
from dataclasses import dataclass, field, replace

from tests.bench.serving.environments import ROOT
from tests.bench.serving.question import DATA, INFERENCE_V2, KSERVE_V1, MLFLOW, Form

OURS = "molino"
V2, COLUMNS = "molino-v2", "molino-columns"
API_KEY = "bench-0123456789"
_MLFLOW = {
    "MLFLOW_TRACKING_URI": "sqlite:///{work}/mlflow.db",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "UVICORN_ACCESS_LOG": "false",
}
_MLFLOW_SERVE = (
    "{bin}/mlflow", "models", "serve", "--model-uri", "models:/housing/1", "--env-manager", "local",
    "--host", "127.0.0.1", "--port", "{port}", "--workers", "2",
)  # fmt: skip
_GUNICORN = ("{python}", "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "2", "--log-level", "warning")


@dataclass(frozen=True)
class Peer:
    """A server in one configuration."""

    name: str
    title: str
    environment: str | None
    """Folder in tests/bench/peers with lock and app; the environment that runs the benchmark when None."""
    command: tuple[str, ...]
    packages: tuple[str, ...]
    """Packages whose versions the report names."""
    form: Form = DATA
    prepare: tuple[str, ...] = ()
    """Run once before the rounds."""
    variables: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    ours: bool = False
    """Whether it answers by our functions."""
    checked: bool = True
    """Whether answers are predictions; only the limit's aren't."""
    start_timeout_s: float = 90.0
    known: str = ""
    """Why it can't be measured, where that is known; the report says it behind what was seen."""


def _mlserver(kind: str, workers: int) -> Peer:
    served = "scikit-learn" if kind == "sklearn" else "own ONNX runtime"
    where = "in the HTTP process" if workers == 0 else f"{workers} inference processes"
    return Peer(
        name=f"mlserver-{kind}" if workers else f"mlserver-{kind}-inline",
        title=f"MLServer, {served}, {where}",
        environment="mlserver",
        prepare=("{python}", "{app}/prepare.py", kind, str(workers)),
        command=("{bin}/mlserver", "start", "{work}"),
        packages=("mlserver", "scikit-learn") if kind == "sklearn" else ("mlserver", "onnxruntime"),
        form=INFERENCE_V2,
        variables={
            "MLSERVER_HTTP_PORT": "{port}",
            "MLSERVER_GRPC_PORT": "{port_2}",
            "MLSERVER_METRICS_PORT": "{port_3}",
            "MLSERVER_METRICS_DIR": "{work}/metrics",
        },
    )


def _bundle(layout: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.bench.serving.bundle", "{work}/releases", layout)


_OURS = Peer(
    name=OURS,
    title="Molino",
    environment=None,
    prepare=_bundle("matrix"),
    command=("{python}", "-m", "serving"),
    packages=("gunicorn", "onnxruntime"),
    variables={
        "PYTHONPATH": str(ROOT),
        "MOLINO_HOME": "{work}",
        "MOLINO_SERVING_HOME": "{work}/releases",
        "MOLINO_SERVING_PORT": "{port}",
        "MOLINO_SERVING_WORKERS": "2",
        "MOLINO_API_KEYS": API_KEY,
    },
    headers={"X-API-KEY": API_KEY},
    ours=True,
)
_TAIL = (
    "the answer is on its way before the parser is set back, so that a client's next request may come behind the one "
    "before; of that Gunicorn's parser in C (gunicorn_h1c) holds 64 KiB, and Gunicorn closes the connection where more "
    "came. No setting changes that; its parser in Python holds all"
)
_STOCK = "tests.bench.serving.stock:app"
_UVICORN = (
    "{python}", "-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--workers", "2", "--loop", "uvloop",
    "--http", "httptools", "--no-access-log", "--log-level", "warning",
)  # fmt: skip
_KSERVE = Peer(
    name="kserve",
    title="KServe Python server",
    environment="kserve",
    command=("{python}", "{app}/app.py", "--log_config_file", "{app}/logging.yaml"),
    packages=("kserve", "onnxruntime"),
    form=KSERVE_V1,
)

PEERS: tuple[Peer, ...] = (
    _OURS,
    replace(_OURS, name=V2, title="Molino, /v2", form=INFERENCE_V2),
    replace(_OURS, name=COLUMNS, title="Molino, an input per feature", prepare=_bundle("columns")),
    replace(
        _OURS,
        name="molino-gunicorn",
        title="Molino's functions, Gunicorn's own asgi worker",
        command=(*_GUNICORN, "--worker-class", "asgi", _STOCK),
        known=_TAIL,
    ),
    replace(
        _OURS,
        name="molino-gunicorn-python",
        title="Molino's functions, Gunicorn's own asgi worker, --http-parser python",
        command=(*_GUNICORN, "--worker-class", "asgi", "--http-parser", "python", _STOCK),
    ),
    replace(
        _OURS,
        name="molino-uvicorn",
        title="Molino's functions, Uvicorn",
        environment="uvicorn",
        command=(*_UVICORN, _STOCK),
        packages=("uvicorn", "onnxruntime"),
    ),
    Peer(
        name="fastapi",
        title="FastAPI + Uvicorn + ONNX Runtime",
        environment="fastapi",
        command=(*_UVICORN, "app:app"),
        packages=("fastapi", "uvicorn", "onnxruntime"),
    ),
    _KSERVE,
    replace(_KSERVE, name="kserve-v2", title="KServe Python server, /v2", form=INFERENCE_V2),
    _mlserver("onnx", 2),
    _mlserver("onnx", 0),
    _mlserver("sklearn", 2),
    Peer(
        name="litserve",
        title="LitServe",
        environment="litserve",
        command=("{python}", "{app}/app.py"),
        packages=("litserve", "onnxruntime"),
    ),
    Peer(
        name="bentoml",
        title="BentoML",
        environment="bentoml",
        command=(
            "{bin}/bentoml", "serve", "app:Housing", "--working-dir", "{app}",
            "--host", "127.0.0.1", "--port", "{port}",
        ),
        packages=("bentoml", "onnxruntime"),
        variables={"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": "{work}/bentoml"},
    ),
    Peer(
        name="mlflow-onnx",
        title="mlflow models serve, ONNX",
        environment="mlflow_onnx",
        prepare=("{python}", "{app}/prepare.py"),
        command=_MLFLOW_SERVE,
        packages=("mlflow", "uvicorn", "onnxruntime"),
        form=MLFLOW,
        variables=_MLFLOW,
    ),
    Peer(
        name="mlflow-keras",
        title="mlflow models serve, Keras",
        environment="mlflow_keras",
        prepare=("{python}", "{app}/prepare.py"),
        command=_MLFLOW_SERVE,
        packages=("mlflow", "uvicorn", "keras", "tensorflow-cpu"),
        form=MLFLOW,
        variables=_MLFLOW,
    ),
    Peer(
        name="flask-keras",
        title="Flask + Gunicorn + keras predict",
        environment="flask_keras",
        command=(*_GUNICORN, "--worker-class", "gthread", "--threads", "1", "--timeout", "120", "app:create_app()"),
        packages=("flask", "gunicorn", "keras", "tensorflow-cpu"),
    ),
    Peer(
        name="limit-asgi",
        title="limit: Gunicorn asgi, constant bytes",
        environment="limit",
        command=(*_GUNICORN, "--worker-class", "asgi", "app:asgi"),
        packages=("gunicorn",),
        checked=False,
    ),
    Peer(
        name="limit-sync",
        title="limit: Gunicorn sync, constant bytes",
        environment="limit",
        command=(*_GUNICORN, "--worker-class", "sync", "app:wsgi"),
        packages=("gunicorn",),
        checked=False,
    ),
)  # fmt: skip
