"""Idempotency-Key: the same key and body replays the first answer, another body is refused.

The claim is a row of its own that its holder renews, so a crash between the work and the stored
answer lets a repeat run again soon; what must never happen twice has a unique rule in its own
table. An answer that says when to come back is no last word and is not kept.
"""

import asyncio
import hashlib
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import answers
from chassis.caller import bearer_token, verify
from chassis.database import Database
from chassis.errors import Refusal, problem
from chassis.settings import ServiceSettings

HEADER = b"idempotency-key"
RENEW_SECONDS = 5.0
MAX_KEY_LENGTH = 255
MAX_BODY_BYTES = 1024 * 1024


class KeyTooLong(Refusal):
    """Keys are bounded."""

    status, code = 400, "idempotency_key_too_long"
    title = f"An Idempotency-Key has at most {MAX_KEY_LENGTH} characters"


class BodyTooLarge(Refusal):
    """A body that is compared with the first one has to be read whole."""

    status, code = 413, "body_too_large"
    title = f"A request with an Idempotency-Key has at most {MAX_BODY_BYTES} bytes"


class IdempotencyMiddleware:
    """Around every caller's POST that carries the header; other requests pass untouched."""

    def __init__(self, app: ASGIApp, *, database: Database, settings: ServiceSettings) -> None:
        self._app = app
        self._database = database
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        # Without a caller there is nobody to keep an answer for: sign-up has its own unique rule.
        if scope.get("method") != "POST" or not {HEADER, b"authorization"} <= headers.keys():
            await self._app(scope, receive, send)
            return
        try:
            await self._once(scope, headers, _Recorder(receive, send))
        except Refusal as refusal:
            answer = problem(refusal.status, refusal.code, refusal.title, refusal.detail)
            if isinstance(refusal, answers.StillRunning):
                answer.headers["retry-after"] = "1"
            await answer(scope, receive, send)

    async def _once(self, scope: Scope, headers: dict[bytes, bytes], recorder: "_Recorder") -> None:
        claim_scope = self._scope_of(scope, headers)
        asked = scope["query_string"] + b"\n" + await recorder.read_body()
        fingerprint = hashlib.sha256(asked).hexdigest()
        async with self._database.across_workspaces() as session:
            stored = await answers.claim(session, claim_scope, fingerprint)
        if stored is not None:
            await _replay(stored)(scope, recorder.replay, recorder.send)
            return
        renewing = asyncio.create_task(self._renew(claim_scope))
        try:
            await self._app(scope, recorder.replay, recorder.record)
        finally:
            renewing.cancel()
            async with self._database.across_workspaces() as session:
                await answers.settle(session, claim_scope, recorder.answer())
            await recorder.finish()

    async def _renew(self, claim_scope: str) -> None:
        """While the work goes on, so that only a dead process's claim ages."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with suppress(SQLAlchemyError, OSError):
                async with self._database.across_workspaces() as session:
                    await answers.renew(session, claim_scope)

    def _scope_of(self, scope: Scope, headers: dict[bytes, bytes]) -> str:
        key = headers[HEADER].decode("latin-1")
        if len(key) > MAX_KEY_LENGTH:
            raise KeyTooLong
        token = bearer_token(headers[b"authorization"].decode("latin-1"))
        caller = verify(token, self._settings)
        parts = f"{caller.workspace_id}\n{caller.member_id}\n{scope['path']}\n{key}"
        return hashlib.sha256(parts.encode()).hexdigest()


class _Recorder:
    """Reads the request body once and keeps the answer while passing it on."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self.send = send
        self._request_body: bytes | None = None
        self.status: int | None = None
        self.content_type: str | None = None
        self.is_for_now = False
        self.is_secret = False
        self.body = b""
        self._held: Message | None = None

    async def read_body(self) -> bytes:
        body, more = b"", True
        while more:
            message = await self._receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY_BYTES:
                raise BodyTooLarge
        self._request_body = body
        return body

    async def replay(self) -> Message:
        """The body once, then what really comes: a caller that hangs up."""
        body, self._request_body = self._request_body, None
        if body is None:
            return await self._receive()
        return {"type": "http.request", "body": body, "more_body": False}

    def answer(self) -> answers.Answer | None:
        """The last word; None when we broke, or asked the caller to come back."""
        if self.status is None or self.status >= 500 or self.is_for_now:
            return None
        # A repeat learns that it was done; a secret is shown once and stays nowhere.
        body = b"" if self.is_secret else self.body
        return answers.Answer(self.status, self.content_type, body)

    async def record(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            names = dict(message["headers"])
            self.content_type = names.get(b"content-type", b"").decode("latin-1")
            self.is_for_now = b"retry-after" in names
            self.is_secret = names.get(b"cache-control") == b"no-store"
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                # Whoever has the whole answer may repeat at once: by then it must be kept.
                self._held = message
                return
        await self.send(message)

    async def finish(self) -> None:
        """Pass on the end of the answer, once that answer is kept."""
        if self._held is not None:
            await self.send(self._held)


def _replay(row: answers.IdempotencyRow) -> Response:
    headers = {"idempotent-replayed": "true"}
    return Response(row.body or b"", row.status or 200, headers, row.content_type or None)
