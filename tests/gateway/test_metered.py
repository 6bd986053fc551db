"""Limits of single operations: generations, uploads, and guesses at one's own password."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from contracts.billing import ProjectPaid
from services.gateway.metered import meter_of
from services.gateway.settings import Settings
from tests.gateway.conftest import PASSWORD, PLENTY, Gateway, Person, Publish, StartGateway, until
from tests.gateway.serving import served
from tests.gateway.test_sessions import CountingIdentity

SEED = {
    name: Settings.model_fields[name].default
    for name in ("generations_per_hour", "uploads_per_day")
}
START = f"/v1/projects/{uuid4()}/start"
UPLOAD = f"/v1/projects/{uuid4()}/uploads"


async def statuses(client: httpx.AsyncClient, path: str, count: int, **body: Any) -> Counter[int]:
    answers = await asyncio.gather(*(client.post(path, json=body) for _ in range(count)))
    return Counter(answer.status_code for answer in answers)


def paid(workspace_id: UUID) -> ProjectPaid:
    return ProjectPaid(
        workspace_id=workspace_id,
        payment_id=uuid4(),
        billable_kind="photo_project",
        billable_id=uuid4(),
        method="stripe",
        amount_minor_units=9900,
        currency="usd",
    )


async def until_heard(gateway: Gateway, fact: ProjectPaid) -> None:
    known = gateway.state.progress.streams._recent
    await until(lambda: any(heard.event_id == str(fact.event_id) for heard in known))


def test_a_free_workspace_has_the_limits_it_was_promised() -> None:
    free = {name: plans["free"] for name, plans in SEED.items()}
    calls = Settings.model_fields["calls_per_minute"].default["free"]
    assert (free, calls) == ({"generations_per_hour": 10, "uploads_per_day": 50}, 100)
    for plans in SEED.values():
        assert plans["free"] < plans["pro"] < plans["enterprise"]


@pytest.mark.parametrize(
    ("method", "path", "meter"),
    [
        ("POST", START, "generations"),
        ("POST", f"/v1/projects/{uuid4()}/retry", "generations"),
        ("POST", f"/v1/clips/{uuid4()}/retry", "generations"),
        ("POST", f"/v1/clips/{uuid4()}/remake", "generations"),
        ("PATCH", f"/v1/clips/{uuid4()}", None),
        ("POST", UPLOAD, "uploads"),
        ("POST", "/v1/auth/password/change", "password"),
        ("POST", "/v1/projects", None),
        ("POST", "/v1/projects/a/b/start", None),
        ("POST", f"/v1/uploads/{uuid4()}/confirm", None),
        ("GET", UPLOAD, None),
        ("POST", "/v1/payments", None),
    ],
)
def test_what_a_call_uses_up(method: str, path: str, meter: str | None) -> None:
    assert meter_of(method, path) == meter


async def test_ten_generations_an_hour_pass_when_thirty_are_asked_for_at_once(
    start_gateway: StartGateway, kari: Person
) -> None:
    async with (
        start_gateway(generations_per_hour=SEED["generations_per_hour"]) as gateway,
        gateway.client(kari.session) as client,
    ):
        clip = f"/v1/clips/{uuid4()}"
        paths = (START, f"/v1/projects/{uuid4()}/retry", f"{clip}/retry", f"{clip}/remake")
        found = await asyncio.gather(*(statuses(client, path, 10) for path in paths))
        assert sum(found, Counter()) == {200: 10, 429: 30}
        refused = await client.post(START)
        assert refused.json()["code"] == "too_many_generations"
        assert refused.headers["ratelimit-policy"] == '"generations";q=10;w=3600'
        assert refused.headers["ratelimit"].startswith('"generations";r=0;t=')
        assert 3500 < int(refused.headers["retry-after"]) <= 3601
        assert (await client.post(UPLOAD)).status_code == 200
        assert (await client.get("/v1/projects")).status_code == 200


async def test_fifty_uploads_a_day_pass_and_the_answers_say_what_is_left(
    start_gateway: StartGateway, kari: Person
) -> None:
    async with (
        start_gateway(uploads_per_day=SEED["uploads_per_day"]) as gateway,
        gateway.client(kari.session) as client,
    ):
        first = await client.post(UPLOAD)
        assert '"uploads";r=49;t=86' in first.headers["ratelimit"]
        assert '"uploads";q=50;w=86400' in first.headers["ratelimit-policy"]
        assert '"calls";' in first.headers["ratelimit"]
        assert await statuses(client, UPLOAD, 60) == {200: 49, 429: 11}
        refused = await client.post("/v1/workspace/logo-uploads", json={})
        assert refused.json()["code"] == "too_many_uploads"
        assert 86_000 < int(refused.headers["retry-after"]) <= 86_401


async def test_whoever_pays_for_a_project_may_upload_the_next_one(
    start_gateway: StartGateway, kari: Person, publish: Publish
) -> None:
    """Three projects of twenty photos on one day are more than fifty, and each is paid for."""
    async with (
        start_gateway(uploads_per_day={"free": 20}) as gateway,
        gateway.client(kari.session) as client,
    ):
        assert await statuses(client, UPLOAD, 25) == {200: 20, 429: 5}
        await publish(paid(uuid4()), told := paid(kari.workspace_id))
        await until_heard(gateway, told)
        assert await statuses(client, UPLOAD, 25) == {200: 20, 429: 5}


@pytest.fixture
async def of_a_plan(start_gateway: StartGateway) -> Callable[..., Any]:
    """How many of ten generations pass for somebody of this plan and standing."""

    async def passed(**claims: str) -> int:
        identity = CountingIdentity()
        identity.answering.set()
        identity.caller = identity.caller.model_copy(update=claims)
        plans = {"free": 2, "pro": 4, "enterprise": 6}
        async with (
            served(identity.app) as address,
            start_gateway(identity_url=address, generations_per_hour=plans) as gateway,
            gateway.client("known") as client,
        ):
            return (await statuses(client, START, 10))[200]

    return passed


@pytest.mark.parametrize(
    ("plan", "status", "expected"),
    [
        ("free", "active", 2),
        ("pro", "active", 4),
        ("enterprise", "active", 6),
        ("enterprise", "trial", 2),
    ],
)
async def test_a_plan_allows_more_and_a_trial_does_not(
    of_a_plan: Callable[..., Any], plan: str, status: str, expected: int
) -> None:
    assert await of_a_plan(plan=plan, workspace_status=status) == expected


async def test_replicas_that_share_their_counts_let_exactly_so_many_uploads_pass(
    start_gateway: StartGateway, kari: Person, publish: Publish, shared_counts: str
) -> None:
    settings = {"uploads_per_day": {"free": 50}, "limits_storage_url": shared_counts}
    async with (
        start_gateway(**settings) as one,
        start_gateway(**settings) as other,
        one.client(kari.session) as here,
        other.client(kari.session) as there,
    ):
        for _ in range(2):
            both = await asyncio.gather(statuses(here, UPLOAD, 40), statuses(there, UPLOAD, 40))
            assert both[0] + both[1] == {200: 50, 429: 30}
            await publish(told := paid(kari.workspace_id))
            await until_heard(one, told)
            await until_heard(other, told)


async def test_a_stolen_session_guesses_its_password_no_more_often_than_a_stranger(
    start_gateway: StartGateway, kari: Person, sign_up: Callable[[], Any]
) -> None:
    ola = await sign_up()
    async with (
        start_gateway(sign_ins_per_account=10) as gateway,
        gateway.client(kari.session) as thief,
        gateway.client(ola.session) as other,
    ):
        guess = {"password": "a wrong guess", "new_password": "long enough"}
        mail = {"password": "a wrong guess", "email": f"{uuid4().hex}@example.com"}
        found = await asyncio.gather(
            statuses(thief, "/v1/auth/password/change", 50, **guess),
            statuses(thief, "/v1/auth/email/change", 50, **mail),
        )
        assert found[0] + found[1] == {401: 10, 429: 90}
        refused = await thief.post("/v1/auth/password/change", json=guess)
        assert refused.headers["ratelimit-policy"] == '"password";q=10;w=900'
        assert 1 <= int(refused.headers["retry-after"]) <= 901
        # Neither the victim's way in nor anybody else's change of password is in the way.
        body = {"email": kari.email, "password": PASSWORD}
        assert (await thief.post("/v1/auth/sign-in", json=body)).status_code == 200
        change = {"password": PASSWORD, "new_password": "another one"}
        assert (await other.post("/v1/auth/password/change", json=change)).status_code == 204


async def test_a_leaked_key_does_not_keep_its_maker_from_changing_the_password(
    start_gateway: StartGateway, kari: Person
) -> None:
    settings = {"sign_ins_per_account": 3, "calls_per_minute": {"free": PLENTY}}
    async with start_gateway(**settings) as gateway, gateway.client(kari.session) as client:
        made = await client.post("/v1/api-keys", json={"name": "k", "scopes": ["projects:read"]})
        async with gateway.client(authorization=f"Bearer {made.json()['key']}") as program:
            change = {"password": PASSWORD, "new_password": "another one"}
            assert await statuses(program, "/v1/auth/password/change", 10, **change) == {403: 10}
        answer = await client.post("/v1/auth/password/change", json=change)
        assert answer.status_code == 204
