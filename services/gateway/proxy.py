"""The proxy path: bare ASGI on pooled connections, bodies streamed both ways, never held whole."""

import asyncio
from dataclasses import dataclass

import structlog
from starlette.types import Receive, Send

from services.gateway.accounts import account_of
from services.gateway.admission import Admission
from services.gateway.audit import Audit, is_recorded
from services.gateway.bodies import Body
from services.gateway.connection import Broken, Connection
from services.gateway.errors import BadGateway, ClientGone, GatewayTimeout, ServiceUnavailable
from services.gateway.headers import Headers, to_client, to_service
from services.gateway.incoming import Incoming
from services.gateway.pool import Outgoing, Unreachable
from services.gateway.progress.streams import Streams
from services.gateway.routing import SIGN_IN, SIGN_OUT, Route
from services.gateway.settings import Settings
from services.gateway.tracing import traceparent
from services.gateway.upstreams import Upstream

log = structlog.get_logger()

SIGN_IN_BYTES = 16 * 1024


@dataclass(frozen=True)
class Proxy:
    """Passes one request to the service its path belongs to."""

    settings: Settings
    admission: Admission
    audit: Audit
    upstreams: dict[str, Upstream]
    streams: Streams

    async def handle(self, route: Route, incoming: Incoming, receive: Receive, send: Send) -> None:
        """Answer the request; raises a Refusal while nothing has been sent."""
        outgoing = Outgoing(incoming.method, incoming.target, to_service(incoming.raw_headers))
        extra = await self._admit(route, incoming, outgoing.headers)
        body = Body(
            incoming.headers,
            receive,
            max_bytes=SIGN_IN_BYTES if route.prefix == SIGN_IN else self.settings.max_json_bytes,
            seconds=self.settings.body_timeout_seconds,
        )
        if route.prefix == SIGN_IN:
            outgoing.data = await body.whole()
            account = account_of(outgoing.data)
            await self.admission.limits.count_sign_in(account, incoming.address)
        else:
            outgoing.data = await body.data()
        upstream = self.upstreams[route.service]
        upstream.breaker.check()
        answer = await _ask(upstream, outgoing)
        try:
            if answer.status == 401 or incoming.path == SIGN_OUT:
                self._forget(incoming)
            headers = to_client(answer.headers, upstream.url) + extra
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await _pass_on(answer, body, send)
        except (Broken, TimeoutError) as error:
            raise _refusal_for(upstream, error) from error
        finally:
            upstream.pool.release(answer)

    async def _admit(self, route: Route, incoming: Incoming, to_send: Headers) -> Headers:
        """Say to the service who is calling; returns what the client is told beside the answer."""
        to_send.append((b"x-forwarded-for", incoming.address.encode()))
        to_send.append((b"traceparent", traceparent()))
        if route.access == "webhook":
            return []
        if route.access == "public":
            return await self.admission.admit_anybody(incoming)
        principal, extra = await self.admission.admit_member(incoming)
        token = self.admission.sessions.token(principal, route.service)
        to_send.append((b"authorization", f"Bearer {token}".encode()))
        if incoming.method == "GET":
            # Before the service reads: what happens meanwhile comes after this cursor.
            extra += self.streams.cursor_header()
        elif is_recorded(principal.caller, route, incoming.method):
            await self.audit.record(principal.caller, incoming)
        return extra

    def _forget(self, incoming: Incoming) -> None:
        if incoming.credential is not None:
            self.admission.sessions.forget_credential(incoming.credential)


async def _ask(upstream: Upstream, outgoing: Outgoing) -> Connection:
    try:
        answer = await upstream.pool.ask(outgoing)
    except (Unreachable, Broken, TimeoutError) as error:
        upstream.breaker.failed()
        raise _refusal_for(upstream, error) from error
    upstream.breaker.answered()
    return answer


async def _pass_on(answer: Connection, body: Body, send: Send) -> None:
    watch: asyncio.Task[None] | None = None
    try:
        while True:
            piece = await answer.read()
            more = not answer.finished
            await send({"type": "http.response.body", "body": piece, "more_body": more})
            if not more:
                return
            watch = watch or body.watch_client()
            if watch is not None and watch.done():
                raise ClientGone
    finally:
        if watch is not None:
            watch.cancel()


def _refusal_for(
    upstream: Upstream, error: Exception
) -> ServiceUnavailable | GatewayTimeout | BadGateway:
    log.warning("upstream.failed", url=upstream.url, error=repr(error))
    if isinstance(error, Unreachable):
        return ServiceUnavailable()
    return GatewayTimeout() if isinstance(error, TimeoutError) else BadGateway()
