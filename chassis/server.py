"""uvicorn's HTTP protocol, but head and body of an answer leave in one write.

uvloop writes at once whatever it is given, so an answer in two messages is two system calls and
wakes its reader twice: a sixth of the processor time of a small answer. `uvicorn --http
chassis.server:Protocol`.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

AT_ONCE = 16 * 1024
"""So much waits for nothing more."""


class Gathering:
    """A transport that keeps what it is given until the event loop's next turn."""

    def __init__(self, transport: asyncio.Transport, soon: Callable[..., Any]) -> None:
        self._transport = transport
        self._soon = soon
        self._pieces: list[bytes] = []
        self._size = 0
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._pieces:
            self._soon(self._write_gathered)
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= AT_ONCE:
            self._write_gathered()

    def close(self) -> None:
        self._write_gathered()
        self._transport.close()

    def _write_gathered(self) -> None:
        pieces, self._pieces, self._size = self._pieces, [], 0
        # The client may have gone since.
        if pieces and not self.is_closing():
            self._transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))


class Protocol(HttpToolsProtocol):
    """One per connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        gathering = Gathering(cast(asyncio.Transport, transport), self.loop.call_soon)
        super().connection_made(cast(asyncio.Transport, gathering))
