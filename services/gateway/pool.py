"""The connections to one service: kept open, and never more than it was promised."""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.gateway.connection import Broken, Connection
from services.gateway.errors import MalformedRequest
from services.gateway.headers import Headers

IDLE_SECONDS = 4.0
"""Below uvicorn's 5: a connection the service closes while we write on it costs a 502."""
REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Unreachable(Exception):
    """No connection in time."""


@dataclass(slots=True)
class Outgoing:
    """One request to a service; the headers say nothing about connection, host or length."""

    method: str
    target: bytes
    headers: Headers
    data: bytes | AsyncIterator[bytes] | None = None


@dataclass(frozen=True)
class Patience:
    """Seconds: for a place among the connections, for opening one, for the next bytes."""

    place: float
    connect: float
    read: float


class Pool:
    """Ask, read the answer from the connection that comes back, release it."""

    def __init__(self, url: str, connections: int, patience: Patience) -> None:
        where = urlsplit(url)
        self._tls = ssl.create_default_context() if where.scheme == "https" else None
        self._host = where.hostname or ""
        self._port = where.port or (443 if self._tls else 80)
        self._prefix = where.path.encode()
        self._end = b" HTTP/1.1\r\nhost: " + where.netloc.encode() + b"\r\n"
        self._places = asyncio.Semaphore(connections)
        self._idle: deque[Connection] = deque()
        self._patience = patience

    async def ask(self, outgoing: Outgoing) -> Connection:
        """Status and headers have come; raises Unreachable, Broken or TimeoutError."""
        await self._take_place()
        try:
            return await self._ask(outgoing)
        except BaseException:
            self._places.release()
            raise

    def release(self, connection: Connection) -> None:
        """Half read, it is closed; else it serves the next request."""
        self._places.release()
        if connection.reusable:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Those in use close when they are released."""
        while self._idle:
            self._idle.pop().close()

    async def _ask(self, outgoing: Outgoing) -> Connection:
        pieces = None if isinstance(outgoing.data, bytes | None) else outgoing.data
        head = self._head(outgoing)
        while True:
            connection = self._kept() or await self._connect()
            try:
                await connection.ask(outgoing.method, head, pieces)
                return connection
            except Broken:
                connection.close()
                # The service may have closed it, unused for long, just as we wrote on it.
                was_kept = connection.exchanges > 1
                if not was_kept or pieces is not None or outgoing.method not in REPEATABLE:
                    raise
            except BaseException:
                connection.close()
                raise

    def _head(self, outgoing: Outgoing) -> bytes:
        lines = [outgoing.method.encode(), b" ", self._prefix, outgoing.target, self._end]
        for name, value in outgoing.headers:
            lines += (name, b": ", value, b"\r\n")
        framing = _framing(outgoing)
        lines += (framing, b"\r\n")
        head = b"".join(lines)
        _check_lines(head, len(outgoing.headers) + (4 if framing else 3))
        return head + outgoing.data if isinstance(outgoing.data, bytes) else head

    async def _take_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(self._patience.place):
                await self._places.acquire()
        except TimeoutError:
            raise Unreachable("all connections are in use") from None

    def _kept(self) -> Connection | None:
        oldest = time.monotonic() - IDLE_SECONDS
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.popleft().close()
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience.connect):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._patience.read), self._host, self._port, ssl=self._tls
                )
        except OSError as error:  # TimeoutError is one
            raise Unreachable(str(error)) from error
        return connection


def _framing(outgoing: Outgoing) -> bytes:
    if isinstance(outgoing.data, bytes):
        return b"content-length: %d\r\n" % len(outgoing.data)
    if outgoing.data is not None:
        return b"transfer-encoding: chunked\r\n"
    return b"content-length: 0\r\n" if outgoing.method in WITH_BODY else b""


def _check_lines(head: bytes, expected: int) -> None:
    # The server in front of us lets no line break through; should it, no second request may
    # hide in a header.
    if not head.count(b"\r\n") == head.count(b"\n") == head.count(b"\r") == expected:
        raise MalformedRequest("A header has a line break in it")
