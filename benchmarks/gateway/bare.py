"""The least a proxy in Python can do: no caller, no limits, no trace, no checks. A peer only."""

import os
from typing import Any

import aiohttp
from starlette.types import Receive, Scope, Send
from yarl import URL

HOP = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"host", b"content-length"})
SERVERS_OWN = frozenset({b"connection", b"transfer-encoding", b"date", b"server"})
UPSTREAM = os.environ.get("BARE_UPSTREAM", "")
client: dict[str, aiohttp.ClientSession] = {}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """GET only."""
    if scope["type"] == "lifespan":
        await _live(receive, send)
    elif scope["path"] == "/health/ready":
        await _begin(send, 200, [])
        await send({"type": "http.response.body", "body": b""})
    else:
        await _pass_on(scope, send)


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as client["session"]:
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _pass_on(scope: Scope, send: Send) -> None:
    headers = [(k.decode(), v.decode()) for k, v in scope["headers"] if k not in HOP]
    url = URL(UPSTREAM + scope["raw_path"].decode(), encoded=True)
    async with client["session"].request("GET", url, headers=headers) as answer:
        kept = [(k, v) for k, v in answer.raw_headers if k.lower() not in SERVERS_OWN]
        await _begin(send, answer.status, kept)
        async for piece in answer.content.iter_any():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _begin(send: Send, status: int, headers: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
