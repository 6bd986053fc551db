"""An answer that never comes: what a client sees when a vendor's connection breaks."""

import asyncio
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Dropped(Response):
    """Holds the connection for `seconds`, then cuts it without a status line."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(self._seconds)
        transport = _transport_of(receive)
        if transport is not None:
            transport.abort()
            # The server notices on its next turn; before that it would answer 500 for us.
            await asyncio.sleep(0)
            return
        start = {
            "type": "http.response.start",
            "status": 502,
            "headers": [(b"content-length", b"1")],
        }
        await send(start)


def _transport_of(receive: Receive) -> Any:
    """uvicorn's socket, which ASGI itself hides; None under another server."""
    return getattr(getattr(receive, "__self__", None), "transport", None)
