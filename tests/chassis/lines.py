"""A TCP line to the broker on which its answers can be held back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit


class Line:
    """Passes everything on; what the broker says only while `answers` is set."""

    def __init__(self, broker_url: str) -> None:
        self._broker = urlsplit(broker_url)
        self.answers = asyncio.Event()
        self.answers.set()
        self.url = ""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._broker.hostname, self._broker.port or 5672
        from_broker, to_broker = await asyncio.open_connection(host, port)
        await asyncio.gather(_carry(reader, to_broker), _carry(from_broker, writer, self.answers))

    def listen_at(self, port: int) -> None:
        account = f"{self._broker.username}:{self._broker.password}"
        place = self._broker._replace(netloc=f"{account}@127.0.0.1:{port}")
        self.url = urlunsplit(place)


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may: asyncio.Event | None = None
) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            if may is not None:
                await may.wait()
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def line_to(broker_url: str) -> AsyncIterator[Line]:
    line = Line(broker_url)
    server = await asyncio.start_server(line.take, "127.0.0.1", 0)
    line.listen_at(server.sockets[0].getsockname()[1])
    try:
        yield line
    finally:
        server.close()
