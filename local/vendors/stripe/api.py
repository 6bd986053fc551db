"""One API request: key, parameters, misbehaviour, idempotency, the work, the answer."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from local.vendors.connection import Dropped
from local.vendors.faults import Fault, Kind
from local.vendors.store import Document
from local.vendors.stripe import expiry, forms
from local.vendors.stripe.account import API_VERSION, Account, Cause, new_id
from local.vendors.stripe.errors import StripeError
from local.vendors.stripe.idempotency import NOTHING_BEGAN, IdempotencyKeys, fingerprint
from local.vendors.stripe.lists import expand
from local.vendors.stripe.params import Params

AROUND_THE_WORK: tuple[Kind, ...] = (
    "rate_limited",
    "timeout_before",
    "timeout_after",
    "delay",
    "corrupt",
)


@dataclass(frozen=True)
class Call:
    """One operation being carried out, inside a transaction."""

    account: Account
    params: Params
    path: str
    ids: dict[str, str]


Operation = Callable[[Call], Document]


class Api:
    """Turns operations into HTTP endpoints."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._keys = IdempotencyKeys(account)

    def endpoint(self, name: str, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of an operation; `name` is its word for faults, e.g. `refunds.create`."""

        async def answer(request: Request) -> Response:
            request_id = new_id("req")
            try:
                response = await self._answer(request, name, operation, request_id)
            except StripeError as error:
                response = JSONResponse({"error": error.error}, error.status)
            response.headers.setdefault("request-id", request_id)
            response.headers["stripe-version"] = API_VERSION
            return response

        return answer

    async def _answer(
        self, request: Request, name: str, operation: Operation, request_id: str
    ) -> Response:
        self._authenticate(request)
        raw = (await request.body()).decode() if request.method == "POST" else request.url.query
        call = Call(self._account, forms.decode(raw), request.url.path, request.path_params)
        fault = self._fault(name, *AROUND_THE_WORK)
        if fault and fault.kind == "rate_limited":
            error = StripeError.from_fault(429).error
            return JSONResponse({"error": error}, 429, {"retry-after": "1"})
        if fault and fault.kind == "timeout_before":
            return Dropped(fault.seconds)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        response = await self._once(call, name, operation, Cause(request_id, key), fault)
        if fault and fault.kind == "timeout_after":
            return Dropped(fault.seconds)
        if fault and fault.kind == "corrupt":
            return PlainTextResponse("<html>upstream connect error</html>", response.status_code)
        return response

    def _fault(self, name: str, *kinds: Kind) -> Fault | None:
        fault = self._account.stand_in.faults.take(name, *kinds)
        if fault:
            self._account.stand_in.journal.record("fault", kind=fault.kind, during=name)
        return fault

    def _authenticate(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given, f"Bearer {self._account.settings.api_key}"):
            raise StripeError(401, "invalid_request_error", "Invalid API Key provided.")

    async def _once(
        self, call: Call, name: str, operation: Operation, cause: Cause, fault: Fault | None
    ) -> Response:
        key, request_id = cause.idempotency_key, cause.request_id or ""
        asked = fingerprint(call.path, call.params)
        stored = self._keys.begin(key, asked) if key else None
        if stored:
            headers = {
                "idempotent-replayed": "true",
                "original-request": stored["request_id"],
                "idempotency-key": key or "",
            }
            return JSONResponse(stored["body"], stored["status"], headers)
        try:
            if fault and fault.kind == "delay":
                await asyncio.sleep(fault.seconds)
            with self._account.store.transaction():
                self._account.cause = cause
                status, body = self._work(call, name, operation)
                if key:
                    self._keys.keep(key, asked, request_id, (status, body))
        finally:
            self._account.cause = Cause()
            if key:
                self._keys.end(key)
        headers = {"idempotency-key": key, "original-request": request_id} if key else {}
        return JSONResponse(body, status, headers)

    def _work(self, call: Call, name: str, operation: Operation) -> tuple[int, Document]:
        fault = self._fault(name, "error")
        try:
            if fault:
                raise StripeError.from_fault(fault.status)
            expiry.expire_due(call.account)
            return 200, expand(call.account, dict(operation(call)), call.params.get("expand"))
        except StripeError as error:
            if error.status in NOTHING_BEGAN:
                raise
            # A declined card is an effect too: its charge and events stay.
            return error.status, {"error": error.error}
