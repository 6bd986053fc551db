"""How often: exact also when everybody calls at once, and told in headers."""

import asyncio
import json
import time
from collections import Counter
from uuid import uuid4

import httpx
import pytest
from limits import RateLimitItemPerMinute
from limits.aio.strategies import MovingWindowRateLimiter

from services.gateway.limits import Policy
from services.gateway.windows import WindowStorage
from tests.gateway.conftest import Gateway, Person, StartGateway
from tests.gateway.serving import closed_address


async def statuses(
    client: httpx.AsyncClient, count: int, path: str = "/v1/projects"
) -> Counter[int]:
    answers = await asyncio.gather(*(client.get(path) for _ in range(count)))
    return Counter(answer.status_code for answer in answers)


async def test_exactly_the_limit_passes_when_fifty_call_at_once(
    start_gateway: StartGateway, kari: Person
) -> None:
    plans = {"free": 30, "pro": 40, "enterprise": 50}
    async with (
        start_gateway(calls_per_minute=plans) as gateway,
        gateway.client(kari.session) as client,
    ):
        assert await statuses(client, 50) == {200: 30, 429: 20}
        refused = await client.get("/v1/projects")
        assert refused.json()["code"] == "too_many_requests"
        assert refused.headers["ratelimit-policy"] == '"calls";q=30;w=60'
        assert refused.headers["ratelimit"].startswith('"calls";r=0;t=')
        assert 1 <= int(refused.headers["retry-after"]) <= 61


async def test_allowed_calls_say_what_is_left(start_gateway: StartGateway, kari: Person) -> None:
    async with (
        start_gateway(calls_per_minute={"free": 5}) as gateway,
        gateway.client(kari.session) as client,
    ):
        first, second = await client.get("/v1/projects"), await client.get("/v1/projects")
    assert first.headers["ratelimit"].split(";")[1] == "r=4"
    assert second.headers["ratelimit"].split(";")[1] == "r=3"


async def test_one_member_does_not_use_up_anothers_calls(
    start_gateway: StartGateway, gateway: Gateway, kari: Person
) -> None:
    body = {"name": "Ola", "email": f"{uuid4().hex}@example.com", "password": "long enough"}
    async with gateway.client() as client:
        ola = (await client.post("/v1/auth/sign-up", json=body)).cookies["session"]
    async with (
        start_gateway(calls_per_minute={"free": 3}) as limited,
        limited.client(kari.session) as greedy,
        limited.client(ola) as modest,
    ):
        assert (await statuses(greedy, 5))[429] == 2
        assert (await modest.get("/v1/projects")).status_code == 200


async def test_vendors_are_never_told_to_slow_down(start_gateway: StartGateway) -> None:
    settings = {"calls_per_minute": {"free": 1}, "anonymous_calls_per_minute": 1}
    async with start_gateway(**settings) as gateway, gateway.client() as vendor:
        answers = [await vendor.post("/webhooks/stripe", content=b"{}") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}


async def test_guessing_one_accounts_password_stops_for_everybody_who_guesses_and_nobody_else(
    start_gateway: StartGateway, kari: Person
) -> None:
    victim = f"{uuid4().hex}@example.com"
    async with start_gateway(sign_ins_per_account=10) as gateway, gateway.client() as client:

        async def guess(number: int) -> int:
            spelled = victim.upper() if number % 2 else f" {victim}"
            body = {"email": spelled, "password": f"guess number {number}"}
            return (await client.post("/v1/auth/sign-in", json=body)).status_code

        outcome = Counter(await asyncio.gather(*(guess(number) for number in range(30))))
        assert outcome[429] == 20
        body = {"email": kari.email, "password": "correct horse battery"}
        assert (await client.post("/v1/auth/sign-in", json=body)).status_code == 200


def spellings(email: str) -> list[bytes]:
    """Bodies that identity takes for one account."""
    local, _, domain = email.partition("@")
    wide = str.maketrans({letter: chr(ord(letter) + 0xFEE0) for letter in "abcdefexample"})
    spelled = [
        email.upper(),
        f"  {email}",
        f"{local.translate(wide)}@{domain}",
        f"{local}@{domain.translate(wide)}",
        f"{local}@{domain.replace('.', '。')}",
        f"Kari <{email}>",
        f"Ola <{email.upper()}>",
    ]
    bodies = [json.dumps({"email": each, "password": "a wrong guess"}) for each in spelled]
    twice = f'{{"email": "other@example.com", "email": "{email}", "password": "a wrong guess"}}'
    return [*(body.encode() for body in bodies), twice.encode(), bodies[1].encode("utf-16")]


async def test_guessing_stops_however_the_address_is_spelled(
    start_gateway: StartGateway, kari: Person
) -> None:
    headers = {"content-type": "application/json"}
    every = spellings(kari.email)
    async with start_gateway() as gateway, gateway.client() as client:
        for body in every:
            answer = await client.post("/v1/auth/sign-in", content=body, headers=headers)
            assert answer.status_code == 401, (body, answer.text)
    async with start_gateway(sign_ins_per_account=2) as gateway, gateway.client() as client:
        outcome = Counter[int]()
        for body in every:
            answer = await client.post("/v1/auth/sign-in", content=body, headers=headers)
            outcome[answer.status_code] += 1
    assert outcome == {401: 2, 429: len(every) - 2}


async def test_one_address_cannot_try_many_accounts(start_gateway: StartGateway) -> None:
    async with start_gateway(sign_ins_per_address=5) as gateway, gateway.client() as client:

        async def guess() -> int:
            body = {"email": f"{uuid4().hex}@example.com", "password": "guess guess"}
            return (await client.post("/v1/auth/sign-in", json=body)).status_code

        assert Counter([await guess() for _ in range(8)])[429] == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"null",
        b'{"email":7}',
        rb'{"email":"\ud800","password":"x"}',
        b"[" * 15000,
    ],
)
async def test_a_malformed_sign_in_is_identitys_to_refuse(gateway: Gateway, body: bytes) -> None:
    async with gateway.client() as client:
        headers = {"content-type": "application/json"}
        answer = await client.post("/v1/auth/sign-in", content=body, headers=headers)
    assert 400 <= answer.status_code < 500


async def test_who_shows_many_wrong_credentials_is_not_asked_about_any_more(
    start_gateway: StartGateway, kari: Person
) -> None:
    async with start_gateway(unknown_credentials_per_minute=5) as gateway:
        seen: Counter[int] = Counter()
        for _ in range(8):
            async with gateway.client(uuid4().hex) as guesser:
                seen[(await guesser.get("/v1/projects")).status_code] += 1
        assert seen == {401: 5, 429: 3}


async def test_replicas_that_share_their_counts_let_exactly_the_limit_pass(
    start_gateway: StartGateway, kari: Person, shared_counts: str
) -> None:
    settings = {"calls_per_minute": {"free": 30}, "limits_storage_url": shared_counts}
    async with (
        start_gateway(**settings) as one,
        start_gateway(**settings) as other,
        one.client(kari.session) as here,
        other.client(kari.session) as there,
    ):
        both = await asyncio.gather(statuses(here, 25), statuses(there, 25))
    assert both[0] + both[1] == {200: 30, 429: 20}


async def test_while_the_shared_counts_are_away_a_replica_counts_alone(
    start_gateway: StartGateway, kari: Person
) -> None:
    away = closed_address().replace("http", "async+valkey")
    settings = {"calls_per_minute": {"free": 3}, "limits_storage_url": away}
    async with start_gateway(**settings) as gateway, gateway.client(kari.session) as client:
        assert await statuses(client, 5) == {200: 3, 429: 2}


async def test_windows_move_and_are_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    storage = WindowStorage()
    limiter, item = MovingWindowRateLimiter(storage), RateLimitItemPerMinute(2)
    assert [await limiter.hit(item, "a") for _ in range(3)] == [True, True, False]
    now += 59.9
    assert not await limiter.hit(item, "a")
    now += 0.2
    assert await limiter.hit(item, "a")
    now += 200
    assert await limiter.hit(item, "b")
    assert len(storage._accepted) == 1


async def test_a_window_counts_the_same_in_one_step_as_through_the_library() -> None:
    limiter = MovingWindowRateLimiter(storage := WindowStorage())
    policy = Policy("calls", 3)
    key = policy.key_for("member:x")
    assert key == policy.item.key_for("member:x")
    for left in (2, 1, 0):
        accepted, window = storage.count(key, 3, policy.seconds)
        assert (accepted, window.remaining) == (True, left)
        assert await limiter.get_window_stats(policy.item, "member:x") == window
    refused, window = storage.count(key, 3, policy.seconds)
    assert (refused, window.remaining) == (False, 0)
    assert not await limiter.hit(policy.item, "member:x")
    await limiter.clear(policy.item, "member:x")
    assert storage.count(key, 3, policy.seconds)[0]
