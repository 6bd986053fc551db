"""Serves a stand-in on a real socket for one test, and listens to what it sends."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp


def free_socket() -> tuple[socket.socket, str]:
    """A bound socket and its address, so that an application can know its own address."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound, f"http://127.0.0.1:{bound.getsockname()[1]}"


class _Server(uvicorn.Server):
    """Ends when it is told to; uvicorn's own looks ten times a second, and tests would wait."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told = asyncio.Event()

    def end(self) -> None:
        self.should_exit = True
        self._told.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._told.wait()


@asynccontextmanager
async def served(app: ASGIApp, bound: socket.socket) -> AsyncIterator[None]:
    """Run the application, lifespan included, until the block ends."""
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.01)
        yield
    finally:
        server.end()
        async with asyncio.timeout(10):
            await running
