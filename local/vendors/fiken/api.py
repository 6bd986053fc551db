"""One API request: token, one at a time, not too fast, misbehaviour, the work, the answer."""

import asyncio
import hmac
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from local.vendors.fiken.bodies import Body
from local.vendors.fiken.books import Books, FikenError
from local.vendors.misbehaviour import misbehave
from local.vendors.store import Document

B = TypeVar("B", bound=Body)


@dataclass(frozen=True)
class Call:
    """One operation being carried out, inside a transaction."""

    books: Books
    query: QueryParams
    ids: dict[str, str]
    raw: bytes

    def body(self, kind: type[B]) -> B:
        """The request body; raises 400 for a missing, unexpected or malformed field."""
        try:
            return kind.model_validate_json(self.raw)
        except ValidationError as error:
            problems = (
                f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()
            )
            raise FikenError(400, "; ".join(problems)) from None


Operation = Callable[[Call], Response]


class Api:
    """Turns operations into HTTP endpoints of one Fiken user."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._in_flight: set[Request] = set()
        self._recent: deque[float] = deque(maxlen=books.settings.per_second)

    def endpoint(self, name: str, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of an operation; `name` is its word for faults, e.g. `invoices.create`."""

        async def answer(request: Request) -> Response:
            response = await self._guarded(request, name, operation)
            request_id = request.headers.get("x-request-id")
            if request_id:
                response.headers["x-request-id"] = request_id
            return response

        return answer

    async def _guarded(self, request: Request, name: str, operation: Operation) -> Response:
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given, f"Bearer {self._books.settings.token}"):
            return refusal(401, "The token is missing or unknown")
        # Read before anybody asks whether this client hung up: asking consumes what is unread.
        await request.body()
        others = list(self._in_flight)
        self._in_flight.add(request)
        if await _waits(others):
            self._in_flight.discard(request)
            self._books.stand_in.journal.record("concurrent_request", during=name)
            return refusal(429, "Only one request at a time")
        try:
            await self._slow_down(name)
            return await self._answer(request, name, operation)
        except FikenError as error:
            return refusal(error.status, error.description)
        finally:
            self._in_flight.discard(request)

    async def _slow_down(self, name: str) -> None:
        is_full = len(self._recent) == self._recent.maxlen
        wait = self._recent[0] + 1 - time.monotonic() if is_full else 0
        if wait > 0:
            self._books.stand_in.journal.record("slowed", during=name)
            await asyncio.sleep(wait)
        self._recent.append(time.monotonic())

    async def _answer(self, request: Request, name: str, operation: Operation) -> Response:
        slug = request.path_params.get("slug", self._books.settings.company_slug)
        if slug != self._books.settings.company_slug:
            raise FikenError(403, f"You have no access to company {slug}")
        raw = await request.body()
        if raw and not request.headers.get("content-type", "").startswith("application/json"):
            raise FikenError(415, "Content-Type must be application/json")
        call = Call(self._books, request.query_params, request.path_params, raw)

        async def work() -> Response:
            with self._books.store.transaction():
                return operation(call)

        response = await misbehave(self._books.stand_in, name, work, _broken)
        if self._books.stand_in.faults.take(name, "corrupt"):
            self._books.stand_in.journal.record("fault", kind="corrupt", during=name)
            return _corrupted(response)
        return response


async def _waits(requests: list[Request]) -> bool:
    """Whether a client still waits; one that hung up cannot know that we go on."""
    return any([not await request.is_disconnected() for request in requests])


def created(url: str) -> Response:
    """201, no body, and where the new thing is."""
    return Response(status_code=201, headers={"Location": url})


def one(document: Document) -> Response:
    return JSONResponse(document)


def refusal(status: int, description: str) -> Response:
    words = {400: "bad_request", 401: "invalid_token", 403: "access_denied", 404: "not_found"}
    error = words.get(status, "too_many_requests" if status == 429 else "error")
    return JSONResponse({"error": error, "error_description": description}, status)


def _broken(status: int) -> Response:
    return refusal(status, "Fiken is not feeling well")


def _corrupted(response: Response) -> Response:
    if "location" in response.headers:
        return Response(status_code=response.status_code)
    return PlainTextResponse("<html>Fiken is being updated</html>", response.status_code)
