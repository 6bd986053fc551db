"""The mail stand-in as a web application: Resend's API, and a mailbox to look into."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.vendors.control import StandIn
from local.vendors.misbehaviour import misbehave
from local.vendors.resend import mailbox
from local.vendors.resend.errors import ResendError, refusal
from local.vendors.resend.mail import read_mail
from local.vendors.resend.outbox import Outbox
from local.vendors.resend.settings import ResendSettings
from local.vendors.resend.webhooks import Deliveries

MOST_BYTES = 40 * 1024**2
MOST_MAILS = 100

Handler = Callable[[Request], Awaitable[Response]]


async def _json(request: Request) -> Any:
    """The request's JSON, at most 40 MB; raises as Resend does."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise ResendError("validation_error", "The mail is larger than 40MB.")
    try:
        return json.loads(body)
    except ValueError:
        raise ResendError("validation_error", "The body is not valid JSON.", 400) from None


class Api:
    """Resend's endpoints over the outbox."""

    def __init__(self, stand_in: StandIn, settings: ResendSettings, outbox: Outbox) -> None:
        self._stand_in = stand_in
        self._settings = settings
        self._outbox = outbox

    def guarded(self, operation: str, handler: Handler) -> Handler:
        """The handler behind the key check, the faults asked for and Resend's error format."""

        async def answer(request: Request) -> Response:
            async def work() -> Response:
                try:
                    self._check_key(request.headers.get("authorization", ""))
                    return await handler(request)
                except ResendError as error:
                    return error.response()

            return await misbehave(self._stand_in, operation, work, refusal)

        return answer

    def _check_key(self, header: str) -> None:
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise ResendError("missing_api_key", "Missing API Key")
        if not hmac.compare_digest(key.strip().encode(), self._settings.api_key.encode()):
            raise ResendError("invalid_api_key", "API key is invalid")

    async def send(self, request: Request) -> Response:
        """POST /emails."""
        given = await _json(request)
        key = request.headers.get("idempotency-key")
        ids = self._outbox.send([read_mail(given)], given, key)
        return JSONResponse({"id": ids[0]})

    async def send_batch(self, request: Request) -> Response:
        """POST /emails/batch: all or none, or with permissive validation the good ones."""
        given = await _json(request)
        if not isinstance(given, list) or not 1 <= len(given) <= MOST_MAILS:
            message = f"A batch must be a list of 1 to {MOST_MAILS} mails."
            raise ResendError("validation_error", message)
        is_permissive = request.headers.get("x-batch-validation") == "permissive"
        mails, errors = [], []
        for index, one in enumerate(given):
            try:
                mails.append(read_mail(one))
            except ResendError as error:
                if not is_permissive:
                    raise
                errors.append({"index": index, "message": error.message})
        ids = self._outbox.send(mails, given, request.headers.get("idempotency-key"))
        answer: dict[str, Any] = {"data": [{"id": mail_id} for mail_id in ids]}
        return JSONResponse({**answer, "errors": errors} if is_permissive else answer)

    async def get(self, request: Request) -> Response:
        """GET /emails/{id}."""
        mail = self._outbox.mail(request.path_params["mail_id"])
        return JSONResponse({k: v for k, v in mail.items() if k not in ("headers", "attachments")})


class Mailbox:
    """The doors for people and tests, which need no key."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def show_list(self, _: Request) -> Response:
        return mailbox.list_page(self._outbox.mails())

    async def show_mail(self, request: Request) -> Response:
        return await self._shown(request, mailbox.mail_page)

    async def show_html(self, request: Request) -> Response:
        return await self._shown(request, mailbox.mail_html)

    async def as_json(self, request: Request) -> Response:
        """`GET /_mailbox?to=`: the mails themselves, oldest first."""
        return JSONResponse(self._outbox.mails(request.query_params.get("to")))

    async def _shown(self, request: Request, page: Callable[[Any], Response]) -> Response:
        try:
            return page(self._outbox.mail(request.path_params["mail_id"]))
        except ResendError as error:
            return error.response()


def create_app(stand_in: StandIn, settings: ResendSettings) -> Starlette:
    """Resend over the stand-in's state directory; webhooks when the settings name a URL."""
    outbox = Outbox(stand_in, settings)
    api, box = Api(stand_in, settings, outbox), Mailbox(outbox)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        deliveries = asyncio.create_task(Deliveries(stand_in, outbox, settings).run())
        yield
        deliveries.cancel()
        with suppress(asyncio.CancelledError):
            await deliveries
        outbox.store.close()

    return Starlette(
        lifespan=lifespan,
        routes=[
            *stand_in.routes(),
            Route("/emails", api.guarded("send", api.send), methods=["POST"]),
            Route("/emails/batch", api.guarded("send", api.send_batch), methods=["POST"]),
            Route("/emails/{mail_id}", api.guarded("get", api.get)),
            Route("/", box.show_list),
            Route("/_mailbox", box.as_json),
            Route("/_mail/{mail_id}", box.show_mail),
            Route("/_mail/{mail_id}/html", box.show_html),
        ],
    )
