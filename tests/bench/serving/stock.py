"""Our functions as an app for other servers' workers: none of our own worker's limits on connections, one slot each."""

import asyncio

from serving.asgi import App
from serving.http.requests import Receive, Scope, Send
from serving.service import open_service
from serving.settings import load_serving_settings
from serving.worker import keep_up


class Stock:
    """Opens the service when a worker starts, after the fork."""

    _app: App

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live through the worker's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        service = open_service(load_serving_settings())
        service.repository.refresh()
        self._app = App(service)
        keeping_up = asyncio.create_task(keep_up(service))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        keeping_up.cancel()
        service.flush()
        await send({"type": "lifespan.shutdown.complete"})


app = Stock()
