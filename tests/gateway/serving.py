"""Serves applications on free ports, and speaks HTTP byte by byte where clients are too polite."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp

from chassis.server import Protocol


def free_socket() -> tuple[socket.socket, str]:
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound, f"http://127.0.0.1:{bound.getsockname()[1]}"


def closed_address() -> str:
    """Where nobody listens."""
    bound, address = free_socket()
    bound.close()
    return address


@asynccontextmanager
async def served(app: ASGIApp, bound: socket.socket | None = None) -> AsyncIterator[str]:
    """The application's address while it runs; clients' claims about proxies are not believed."""
    if bound is None:
        bound, _ = free_socket()
    config = uvicorn.Config(
        app,
        http=Protocol,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        async with asyncio.timeout(40):
            while not server.started:
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        async with asyncio.timeout(10):
            await running


async def exchange(address: str, request: bytes, *, seconds: float = 5) -> bytes:
    """What comes back for these very bytes until the other side closes."""
    where = urlsplit(address)
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.close()


async def ask(address: str, target: str, *headers: str, method: str = "GET") -> int:
    """The status for a request line written as given."""
    lines = [f"{method} {target} HTTP/1.1", "host: gateway", "connection: close", *headers, "", ""]
    answer = await exchange(address, "\r\n".join(lines).encode())
    return int(answer.split(b" ", 2)[1])


class Cable:
    """A TCP connection through us to somewhere else, which can be cut and mended."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._whole = True
        self.port = 0

    @asynccontextmanager
    async def laid(self) -> AsyncIterator["Cable"]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
            self.cut()

    def cut(self) -> None:
        self._whole = False
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def mend(self) -> None:
        self._whole = True

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_connection(*self._there)
        self._writers |= {writer, there_writer}
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(_pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(65536):
            sink.write(piece)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()
