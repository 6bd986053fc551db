"""A request's body as it comes from the client: bounded in size and in patience, never held."""

import asyncio
from collections.abc import AsyncIterator

from starlette.types import Receive

from services.gateway.errors import BodyTooLarge, BodyTooSlow, ClientGone, MalformedRequest


class Body:
    """Read once, by the piece or whole."""

    def __init__(
        self, headers: dict[bytes, bytes], receive: Receive, *, max_bytes: int, seconds: float
    ) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._size = 0
        length = headers.get(b"content-length")
        self._expected = length is not None or b"transfer-encoding" in headers
        self.finished = not self._expected
        if length is not None:
            self._check_length(length)

    def _check_length(self, length: bytes) -> None:
        if not length.isdigit():
            raise MalformedRequest("Content-Length is not a number")
        if int(length) > self._max_bytes:
            raise BodyTooLarge

    async def data(self) -> bytes | AsyncIterator[bytes] | None:
        """All of it when it came in one piece, otherwise an iterator; None when there is none."""
        if not self._expected:
            return None
        piece = await self._next()
        return piece if self.finished else self._pieces(piece)

    async def whole(self) -> bytes:
        """All of it, for the few bodies the gateway itself must look into."""
        pieces = []
        while not self.finished:
            pieces.append(await self._next())
        return b"".join(pieces)

    def watch_client(self) -> asyncio.Task[None] | None:
        """Ends when the client hangs up; None while the body itself is still being read."""
        return asyncio.create_task(self._until_gone()) if self.finished else None

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _pieces(self, first: bytes) -> AsyncIterator[bytes]:
        if first:
            yield first
        while not self.finished:
            piece = await self._next()
            if piece:
                yield piece

    async def _next(self) -> bytes:
        try:
            async with asyncio.timeout(self._seconds):
                message = await self._receive()
        except TimeoutError:
            raise BodyTooSlow from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        piece: bytes = message.get("body", b"")
        self._size += len(piece)
        if self._size > self._max_bytes:
            raise BodyTooLarge
        self.finished = not message.get("more_body", False)
        return piece
