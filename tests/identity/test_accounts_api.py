"""Signing up, in and out, as the gateway passes it on."""

import asyncio
import statistics
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from pwdlib.hashers.bcrypt import BcryptHasher
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from chassis.database import SystemScope
from chassis.settings import StorageSettings
from chassis.testing import emitted
from contracts.identity import MemberJoined, SessionsRevoked, WorkspaceCreated
from services.identity.accounts.schemas import SignUp
from services.identity.accounts.use_cases.founding import ensure_system_admin
from services.identity.app import create_app
from services.identity.providers.passwords import Passwords
from services.identity.settings import Settings
from services.identity.tables import AccountRow, SessionRow, UserRow
from tests.identity.conftest import PASSWORD, Identity, Person
from tests.support.services import ServiceUnderTest


async def test_signing_up_makes_a_workspace_and_its_owner(identity: Identity) -> None:
    email = f"Kari.{uuid4().hex}@Example.com"
    body = {"name": "Kari", "email": email, "password": PASSWORD, "referral_code": "ABC"}
    answer = await identity.anonymous.post("/v1/auth/sign-up", json=body)
    identity.anonymous.cookies.clear()
    me = answer.json()
    assert me["workspace"]["name"] == "Kari's Workspace"
    assert (me["workspace"]["plan"], me["workspace"]["status"]) == ("free", "active")
    assert me["member"]["role"] == "owner"
    assert me["member"]["email"] == email.lower()
    async with identity.database.transaction(SystemScope(UUID(me["workspace"]["id"]))) as session:
        [created] = await emitted(session, WorkspaceCreated)
        [joined] = await emitted(session, MemberJoined)
    assert created.referral_code == "ABC"
    assert str(created.owner_id) == me["member"]["id"]
    assert created.actor.id == joined.member_id == created.owner_id


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "seven77"},
        {"password": "x" * 129},
        {"email": "nobody"},
        {"name": "  "},
    ],
)
async def test_a_sign_up_that_is_not_valid_is_refused(
    identity: Identity, wrong: dict[str, str]
) -> None:
    body = {"name": "Kari", "email": f"{uuid4().hex}@example.com", "password": PASSWORD, **wrong}
    answer = await identity.anonymous.post("/v1/auth/sign-up", json=body)
    assert answer.status_code == 422
    assert wrong.get("password", "\0") not in answer.text


async def test_the_cookie_is_locked_to_the_host_when_secure(
    services: ServiceUnderTest,
    identity: Identity,
    kari: Person,
    storage_settings: StorageSettings,
) -> None:
    settings = services.settings(Settings, password_threads=1, sign_up_signs_in=True)
    app = create_app(settings, storage_settings)
    body = {"email": kari.email, "password": PASSWORD}
    answer = await services.client(app).post("/v1/auth/sign-in", json=body)
    await app.state.database.close()
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-session=")
    for attribute in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie


async def test_one_address_makes_one_account_however_it_is_written(identity: Identity) -> None:
    local = uuid4().hex
    spellings = [f"{local}@example.com", f"{local.upper()}@example.com", f"{local}@EXAMPLE.com"]
    answers = await asyncio.gather(
        *(
            identity.anonymous.post(
                "/v1/auth/sign-up", json={"name": "Kari", "email": email, "password": PASSWORD}
            )
            for email in spellings * 2
        )
    )
    identity.anonymous.cookies.clear()
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409, 409, 409]
    refused = next(a for a in answers if a.status_code == 409)
    assert refused.json()["code"] == "sign_up_refused"
    assert "set-cookie" not in refused.headers


async def test_signing_in_gives_another_token_and_signing_out_ends_it(
    identity: Identity, kari: Person
) -> None:
    answer = await identity.anonymous.post(
        "/v1/auth/sign-in",
        json={"email": kari.email.upper(), "password": PASSWORD},
        headers={"x-forwarded-for": "192.0.2.7", "user-agent": "Firefox"},
    )
    identity.anonymous.cookies.clear()
    token = answer.cookies["session"]
    assert token != kari.token
    caller, client = await identity.recognise(token)
    listed = (await client.get("/v1/sessions")).json()["items"]
    assert [s["current"] for s in listed] == [True, False]
    assert (listed[0]["ip_address"], listed[0]["user_agent"]) == ("192.0.2.7", "Firefox")
    assert (await client.post("/v1/auth/sign-out")).status_code == 204
    assert (await identity.ask_principal(session_token=token)).status_code == 401
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 200
    async with identity.database.transaction(caller) as session:
        [revoked] = await emitted(session, SessionsRevoked)
    assert revoked.session_ids == (caller.session_id,)


async def test_sign_in_says_the_same_of_a_wrong_password_and_an_unknown_address(
    identity: Identity, kari: Person
) -> None:
    answers = [
        await identity.anonymous.post("/v1/auth/sign-in", json=body)
        for body in (
            {"email": kari.email, "password": "not it at all"},
            {"email": f"{uuid4().hex}@example.com", "password": "not it at all"},
        )
    ]
    assert [a.status_code for a in answers] == [401, 401]
    bodies = [{**a.json(), "trace_id": None} for a in answers]
    assert bodies[0] == bodies[1]
    assert bodies[0]["code"] == "wrong_credentials"


async def test_an_unknown_address_costs_as_much_time_as_a_wrong_password() -> None:
    passwords = Passwords(1)
    stored = await passwords.hash(PASSWORD)
    spent: dict[str | None, list[float]] = {stored: [], None: []}
    for _ in range(15):
        for known in (stored, None):
            began = time.process_time()
            assert await passwords.verify("not it at all", known) == (False, None)
            spent[known].append(time.process_time() - began)
    ratio = statistics.median(spent[None]) / statistics.median(spent[stored])
    assert 0.5 < ratio < 2


async def test_who_would_wait_too_long_for_a_turn_is_told_to_come_back(
    identity: Identity, kari: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.identity.providers.passwords.WAIT_SECONDS", 0)
    body = {"email": kari.email, "password": PASSWORD}
    answer = await identity.anonymous.post("/v1/auth/sign-in", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "passwords_busy")


async def test_an_old_bcrypt_hash_lets_in_and_is_upgraded(identity: Identity) -> None:
    long_password = "x" * 100
    kari = await identity.person(password=long_password)
    old = BcryptHasher(rounds=4).hash(long_password[:72])
    mine = AccountRow.user_id == kari.caller.member_id
    async with identity.database.transaction(kari.caller) as session:
        await session.execute(update(AccountRow).where(mine).values(password_hash=old))
    body = {"email": kari.email, "password": long_password}
    assert (await identity.anonymous.post("/v1/auth/sign-in", json=body)).status_code == 200
    async with identity.database.transaction(kari.caller) as session:
        stored = await session.scalar(select(AccountRow.password_hash).where(mine))
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert (await identity.anonymous.post("/v1/auth/sign-in", json=body)).status_code == 200
    identity.anonymous.cookies.clear()


async def test_somebody_banned_is_kept_out_until_the_ban_ends(
    identity: Identity, kari: Person
) -> None:
    async def ban(until: datetime | None) -> None:
        async with identity.database.transaction(kari.caller) as session:
            await session.execute(
                update(UserRow)
                .where(UserRow.id == kari.caller.member_id)
                .values(banned=True, ban_expires_at=until)
            )

    body = {"email": kari.email, "password": PASSWORD}
    await ban(None)
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 401
    refused = await identity.anonymous.post("/v1/auth/sign-in", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "banned")
    await ban(datetime.now(UTC) - timedelta(seconds=1))
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 200


async def test_no_secret_is_stored_in_the_clear(identity: Identity, kari: Person) -> None:
    async with identity.database.transaction(kari.caller) as session:
        row = await session.scalar(
            select(SessionRow).where(SessionRow.id == kari.caller.session_id)
        )
        password_hash = await session.scalar(
            select(AccountRow.password_hash).where(AccountRow.user_id == kari.caller.member_id)
        )
    assert row is not None
    assert len(row.token_hash) == 32
    assert kari.token.encode() not in row.token_hash
    assert password_hash is not None
    assert PASSWORD not in password_hash


async def test_the_first_administrator_is_made_once_and_nobody_is_promoted(
    identity: Identity, kari: Person
) -> None:
    passwords = Passwords(1)
    email = f"{uuid4().hex}@example.com"
    wanted = SignUp(name="Admin", email=email, password=PASSWORD)
    await asyncio.gather(
        *(ensure_system_admin(identity.database, passwords, wanted) for _ in range(3))
    )
    taken = SignUp(name="Admin", email=kari.email, password="another password")
    await ensure_system_admin(identity.database, passwords, taken)
    async with identity.database.across_workspaces() as session:
        admins = list(await session.scalars(select(UserRow).where(UserRow.email == email)))
        [other] = await session.scalars(select(UserRow).where(UserRow.email == kari.email))
    assert [a.is_system_admin for a in admins] == [True]
    assert not other.is_system_admin


async def test_a_workspace_cannot_have_two_owners(identity: Identity, kari: Person) -> None:
    second = UserRow(
        workspace_id=kari.workspace_id,
        name="Ola",
        email=f"{uuid4().hex}@example.com",
        role="owner",
    )
    with pytest.raises(IntegrityError, match="user_one_owner"):
        async with identity.database.transaction(kari.caller) as session:
            session.add(second)
