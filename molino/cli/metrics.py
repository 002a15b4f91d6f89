"""`molino metrics`: what became of the runs, for Prometheus."""

from typing import Annotated

import typer


def metrics(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Serve them at this port, under /metrics, until stopped.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on, `*` for all.")] = "127.0.0.1",
) -> None:
    """Tell what the records say of the newest runs, as Prometheus reads it: once, or at each scrape.

    Example: `molino metrics --port 9464`
    """
    import structlog
    from prometheus_client import generate_latest

    from molino.contracts.settings import load_settings
    from molino.logs import configure_logs
    from molino.pipeline_metrics import registry_of, serve
    from training.stores.opening import open_store

    configure_logs()
    store = open_store(load_settings())
    if port is None:
        print(generate_latest(registry_of(store)).decode(), end="")
        return
    _, thread = serve(store, host, port)
    structlog.get_logger().info("metrics are served", host=host, port=port, path="/metrics")
    thread.join()
