"""The proxy path: bare ASGI on a pooled client, bodies streamed both ways, never held whole."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import structlog
from opentelemetry import trace
from starlette.types import Receive, Send
from yarl import URL

from services.gateway.admission import Admission
from services.gateway.bodies import Body
from services.gateway.errors import BadGateway, ClientGone, GatewayTimeout, ServiceUnavailable
from services.gateway.headers import Headers, to_client, to_service
from services.gateway.incoming import Incoming
from services.gateway.progress.streams import Streams
from services.gateway.routing import SIGN_IN, SIGN_OUT, Route
from services.gateway.settings import Settings
from services.gateway.upstreams import Upstream

log = structlog.get_logger()

SIGN_IN_BYTES = 16 * 1024


@dataclass(slots=True)
class Outgoing:
    """What goes to the service, and what the gateway adds to its answer."""

    headers: list[tuple[str, str]]
    extra: Headers
    data: bytes | AsyncIterator[bytes] | None = None


@dataclass(frozen=True)
class Proxy:
    """Passes one request to the service its path belongs to."""

    settings: Settings
    client: aiohttp.ClientSession
    admission: Admission
    upstreams: dict[str, Upstream]
    streams: Streams

    async def handle(self, route: Route, incoming: Incoming, receive: Receive, send: Send) -> None:
        """Answer the request; raises a Refusal while nothing has been sent."""
        outgoing = await self._prepare(route, incoming)
        body = Body(
            incoming.headers,
            receive,
            max_bytes=SIGN_IN_BYTES if route.prefix == SIGN_IN else self.settings.max_json_bytes,
            seconds=self.settings.body_timeout_seconds,
        )
        if route.prefix == SIGN_IN:
            outgoing.data = await body.whole()
            account = _account_of(outgoing.data)
            await self.admission.limits.count_sign_in(account, incoming.address)
        else:
            outgoing.data = await body.data()
        upstream = self.upstreams[route.service]
        upstream.breaker.check()
        await self._exchange(upstream, incoming, outgoing, body, send)

    async def _prepare(self, route: Route, incoming: Incoming) -> Outgoing:
        headers = to_service(incoming.raw_headers)
        headers.append(("x-forwarded-for", incoming.address))
        headers.append(("traceparent", _traceparent()))
        if route.access == "webhook":
            return Outgoing(headers, [])
        if route.access == "public":
            return Outgoing(headers, await self.admission.admit_anybody(incoming))
        principal, extra = await self.admission.admit_member(incoming)
        headers.append(("authorization", f"Bearer {principal.token}"))
        if incoming.method == "GET":
            # Before the service reads: what happens meanwhile comes after this cursor.
            extra += self.streams.cursor_header()
        return Outgoing(headers, extra)

    async def _exchange(
        self, upstream: Upstream, incoming: Incoming, outgoing: Outgoing, body: Body, send: Send
    ) -> None:
        url = URL(upstream.url + incoming.target.decode("ascii"), encoded=True)
        answer: aiohttp.ClientResponse | None = None
        try:
            answer = await self.client.request(
                incoming.method,
                url,
                headers=outgoing.headers,
                data=outgoing.data,
                allow_redirects=False,
            )
            upstream.breaker.answered()
            if answer.status == 401 or incoming.path == SIGN_OUT:
                self._forget(incoming)
            await self._return(answer, upstream.url, outgoing.extra, body, send)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if body.problem is not None:
                raise body.problem from error
            if answer is None:
                upstream.breaker.failed()
            log.warning("upstream.failed", url=upstream.url, error=type(error).__name__)
            raise _refusal_for(error) from error
        finally:
            if answer is not None:
                # Half read, its connection is closed; else it serves the next request.
                answer.release()

    async def _return(
        self,
        answer: aiohttp.ClientResponse,
        service_url: str,
        extra: Headers,
        body: Body,
        send: Send,
    ) -> None:
        headers = [*to_client(answer.raw_headers, service_url), *extra]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        left = answer.content_length
        watch: asyncio.Task[None] | None = None
        try:
            while piece := await answer.content.readany():
                left = None if left is None else left - len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": left != 0})
                if left == 0:
                    return
                watch = watch or body.watch_client()
                if watch is not None and watch.done():
                    raise ClientGone
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if watch is not None:
                watch.cancel()

    def _forget(self, incoming: Incoming) -> None:
        if incoming.credential is not None:
            self.admission.sessions.forget_credential(incoming.credential)


def _traceparent() -> str:
    # W3C trace context, written here: the library's propagators take ten times as long.
    span = trace.get_current_span().get_span_context()
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


def _refusal_for(error: Exception) -> ServiceUnavailable | GatewayTimeout | BadGateway:
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return ServiceUnavailable()
    if isinstance(error, TimeoutError):
        return GatewayTimeout()
    return BadGateway()


def _account_of(body: bytes) -> str:
    try:
        return str(json.loads(body).get("email", ""))
    except (ValueError, AttributeError, RecursionError):
        return ""
