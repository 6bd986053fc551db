"""A service behind the gateway that answers with what reached it, or fails on demand."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

PIECE = b"x" * 65536


class Echo:
    """Remembers the requests it has seen, by path."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.streaming = 0
        self.in_hand = 0
        routes = [
            Route("/v1/projects/slow", self.slow),
            Route("/v1/projects/dies", self.dies),
            Route("/v1/projects/long", self.long),
            Route("/v1/projects/elsewhere", self.elsewhere),
            Route("/v1/projects/special", self.special),
            Route("/v1/projects/expired", self.expired),
            Route("/{path:path}", self.echo, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]
        self.app = Starlette(routes=routes)

    @property
    def last(self) -> dict[str, Any]:
        return self.seen[-1]

    async def echo(self, request: Request) -> Response:
        body = await request.body()
        seen = {
            "method": request.method,
            "path": request.scope["raw_path"].decode(),
            "query": request.scope["query_string"].decode(),
            "headers": [[k.decode(), v.decode("latin-1")] for k, v in request.headers.raw],
            "sha256": hashlib.sha256(body).hexdigest(),
            "size": len(body),
        }
        self.seen.append(seen)
        return JSONResponse(seen)

    async def slow(self, _: Request) -> Response:
        await asyncio.sleep(1.5)
        return Response()

    async def dies(self, request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"the beginning"
            await asyncio.sleep(0.05)
            raise ConnectionError

        length = request.query_params.get("length")
        headers = {"content-length": length} if length else {}
        return StreamingResponse(pieces(), headers=headers)

    async def long(self, _: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            self.streaming += 1
            try:
                for _ in range(2000):
                    yield PIECE
                    await asyncio.sleep(0.001)
            finally:
                self.streaming -= 1

        return StreamingResponse(pieces(), media_type="application/zip")

    async def elsewhere(self, request: Request) -> Response:
        return RedirectResponse(request.url.replace(path="/v1/projects/there"))

    async def special(self, _: Request) -> Response:
        headers = {
            "cache-control": "private, max-age=60",
            "x-content-type-options": "nosniff",
            "access-control-allow-origin": "*",
            "connection": "close, x-internal",
            "x-internal": "secret",
        }
        answer = Response("hei", headers=headers)
        answer.set_cookie("a", "1")
        answer.set_cookie("b", "2")
        return answer

    async def expired(self, _: Request) -> Response:
        return JSONResponse({"code": "unauthenticated"}, status_code=401)
