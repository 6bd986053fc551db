"""Who is calling: asked of the real identity, kept while true, forgotten when it is not."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import jwt
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.testing import KeyPair
from contracts.identity import SessionsRevoked, WorkspaceSuspended
from services.gateway.credentials import Credential
from tests.gateway.conftest import PASSWORD, Gateway, Person, Publish, StartGateway, until
from tests.gateway.serving import closed_address, served
from tests.support.services import make_caller


class CountingIdentity:
    """Knows one caller, counts the questions, and answers when it is let."""

    def __init__(self) -> None:
        self.questions = 0
        self.answering = asyncio.Event()
        self.caller = make_caller()
        self.app = Starlette(routes=[Route("/internal/principals", self.ask, methods=["POST"])])

    async def ask(self, request: Request) -> Response:
        self.questions += 1
        await self.answering.wait()
        if (await request.json())["session_token"] != "known":
            return JSONResponse({"code": "unauthenticated"}, status_code=401)
        caller = self.caller.model_dump(mode="json")
        return JSONResponse({"caller": caller, "expires_at": None})


@pytest.fixture
async def counting() -> CountingIdentity:
    return CountingIdentity()


@pytest.fixture
async def counted(
    start_gateway: StartGateway, counting: CountingIdentity
) -> AsyncIterator[Gateway]:
    async with served(counting.app) as address, start_gateway(identity_url=address) as gateway:
        yield gateway


async def test_nobody_without_a_credential_passes_and_a_session_does(
    gateway: Gateway, kari: Person
) -> None:
    async with gateway.client() as anonymous:
        assert (await anonymous.get("/v1/projects")).status_code == 401
    for forged in ("x" * 43, kari.session[:-1], kari.session + "A"):
        async with gateway.client(forged) as client:
            answer = await client.get("/v1/projects")
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    async with gateway.client(kari.session) as client:
        me = await client.get("/v1/members/me")
    assert me.json()["member"]["email"] == kari.email


async def test_an_api_key_wins_over_a_cookie_and_ends_when_it_is_revoked(
    gateway: Gateway, member: httpx.AsyncClient
) -> None:
    made = await member.post("/v1/api-keys", json={"name": "ci", "scopes": ["projects:read"]})
    key, key_id = made.json()["key"], made.json()["id"]
    foreign = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
    async with gateway.client("forged", authorization=f"Bearer {key}", **foreign) as program:
        assert (await program.post("/v1/projects", json={})).status_code == 200
        assert (await member.delete(f"/v1/api-keys/{key_id}")).status_code == 204
        await _until_refused(program, seconds=1)


async def test_signing_out_counts_at_once_in_this_replica_and_soon_in_the_others(
    gateway: Gateway, start_gateway: StartGateway, kari: Person
) -> None:
    async with (
        start_gateway() as other,
        gateway.client(kari.session) as here,
        other.client(kari.session) as there,
    ):
        assert (await here.get("/v1/projects")).status_code == 200
        assert (await there.get("/v1/projects")).status_code == 200
        assert (await here.post("/v1/auth/sign-out")).status_code == 204
        assert (await here.get("/v1/projects")).status_code == 401
        await _until_refused(there, seconds=1)


async def test_signing_in_again_works_at_once(gateway: Gateway, kari: Person) -> None:
    async with gateway.client() as client:
        body = {"email": kari.email, "password": PASSWORD}
        signed_in = await client.post("/v1/auth/sign-in", json=body)
        assert signed_in.status_code == 200
        assert signed_in.headers["set-cookie"].startswith("session=")
        assert (await client.get("/v1/projects")).status_code == 200


async def test_many_requests_at_once_ask_identity_once(
    counted: Gateway, counting: CountingIdentity
) -> None:
    async with counted.client("known") as client:
        waiting = [asyncio.create_task(client.get("/v1/projects")) for _ in range(20)]
        async with asyncio.timeout(5):
            while counting.questions == 0:
                await asyncio.sleep(0.01)
        waiting[0].cancel()
        await asyncio.sleep(0.1)
        counting.answering.set()
        answers = await asyncio.gather(*waiting[1:])
        assert {answer.status_code for answer in answers} == {200}
        assert (await client.get("/v1/projects")).status_code == 200
    assert counting.questions == 1


async def test_a_wrong_credential_is_asked_about_once_in_a_while(
    counted: Gateway, counting: CountingIdentity
) -> None:
    counting.answering.set()
    async with counted.client("wrong") as client:
        for _ in range(10):
            assert (await client.get("/v1/projects")).status_code == 401
    assert counting.questions == 1


async def test_an_answer_given_while_somebody_is_revoked_is_not_kept(
    counted: Gateway, counting: CountingIdentity, publish: Publish
) -> None:
    streams = counted.state.progress.streams
    async with counted.client("known") as client:
        first = asyncio.create_task(client.get("/v1/projects"))
        async with asyncio.timeout(5):
            while counting.questions == 0:
                await asyncio.sleep(0.01)
        revoked = SessionsRevoked(workspace_id=uuid4(), member_id=counting.caller.member_id)
        await publish(revoked)
        await until(lambda: str(revoked.event_id) in streams._recent_ids, 2)
        counting.answering.set()
        assert (await first).status_code == 200
        assert (await client.get("/v1/projects")).status_code == 200
    assert counting.questions == 2


async def test_a_suspended_workspace_is_asked_about_again_within_a_second(
    counted: Gateway, counting: CountingIdentity, publish: Publish
) -> None:
    counting.answering.set()
    async with counted.client("known") as client:
        await client.get("/v1/projects")
        workspace_id = counting.caller.workspace_id
        await publish(WorkspaceSuspended(workspace_id=workspace_id, reason="unpaid"))
        async with asyncio.timeout(1):
            while counting.questions < 2:
                await client.get("/v1/projects")


async def test_the_token_is_renewed_before_it_ends(
    counted: Gateway, counting: CountingIdentity
) -> None:
    counting.answering.set()
    sessions = counted.state.admission.sessions
    principal = await sessions.find(Credential(session_token="known"))
    first = sessions.token(principal, "imaging")
    assert sessions.token(principal, "imaging") == first
    _, until = principal.tokens["imaging"]
    principal.tokens["imaging"] = first, until - 45
    # The token says when it was made, in whole seconds.
    await asyncio.sleep(1.1)
    assert sessions.token(principal, "imaging") != first


async def test_the_token_of_one_service_is_none_for_another(
    counted: Gateway, counting: CountingIdentity, key_pair: KeyPair
) -> None:
    counting.answering.set()
    sessions = counted.state.admission.sessions
    principal = await sessions.find(Credential(session_token="known"))
    told = jwt.decode(
        sessions.token(principal, "imaging"),
        key_pair.public_key,
        algorithms=["EdDSA"],
        audience="imaging",
    )
    assert told["caller"]["member_id"] == str(counting.caller.member_id)
    assert sessions.token(principal, "video") != sessions.token(principal, "imaging")


async def test_a_401_from_a_service_drops_what_we_thought_we_knew(
    counted: Gateway, counting: CountingIdentity
) -> None:
    counting.answering.set()
    async with counted.client("known") as client:
        assert (await client.get("/v1/projects/expired")).status_code == 401
        assert (await client.get("/v1/projects")).status_code == 200
    assert counting.questions == 2


async def test_while_identity_is_down_known_callers_pass_and_new_ones_hear_503(
    start_gateway: StartGateway, counting: CountingIdentity, kari: Person
) -> None:
    counting.answering.set()
    async with start_gateway(identity_url=closed_address()) as gateway:
        async with gateway.client(kari.session) as client:
            answer = await client.get("/v1/projects")
            assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        async with gateway.client() as vendor:
            assert (await vendor.post("/webhooks/stripe", content=b"{}")).status_code == 200


async def _until_refused(client: httpx.AsyncClient, *, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while (await client.get("/v1/projects")).status_code != 401:
            await asyncio.sleep(0.02)
