"""Administrators keep people out, and look at the product as somebody else, within fences."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, update

from chassis.testing import emitted
from contracts.identity import SessionsRevoked
from contracts.private import ImpersonationStarted
from services.identity.tables import AuditEntryRow, SessionRow, UserRow
from tests.identity.conftest import PASSWORD, Identity, Person

REASON = {"reason": "Ticket 4711"}


async def impersonate(admin: Person, person: Person, **body: object) -> httpx.Response:
    path = f"/v1/admin/users/{person.caller.member_id}/impersonation"
    return await admin.client.post(path, json={**REASON, **body})


async def test_an_impersonator_is_seen_told_of_and_on_the_record(
    identity: Identity, kari: Person
) -> None:
    admin = await identity.administrator()
    started = await impersonate(admin, kari)
    assert started.status_code == 201, started.text
    token = started.cookies["session"]
    assert token not in (admin.token, kari.token)
    caller, client = await identity.recognise(token)
    assert (caller.member_id, caller.impersonator_id) == (
        kari.caller.member_id,
        admin.caller.member_id,
    )
    assert not caller.is_system_admin
    me = (await client.get("/v1/members/me")).json()
    assert me["impersonator_id"] == str(admin.caller.member_id)
    [letter] = await identity.letters(ImpersonationStarted, kari.email)
    assert letter.reason == "Ticket 4711"
    await client.patch("/v1/workspace", json={"name": "Renamed"})
    async with identity.database.transaction(kari.caller) as session:
        rows = list(await session.scalars(select(AuditEntryRow).order_by(AuditEntryRow.position)))
    assert [row.action for row in rows] == ["impersonation.started", "workspace.edited"]
    for row in rows:
        assert row.actor["id"] == str(admin.caller.member_id)
    assert rows[1].actor["on_behalf_of"] == str(kari.caller.member_id)


async def test_stopping_returns_to_the_administrators_session_under_a_new_token(
    identity: Identity, kari: Person
) -> None:
    admin = await identity.administrator()
    started = await impersonate(admin, kari)
    token = started.cookies["session"]
    _, client = await identity.recognise(token)
    body = {"return_token": started.json()["return_token"]}
    stopped = await client.post("/v1/auth/impersonation/stop", json=body)
    assert stopped.status_code == 204
    back, _ = await identity.recognise(stopped.cookies["session"])
    assert (back.member_id, back.session_id) == (admin.caller.member_id, admin.caller.session_id)
    assert back.is_system_admin
    for ended in (token, admin.token):
        assert (await identity.ask_principal(session_token=ended)).status_code == 401
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 200


@pytest.mark.parametrize("path", ["/v1/auth/impersonation/stop", "/v1/auth/sign-out"])
async def test_the_log_says_when_an_impersonation_stopped(
    identity: Identity, kari: Person, path: str
) -> None:
    admin = await identity.administrator()
    _, client = await identity.recognise((await impersonate(admin, kari)).cookies["session"])
    assert (await client.post(path, json={})).status_code == 204
    [stopped, _] = (await kari.client.get("/v1/workspace/audit-log")).json()["items"]
    assert stopped["action"] == "impersonation.stopped"
    assert stopped["actor"]["id"] == str(admin.caller.member_id)
    assert stopped["actor"]["on_behalf_of"] == str(kari.caller.member_id)


async def test_a_person_sees_whose_session_among_theirs_is_an_administrators(
    identity: Identity, kari: Person
) -> None:
    admin = await identity.administrator()
    await impersonate(admin, kari)
    listed = (await kari.client.get("/v1/sessions")).json()["items"]
    assert [s["impersonated_by"] for s in listed] == [str(admin.caller.member_id), None]


@pytest.mark.parametrize("shown", [None, "guessed"])
async def test_the_cookie_alone_never_becomes_an_administrator(
    identity: Identity, kari: Person, shown: str | None
) -> None:
    admin = await identity.administrator()
    token = (await impersonate(admin, kari)).cookies["session"]
    _, client = await identity.recognise(token)
    stopped = await client.post("/v1/auth/impersonation/stop", json={"return_token": shown})
    assert stopped.status_code == 204
    assert stopped.cookies.get("session") is None
    assert (await identity.ask_principal(session_token=token)).status_code == 401
    assert (await identity.ask_principal(session_token=admin.token)).status_code == 200


async def test_nobody_impersonates_administrators_themselves_or_through_another(
    identity: Identity, kari: Person
) -> None:
    admin, other = await identity.administrator(), await identity.administrator()
    for target in (admin, other):
        refused = await impersonate(admin, target)
        assert (refused.status_code, refused.json()["code"]) == (409, "cannot_touch_administrator")
    token = (await impersonate(admin, kari)).cookies["session"]
    caller, client = await identity.recognise(token)
    chained = Person(kari.email, token, caller, client)
    assert (await impersonate(chained, await identity.person())).status_code == 403
    assert (await impersonate(kari, await identity.person())).status_code == 403


@pytest.mark.parametrize("wrong", [{"minutes": 61}, {"minutes": 0}, {"reason": ""}])
async def test_an_impersonation_has_a_reason_and_ends_within_the_hour(
    identity: Identity, kari: Person, wrong: dict[str, object]
) -> None:
    admin = await identity.administrator()
    assert (await impersonate(admin, kari, **wrong)).status_code == 422
    started = (await impersonate(admin, kari, minutes=60)).json()
    left = datetime.fromisoformat(started["expires_at"]) - datetime.now(UTC)
    assert left <= timedelta(minutes=60)


async def test_an_impersonator_changes_no_credential_role_or_existence(
    identity: Identity, kari: Person
) -> None:
    admin = await identity.administrator()
    ola = await identity.colleague(kari)
    _, client = await identity.recognise((await impersonate(admin, kari)).cookies["session"])
    member = f"/v1/members/{ola.caller.member_id}"
    slug = (await kari.client.get("/v1/workspace")).json()["slug"]
    key = {"name": "k", "scopes": ["projects:read"]}
    attempts = [
        ("POST", "/v1/auth/password/change", {"password": PASSWORD, "new_password": "x" * 9}),
        ("POST", "/v1/auth/email/change", {"email": "x@example.com", "password": PASSWORD}),
        ("POST", "/v1/auth/email/verification", None),
        ("PATCH", "/v1/members/me", {"name": "X"}),
        ("PATCH", member, {"role": "admin"}),
        ("DELETE", member, None),
        ("POST", f"{member}/ownership", None),
        ("POST", "/v1/invitations", {"email": "x@example.com"}),
        ("POST", "/v1/invitations/accept", {"token": "x"}),
        ("POST", "/v1/api-keys", key),
        ("DELETE", f"/v1/api-keys/{uuid4()}", None),
        ("POST", f"/v1/api-keys/{uuid4()}/rotation", None),
        ("DELETE", "/v1/sessions", None),
        ("DELETE", f"/v1/sessions/{kari.caller.session_id}", None),
        ("POST", "/v1/workspace/closing", {"confirm": slug}),
        ("DELETE", "/v1/workspace/logo", None),
    ]
    for method, path, body in attempts:
        answer = await client.request(method, path, json=body)
        assert answer.status_code == 403, (method, path, answer.text)
        assert answer.json()["code"] in ("own_session_needed", "not_while_impersonating"), path
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 200


async def test_an_impersonation_ends_with_its_administrator(
    identity: Identity, kari: Person
) -> None:
    first, second = await identity.administrator(), await identity.administrator()
    token = (await impersonate(second, kari)).cookies["session"]
    path = f"/v1/admin/users/{second.caller.member_id}"
    body = {"is_system_admin": False, **REASON}
    assert (await first.client.patch(path, json=body)).status_code == 200
    for ended in (token, second.token):
        assert (await identity.ask_principal(session_token=ended)).status_code == 401
    # Even where the session itself was forgotten.
    third = await identity.administrator()
    token = (await impersonate(third, kari)).cookies["session"]
    async with identity.database.transaction(third.caller) as session:
        await session.execute(update(UserRow).values(is_system_admin=False))
    assert (await identity.ask_principal(session_token=token)).status_code == 401
    # As it was: after all tests only administrators impersonate (I4).
    async with identity.database.transaction(third.caller) as session:
        await session.execute(update(UserRow).values(is_system_admin=True))


async def test_the_database_refuses_a_longer_impersonation(
    identity: Identity, kari: Person
) -> None:
    admin = await identity.administrator()
    await impersonate(admin, kari)
    with pytest.raises(Exception, match="session_impersonation_limit"):
        async with identity.database.transaction(kari.caller) as session:
            await session.execute(
                update(SessionRow)
                .where(SessionRow.impersonated_by.is_not(None))
                .values(expires_at=SessionRow.created_at + timedelta(minutes=61))
            )


async def test_a_ban_ends_every_session_and_itself_in_time(
    identity: Identity, kari: Person
) -> None:
    admin = await identity.administrator()
    path = f"/v1/admin/users/{kari.caller.member_id}/ban"
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    banned = await admin.client.put(path, json={**REASON, "expires_at": soon})
    assert banned.json()["banned"] is True
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 401
    body = {"email": kari.email, "password": PASSWORD}
    refused = await identity.anonymous.post("/v1/auth/sign-in", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "banned")
    async with identity.database.transaction(kari.caller) as session:
        assert len(await emitted(session, SessionsRevoked)) == 1
        past = datetime.now(UTC) - timedelta(seconds=1)
        await session.execute(update(UserRow).values(ban_expires_at=past))
    assert (await identity.anonymous.post("/v1/auth/sign-in", json=body)).status_code == 200
    await admin.client.put(path, json=REASON)
    assert (await admin.client.delete(path)).json()["banned"] is False
    assert (await identity.anonymous.post("/v1/auth/sign-in", json=body)).status_code == 200
    identity.anonymous.cookies.clear()
    past_end = await admin.client.put(path, json={**REASON, "expires_at": "2020-01-01T00:00:00Z"})
    assert past_end.json()["code"] == "expiry_in_the_past"


async def test_administrators_are_not_banned_and_do_not_ban_themselves(
    identity: Identity,
) -> None:
    admin, other = await identity.administrator(), await identity.administrator()
    for target in (admin, other):
        path = f"/v1/admin/users/{target.caller.member_id}/ban"
        refused = await admin.client.put(path, json=REASON)
        assert (refused.status_code, refused.json()["code"]) == (409, "cannot_touch_administrator")


async def test_the_last_administrator_stays_one(identity: Identity) -> None:
    admin = await identity.administrator()
    path = f"/v1/admin/users/{admin.caller.member_id}"
    async with identity.only_administrators(admin):
        refused = await admin.client.patch(path, json={"is_system_admin": False, **REASON})
    assert (refused.status_code, refused.json()["code"]) == (409, "last_administrator")
