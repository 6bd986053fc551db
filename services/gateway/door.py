"""Every request enters here: trace, checks, origins, and refusals as problem documents."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from opentelemetry import trace
from opentelemetry.context import attach, detach
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.errors import Forbidden, Refusal, problem
from services.gateway.errors import ClientGone
from services.gateway.headers import ALWAYS, OVER_TLS, Headers, missing
from services.gateway.incoming import Incoming, read
from services.gateway.origins import PREFLIGHT, Origins, is_preflight
from services.gateway.progress.api import CONTINUES
from services.gateway.proxy import Proxy
from services.gateway.routing import Route, find_route
from services.gateway.settings import Settings
from services.gateway.tracing import NO_PARENT, Tracing

log = structlog.get_logger()


@dataclass(slots=True)
class Answer:
    """Sends on, adding what every answer carries; knows whether one has begun."""

    sending: Send
    added: Headers
    status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            present = message.setdefault("headers", [])
            message["headers"] = [*present, *missing(present, self.added)]
        await self.sending(message)


class Door:
    """Sends each request down the proxy path, or to the gateway's own few routes."""

    def __init__(self, settings: Settings, own: ASGIApp, proxy: Callable[[], Proxy]) -> None:
        self._settings = settings
        self._own = own
        self._proxy = proxy
        self._origins = Origins(settings.allowed_origins)
        self._tracing = Tracing(trace.get_tracer_provider())
        self._always = ALWAYS + (OVER_TLS if settings.secure_cookies else [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/health/"):
            await self._own(scope, receive, send)
            return
        route = find_route(scope["path"])
        passage = self._tracing.begin(scope["method"], route)
        token = attach(trace.set_span_in_context(passage, NO_PARENT))
        request_id = b"%032x" % passage.get_span_context().trace_id
        origin = self._origins.headers_for(scope["headers"])
        answer = Answer(send, [(b"x-request-id", request_id), *origin, *self._always])
        try:
            await self._answer(route, scope, receive, answer)
        finally:
            self._tracing.end(passage, answer.status or 0)
            detach(token)

    async def _answer(
        self, route: Route | None, scope: Scope, receive: Receive, answer: Answer
    ) -> None:
        try:
            incoming = read(scope, self._settings)
            if is_preflight(incoming.method, incoming.headers):
                await self._preflight(incoming, answer)
            elif route is not None:
                await self._proxy().handle(route, incoming, receive, answer.send)
            else:
                scope["state"]["incoming"] = incoming
                await self._own(scope, receive, answer.send)
                if CONTINUES in scope["state"]:
                    await scope["state"][CONTINUES](receive, answer.send)
        except ClientGone:
            return
        except Refusal as refusal:
            await _refuse(refusal, scope, receive, answer)
        except Exception:
            log.exception("request.failed", path=scope["path"])
            if answer.status is None:
                broken = problem(500, "internal_error", "Something broke on our side")
                await broken(scope, receive, answer.send)

    async def _preflight(self, incoming: Incoming, answer: Answer) -> None:
        if not self._origins.allows(incoming.origin):
            raise Forbidden("This origin may not call from a browser")
        await answer.send(
            {"type": "http.response.start", "status": 204, "headers": list(PREFLIGHT)}
        )
        await answer.send({"type": "http.response.body", "body": b"", "more_body": False})


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, answer: Answer) -> None:
    if answer.status is not None:
        return
    document = problem(refusal.status, refusal.code, refusal.title, refusal.detail)
    document.headers.update(refusal.headers)
    await document(scope, receive, answer.send)
