"""Lets synchronous start-up code await a client library, inside a running event loop or not."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Answer = TypeVar("Answer")


def wait_for(make: Callable[[], Coroutine[Any, Any, Answer]], timeout_seconds: float) -> Answer:
    """Runs a coroutine to its end in a thread of its own. Raises TimeoutError."""

    async def bounded() -> Answer:
        return await asyncio.wait_for(make(), timeout_seconds)

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, bounded()).result()
