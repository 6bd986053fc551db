"""Ways people try to get in: forged tokens, fixed sessions, talkative answers, odd addresses."""

import statistics
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError
from sqlalchemy import select, update

from chassis.answers import IdempotencyRow
from chassis.testing import KeyPair, make_key_pair
from services.identity.settings import Settings
from services.identity.tables import SessionRow
from tests.identity.conftest import PASSWORD, Identity, Person


def claims_of(person: Person, **changes: object) -> dict[str, object]:
    now = int(time.time())
    return {
        "iss": "gateway",
        "aud": "identity",
        "iat": now,
        "exp": now + 60,
        "caller": person.caller.model_dump(mode="json"),
        **changes,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "internal"},
        {"aud": "imaging"},
        {"aud": "partners"},
        {"iss": "identity"},
        {"exp": int(time.time()) - 60},
        {"caller": {}},
        {"caller": None},
    ],
)
async def test_a_token_for_something_else_is_nobodys(
    identity: Identity, kari: Person, key_pair: KeyPair, changes: dict[str, object]
) -> None:
    token = jwt.encode(claims_of(kari, **changes), key_pair.private_key, algorithm="EdDSA")
    answer = await identity.anonymous.get(
        "/v1/members/me", headers={"authorization": f"Bearer {token}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_token_by_another_key_or_by_none_is_nobodys(
    identity: Identity, kari: Person, key_pair: KeyPair
) -> None:
    claims = claims_of(kari)
    stranger = make_key_pair().private_key
    tokens = [
        jwt.encode(claims, stranger, algorithm="EdDSA"),
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, "x" * 64, algorithm="HS256"),
        jwt.encode(claims, Ed25519PrivateKey.generate(), algorithm="EdDSA"),
    ]
    for token in tokens:
        answer = await identity.anonymous.get(
            "/v1/members/me", headers={"authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 401
    del key_pair


async def test_a_session_token_somebody_planted_is_never_adopted(
    identity: Identity, kari: Person
) -> None:
    planted = "planted-by-somebody-else-0123456789abcdef"
    body = {"email": kari.email, "password": PASSWORD}
    answer = await identity.anonymous.post(
        "/v1/auth/sign-in", json=body, headers={"cookie": f"session={planted}"}
    )
    identity.anonymous.cookies.clear()
    token = answer.cookies["session"]
    assert token not in (planted, kari.token)
    assert len(token) >= 43
    assert (await identity.ask_principal(session_token=planted)).status_code == 401


async def test_an_ended_session_and_an_ended_key_are_nobody(
    identity: Identity, kari: Person
) -> None:
    async with identity.database.transaction(kari.caller) as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(update(SessionRow).values(expires_at=past))
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 401


async def interleaved(
    identity: Identity, path: str, bodies: tuple[dict[str, str], dict[str, str]], pairs: int
) -> tuple[float, float, list[httpx.Response]]:
    """How many times longer the first of two requests took, by the processor's clock and by the
    wall's, medians of requests taken in turns; and their last answers.
    """
    spent: list[list[tuple[float, float]]] = [[], []]
    last: list[httpx.Response] = []
    for _ in range(pairs):
        last = []
        for place, body in enumerate(bodies):
            began = time.process_time(), time.perf_counter()
            last.append(await identity.anonymous.post(path, json=body))
            ended = time.process_time(), time.perf_counter()
            spent[place].append((ended[0] - began[0], ended[1] - began[1]))
    identity.anonymous.cookies.clear()
    cpu, wall = (
        statistics.median(one[clock] for one in spent[0])
        / statistics.median(one[clock] for one in spent[1])
        for clock in (0, 1)
    )
    return cpu, wall, last


@pytest.mark.parametrize(
    ("path", "more"),
    [("/v1/auth/sign-in", {"password": "not it at all"}), ("/v1/auth/password/forgot", {})],
)
async def test_neither_words_nor_time_tell_who_exists(
    identity: Identity, kari: Person, path: str, more: dict[str, str]
) -> None:
    bodies = (
        {"email": kari.email, **more},
        {"email": f"{uuid4().hex}@example.com", **more},
    )
    walls: list[float] = []
    # Others' work on this machine shifts the wall's clock in one round, a difference in all.
    while len(walls) < 5 and not (walls and 0.7 < walls[-1] < 1.4):
        cpu, wall, answers = await interleaved(identity, path, bodies, pairs=25)
        walls.append(wall)
        assert 0.75 < cpu < 1.33
        assert answers[0].status_code == answers[1].status_code
        assert answers[0].content == answers[1].content
        assert dict(answers[0].headers) == dict(answers[1].headers)
    assert 0.7 < walls[-1] < 1.4, walls


@pytest.mark.parametrize(
    "email",
    [
        "a@b@example.com",
        "a@example.com\r\nBcc: x@example.com",
        "a@example.com\x00",
        "<script>@example.com",
        "a b@example.com",
        "@example.com",
        "a@" + "x" * 300 + ".com",
    ],
)
async def test_an_odd_address_is_refused_and_breaks_nothing(identity: Identity, email: str) -> None:
    sign_up = {"name": "Kari", "email": email, "password": PASSWORD}
    for path, body in (
        ("/v1/auth/sign-up", sign_up),
        ("/v1/auth/sign-in", sign_up),
        ("/v1/auth/password/forgot", {"email": email}),
    ):
        answer = await identity.anonymous.post(path, json=body)
        assert answer.status_code == 422, (path, answer.text)
        assert PASSWORD not in answer.text


@pytest.mark.parametrize("missing", ["database_url", "rabbitmq_url", "caller_public_key"])
def test_identity_does_not_start_without_its_secrets(missing: str) -> None:
    known = {
        "database_url": "postgresql+asyncpg://canary-secret@h/d",
        "rabbitmq_url": "amqp://canary-secret@h/",
        "caller_public_key": make_key_pair().public_key,
    }
    del known[missing]
    with pytest.raises(ValidationError) as caught:
        Settings(**known)  # type: ignore[arg-type]
    assert "canary-secret" not in str(caught.value)


async def test_a_client_cannot_say_more_of_itself_than_an_address(
    identity: Identity, kari: Person
) -> None:
    odd = "1" * 500 + ", 198.51.100.9"
    answer = await identity.anonymous.post(
        "/v1/auth/sign-in",
        json={"email": kari.email, "password": PASSWORD},
        headers={"x-forwarded-for": odd, "user-agent": "x" * 5000},
    )
    identity.anonymous.cookies.clear()
    _, client = await identity.recognise(answer.cookies["session"])
    newest = (await client.get("/v1/sessions")).json()["items"][0]
    assert len(newest["ip_address"]) <= 64
    assert len(newest["user_agent"]) <= 400


async def test_a_secret_is_shown_once_and_kept_nowhere(identity: Identity, kari: Person) -> None:
    admin = await identity.administrator()
    impersonation = f"/v1/admin/users/{kari.caller.member_id}/impersonation"
    key = {"name": "k", "scopes": ["members:read"]}
    for client, path, body, secret in (
        (kari.client, "/v1/api-keys", key, "key"),
        (admin.client, impersonation, {"reason": "x"}, "return_token"),
    ):
        once = {"idempotency-key": uuid4().hex}
        first, again = [await client.post(path, json=body, headers=once) for _ in range(2)]
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.content == b""
        async with identity.database.across_workspaces() as session:
            kept = list(await session.scalars(select(IdempotencyRow.body)))
        assert all(first.json()[secret].encode() not in (body or b"") for body in kept)
    assert len((await kari.client.get("/v1/api-keys")).json()["items"]) == 1
