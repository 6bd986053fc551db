"""One connection to a service: HTTP/1.1 read by httptools, as uvicorn reads it on the other side.

Not aiohttp: its client alone takes half of the processor time a request may take here, for
redirects, cookies, content types and session state that a proxy must not have.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from httptools import HttpParserError, HttpResponseParser

from services.gateway.headers import Headers

LARGEST_HEAD = 64 * 1024
HELD_BYTES = 64 * 1024
"""So much of an answer waits for a slow client before the service is made to wait."""
FRAMING = (b"content-length", b"transfer-encoding")


class Broken(Exception):
    """The service hung up, or what it wrote is not HTTP."""


class Connection(asyncio.Protocol):
    """One exchange after the other; `status` and `headers` are those of the last answer."""

    status: int
    headers: Headers
    _pieces: list[bytes]
    _held: int
    _complete: bool

    def __init__(self, read_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._read_seconds = read_seconds
        self._parser = HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._asked = False
        self.exchanges = 0
        self.idle_since = 0.0

    async def ask(
        self, method: str, head: bytes, pieces: AsyncIterator[bytes] | None = None
    ) -> None:
        """Returns when status and headers are there.

        Raises Broken, TimeoutError, or whatever stops the pieces of the body.
        """
        self._begin(method)
        self._transport.write(head)
        if pieces is not None:
            await self._send_until_answered(pieces)
        while not self.status:
            await self._wait(self._read_seconds)

    async def read(self) -> bytes:
        """More of the body, empty at its end; raises Broken or TimeoutError."""
        while not self._pieces:
            if self._complete:
                return b""
            await self._wait(self._read_seconds)
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        if self._held > HELD_BYTES:
            self._transport.resume_reading()
        self._held = 0
        return data

    @property
    def finished(self) -> bool:
        """Nothing more of the answer is to be read."""
        return self._complete and not self._pieces

    @property
    def reusable(self) -> bool:
        """This exchange left nothing behind, in either direction."""
        sent = self._sending is None or self._sending.done()
        return self._keep and self.finished and sent and self._failure is None

    def close(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
        self._transport.abort()

    def _begin(self, method: str) -> None:
        self.exchanges += 1
        self.status = 0
        self.headers = []
        self._arriving: Headers = []
        self._pieces = []
        self._held = self._head_size = 0
        self._complete = self._keep = False
        self._bodiless = method == "HEAD"
        self._sending = None
        self._asked = True

    async def _wait(self, seconds: float | None) -> None:
        """Until something has happened; raises what made going on impossible."""
        if self._failure is not None:
            raise self._failure
        self._waiter = self._loop.create_future()
        timer = seconds and self._loop.call_later(seconds, self._fail, TimeoutError())
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
        self._transport.abort()
        self._wake()

    async def _send_until_answered(self, pieces: AsyncIterator[bytes]) -> None:
        # A service may refuse a body before it has seen all of it.
        self._sending = asyncio.create_task(self._send(pieces))
        self._sending.add_done_callback(self._sent)
        while not self.status and not self._sending.done():
            await self._wait(None)

    async def _send(self, pieces: AsyncIterator[bytes]) -> None:
        async for piece in pieces:
            self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if self._drained is not None:
                await self._drained
        self._transport.write(b"0\r\n\r\n")

    def _sent(self, sending: asyncio.Task[None]) -> None:
        failure = None if sending.cancelled() else sending.exception()
        if isinstance(failure, Exception):
            self._fail(failure)
        self._wake()

    # What the event loop tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._asked:
            self._fail(Broken("spoke without being asked"))
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._fail(Broken(str(error)))
        if not self.status:
            self._head_size += len(data)
            if self._head_size > LARGEST_HEAD:
                self._fail(Broken("headers without end"))
        elif self._held > HELD_BYTES:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        if self._asked and self.status and error is None and self._failure is None:
            # Without a length the end of the connection is the end of the answer.
            self._complete = not any(name.lower() in FRAMING for name, _ in self.headers)
        if self._failure is None:
            self._failure = Broken("hung up")
        self.resume_writing()
        self._wake()

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    # What the parser tells us.

    def on_message_begin(self) -> None:
        if not self._asked:
            # Stops the parser, before what follows is taken for more of the last answer.
            raise Broken("answered twice")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._arriving.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        arrived, self._arriving = self._arriving, []
        if status < 200:
            return
        self.status, self.headers = status, arrived
        # The parser cannot be told that HEAD has no body, so such a connection is not kept.
        self._complete = self._bodiless

    def on_body(self, body: bytes) -> None:
        if not self._bodiless:
            self._pieces.append(body)
            self._held += len(body)

    def on_message_complete(self) -> None:
        if self.status:
            self._complete = True
            self._keep = not self._bodiless and self._parser.should_keep_alive()
            self._asked = False
