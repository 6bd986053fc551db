"""What administrators write is in the log before a service hears of it, or does not happen."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts.caller import Caller
from services.gateway.audit import is_recorded
from services.gateway.routing import find_route
from tests.gateway.conftest import Gateway, StartGateway
from tests.gateway.echo import Echo
from tests.gateway.serving import free_socket, served
from tests.support.services import make_caller

MEMBER = make_caller()
IMPERSONATOR = make_caller(impersonator_id=uuid4())
ADMINISTRATOR = make_caller(is_system_admin=True)
PROJECT = "/v1/projects/0193a1b2-0000-7000-8000-000000000001"
GRANT = "/v1/admin/billing/grants"
WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Log:
    """In identity's place: knows three callers, and notes what had reached a service by then."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self.calls: list[dict[str, Any]] = []
        self.seen_before: list[int] = []
        self.answers = 204
        routes = [
            Route("/internal/principals", self.who, methods=["POST"]),
            Route("/internal/calls", self.record, methods=["POST"]),
            Route("/{path:path}", self.anything, methods=list(WRITES)),
        ]
        self.app = Starlette(routes=routes)

    async def who(self, request: Request) -> Response:
        known = {"member": MEMBER, "impersonator": IMPERSONATOR, "administrator": ADMINISTRATOR}
        caller = known[(await request.json())["session_token"]].model_dump(mode="json")
        return JSONResponse({"caller": caller, "expires_at": None})

    async def record(self, request: Request) -> Response:
        # As identity reads it: whatever else it is called is no JSON.
        assert request.headers["content-type"] == "application/json"
        self.calls.append(await request.json())
        self.seen_before.append(len(self._echo.seen))
        return Response(status_code=self.answers)

    async def anything(self, _: Request) -> Response:
        return Response()


@pytest.fixture
async def audit(echo: Echo) -> Log:
    return Log(echo)


@pytest.fixture
async def logged(start_gateway: StartGateway, audit: Log) -> AsyncIterator[Gateway]:
    async with served(audit.app) as address, start_gateway(identity_url=address) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("who", "caller", "path"),
    [("impersonator", IMPERSONATOR, PROJECT), ("administrator", ADMINISTRATOR, GRANT)],
    ids=["impersonator", "administrator"],
)
async def test_a_call_is_recorded_before_it_is_passed_on(
    logged: Gateway, audit: Log, echo: Echo, who: str, caller: Caller, path: str
) -> None:
    before = len(echo.seen)
    async with logged.client(who) as client:
        for method in WRITES:
            answer = await client.request(method, f"{path}?token=secret", json={"name": "secret"})
            assert answer.status_code == 200
            call = audit.calls[-1]
            assert call == {
                "workspace_id": str(caller.workspace_id),
                "member_id": str(caller.member_id),
                "impersonator_id": caller.impersonator_id and str(caller.impersonator_id),
                "method": method,
                "path": path,
                "request_id": answer.headers["x-request-id"],
            }
    assert audit.seen_before == list(range(before, before + len(WRITES)))
    assert len(echo.seen) == before + len(WRITES)


@pytest.mark.parametrize("answers", [200, 401, 404, 422, 500, 503])
@pytest.mark.parametrize(("who", "path"), [("impersonator", PROJECT), ("administrator", GRANT)])
async def test_what_cannot_be_recorded_does_not_happen(
    logged: Gateway, audit: Log, echo: Echo, who: str, path: str, answers: int
) -> None:
    audit.answers = answers
    before = len(echo.seen)
    async with logged.client(who) as client:
        answer = await client.post(path, json={})
        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert len(echo.seen) == before
        assert (await client.get(path)).status_code == 200


async def test_while_identity_is_down_only_members_write(
    start_gateway: StartGateway, audit: Log, echo: Echo
) -> None:
    people = ("member", "impersonator", "administrator")
    bound, address = free_socket()
    async with start_gateway(identity_url=address) as gateway:
        async with served(audit.app, bound):
            for who in people:
                async with gateway.client(who) as client:
                    assert (await client.get(PROJECT)).status_code == 200
        before, found = len(echo.seen), {}
        for who in people:
            async with gateway.client(who) as client:
                found[who] = (await client.post(GRANT, json={})).status_code
    assert found == {"member": 200, "impersonator": 503, "administrator": 503}
    assert len(echo.seen) == before + 1


async def test_reading_members_and_what_identity_writes_down_itself_leave_nothing(
    logged: Gateway, audit: Log
) -> None:
    quiet = {
        "impersonator": [("GET", PROJECT), ("HEAD", PROJECT), ("PATCH", "/v1/workspace")],
        "administrator": [("GET", GRANT), ("POST", PROJECT), ("PUT", "/v1/admin/users/x/ban")],
        "member": [("POST", PROJECT), ("DELETE", PROJECT), ("POST", GRANT)],
    }
    for who, calls in quiet.items():
        async with logged.client(who) as client:
            for method, path in calls:
                answer: httpx.Response = await client.request(method, path)
                assert answer.status_code < 500, (who, method, path)
    assert audit.calls == []


@pytest.mark.parametrize(
    "path", [GRANT, "/v1/admin/invoices", "/v1/admin/affiliate/payouts", "/v1/admin/mails/x/lift"]
)
def test_every_administrative_write_outside_identity_is_recorded(path: str) -> None:
    route = find_route(path)
    assert route is not None
    assert is_recorded(ADMINISTRATOR, route, "POST")
    assert not is_recorded(MEMBER, route, "POST")
