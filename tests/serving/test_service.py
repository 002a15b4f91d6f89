"""Where the work of a request is done."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from serving.service import open_service
from serving.settings import ServingSettings


@pytest.mark.parametrize(("size", "aside"), [(1024, False), (20 * 1024, True), (255 * 1024, True), (2**20, True)])
def test_a_body_that_takes_long_is_answered_beside_the_loop(settings: ServingSettings, size: int, aside: bool) -> None:
    def tell_thread() -> Any:
        return threading.get_ident()

    def answer() -> tuple[int, Any]:
        return threading.get_ident(), asyncio.run(open_service(settings).work(size, tell_thread))

    with ThreadPoolExecutor(1) as apart:  # a browser's loop may run in this thread
        looped, worked = apart.submit(answer).result()

    assert (worked != looped) is aside
