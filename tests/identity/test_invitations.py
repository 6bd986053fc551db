"""Invitations: who may be asked in, as what, and how often."""

import asyncio
import json
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select, update

from chassis.database import SystemScope
from chassis.testing import emitted
from contracts.identity import MemberJoined, MemberRemoved, SessionsRevoked, WorkspaceDeleted
from contracts.private import EmailVerified, InvitationSent
from services.identity.tables import InvitationRow, UserRow, WorkspaceRow
from tests.identity.conftest import PASSWORD, Identity, Person


async def accept(person: Person, token: str, **body: str) -> httpx.Response:
    return await person.client.post("/v1/invitations/accept", json={"token": token, **body})


async def test_somebody_new_signs_up_into_the_workspace_that_invites(
    identity: Identity, kari: Person
) -> None:
    email = f"{uuid4().hex}@example.com"
    letter = await identity.invite(kari, email, "admin")
    assert (letter.name, letter.role) == ("Kari", "admin")
    offer = await identity.anonymous.post("/v1/invitations/look-up", json={"token": letter.token})
    assert (offer.json()["email"], offer.json()["role"]) == (email, "admin")
    ola = await identity.person(name="Ola", email=email, invitation_token=letter.token)
    me = (await ola.client.get("/v1/members/me")).json()["member"]
    assert (ola.workspace_id, me["role"], me["email_verified"]) == (
        kari.workspace_id,
        "admin",
        True,
    )
    async with identity.database.transaction(kari.caller) as session:
        joined = await emitted(session, MemberJoined)
    assert [(j.member_id, j.role) for j in joined][1:] == [(ola.caller.member_id, "admin")]
    [listed] = (await kari.client.get("/v1/invitations")).json()["items"]
    assert listed["state"] == "accepted"
    assert len(await identity.letters(EmailVerified, email)) == 1


async def test_twenty_people_who_sign_up_with_one_invitation_at_once_are_one(
    identity: Identity, kari: Person
) -> None:
    email = f"{uuid4().hex}@example.com"
    letter = await identity.invite(kari, email)
    body = {"name": "Ola", "email": email, "password": PASSWORD, "invitation_token": letter.token}
    answers = await asyncio.gather(
        *(identity.anonymous.post("/v1/auth/sign-up", json=body) for _ in range(20))
    )
    identity.anonymous.cookies.clear()
    assert {a.status_code for a in answers} <= {201, 409, 410}
    assert [a.status_code for a in answers].count(201) == 1
    async with identity.database.transaction(kari.caller) as session:
        members = await session.scalar(select(func.count()).select_from(UserRow))
    assert members == 2


async def test_twenty_acceptances_at_once_move_one_person_once(
    identity: Identity, kari: Person
) -> None:
    ola = await identity.verified(await identity.person(name="Ola"))
    letter = await identity.invite(kari, ola.email)
    answers = await asyncio.gather(
        *(accept(ola, letter.token, leave_workspace_id=str(ola.workspace_id)) for _ in range(20))
    )
    assert [a.status_code for a in answers].count(200) == 1
    assert all(a.status_code in (200, 404, 410) for a in answers)
    async with identity.database.transaction(kari.caller) as session:
        joined = await emitted(session, MemberJoined)
    assert [j.member_id for j in joined].count(ola.caller.member_id) == 1


async def test_nobody_is_moved_silently_and_the_answer_says_what_would_happen(
    identity: Identity, kari: Person
) -> None:
    ola = await identity.verified(await identity.person(name="Ola"))
    letter = await identity.invite(kari, ola.email)
    asked = await accept(ola, letter.token)
    problem = asked.json()
    assert (asked.status_code, problem["code"]) == (409, "would_leave_workspace")
    assert problem["leave_workspace_id"] == str(ola.workspace_id)
    assert (problem["leaves"], problem["joins"]) == ("Ola's Workspace", "Kari's Workspace")
    assert problem["closes_workspace"] is True
    wrong = await accept(ola, letter.token, leave_workspace_id=str(kari.workspace_id))
    assert wrong.json()["code"] == "would_leave_workspace"
    moved = await accept(ola, letter.token, leave_workspace_id=str(ola.workspace_id))
    assert moved.status_code == 200, moved.text
    assert moved.json()["member"]["workspace_id"] == str(kari.workspace_id)
    assert (await identity.ask_principal(session_token=ola.token)).status_code == 401
    caller, _ = await identity.recognise(moved.cookies["session"])
    assert (caller.workspace_id, caller.role) == (kari.workspace_id, "member")
    async with identity.database.transaction(SystemScope(ola.workspace_id)) as session:
        assert len(await emitted(session, WorkspaceDeleted)) == 1
        assert len(await emitted(session, SessionsRevoked)) >= 1
        left = await session.scalar(select(WorkspaceRow))
    assert left is not None
    assert (left.deleted_at is not None, left.name) == (True, "Closed workspace")
    body = {"email": ola.email, "password": PASSWORD}
    assert (await identity.anonymous.post("/v1/auth/sign-in", json=body)).status_code == 200
    identity.anonymous.cookies.clear()


async def test_a_member_moves_without_closing_what_they_leave(
    identity: Identity, kari: Person
) -> None:
    ola = await identity.colleague(kari)
    other = await identity.person(name="Other")
    letter = await identity.invite(other, ola.email, "admin")
    asked = (await accept(ola, letter.token)).json()
    assert asked["closes_workspace"] is False
    moved = await accept(ola, letter.token, leave_workspace_id=str(kari.workspace_id))
    assert moved.json()["member"]["role"] == "admin"
    async with identity.database.transaction(kari.caller) as session:
        [removed] = await emitted(session, MemberRemoved)
    assert removed.member_id == ola.caller.member_id


async def test_an_owner_with_colleagues_hands_over_first(identity: Identity, kari: Person) -> None:
    await identity.verified(kari)
    await identity.colleague(kari)
    other = await identity.person()
    letter = await identity.invite(other, kari.email)
    answer = await accept(kari, letter.token, leave_workspace_id=str(kari.workspace_id))
    assert (answer.status_code, answer.json()["code"]) == (409, "owner_cannot_leave")


async def test_an_invitation_is_for_its_own_verified_mailbox(
    identity: Identity, kari: Person
) -> None:
    ola = await identity.person(name="Ola")
    letter = await identity.invite(kari, ola.email)
    stranger = await identity.verified(await identity.person())
    leave = {"leave_workspace_id": str(ola.workspace_id)}
    other = await accept(stranger, letter.token, leave_workspace_id=str(stranger.workspace_id))
    assert (other.status_code, other.json()["code"]) == (403, "invitation_for_another")
    unverified = await accept(ola, letter.token, **leave)
    assert (unverified.status_code, unverified.json()["code"]) == (403, "mailbox_not_verified")
    body = {"name": "X", "email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    taken = await identity.anonymous.post(
        "/v1/auth/sign-up", json={**body, "invitation_token": letter.token}
    )
    assert (taken.status_code, taken.json()["code"]) == (403, "invitation_for_another")
    assert (await identity.anonymous.post("/v1/invitations/accept", json={})).status_code == 401
    await identity.verified(ola)
    assert (await accept(ola, letter.token, **leave)).status_code == 200


async def test_a_used_revoked_expired_or_replaced_link_opens_nothing(
    identity: Identity, kari: Person
) -> None:
    ola = await identity.verified(await identity.person())
    leave = {"leave_workspace_id": str(ola.workspace_id)}
    replaced = await identity.invite(kari, ola.email)
    [row] = (await kari.client.get("/v1/invitations")).json()["items"]
    path = f"/v1/invitations/{row['id']}"
    resent = await kari.client.post(f"{path}/resend")
    assert resent.status_code == 200
    assert resent.json()["expires_at"] > row["expires_at"]
    fresh = (await identity.letters(InvitationSent, ola.email))[-1]
    assert (await accept(ola, replaced.token, **leave)).status_code == 410
    async with identity.database.transaction(kari.caller) as session:
        week = timedelta(days=7)
        await session.execute(
            update(InvitationRow).values(expires_at=InvitationRow.expires_at - week)
        )
    assert (await accept(ola, fresh.token, **leave)).status_code == 410
    [listed] = (await kari.client.get("/v1/invitations")).json()["items"]
    assert listed["state"] == "expired"
    again = await identity.invite(kari, ola.email)
    newest = (await kari.client.get("/v1/invitations")).json()["items"][0]
    assert (await kari.client.delete(f"/v1/invitations/{newest['id']}")).status_code == 204
    assert (await accept(ola, again.token, **leave)).status_code == 410
    assert (await kari.client.post(f"/v1/invitations/{newest['id']}/resend")).status_code == 410


async def test_one_open_invitation_per_address_and_none_for_members(
    identity: Identity, kari: Person
) -> None:
    email = f"{uuid4().hex}@example.com"
    await identity.invite(kari, email)
    twice = await kari.client.post("/v1/invitations", json={"email": email.upper()})
    assert (twice.status_code, twice.json()["code"]) == (409, "already_invited")
    mine = await kari.client.post("/v1/invitations", json={"email": kari.email})
    assert (mine.status_code, mine.json()["code"]) == (409, "already_member")


async def test_inviting_never_tells_whether_an_address_has_an_account(
    identity: Identity, kari: Person
) -> None:
    somebody = await identity.person()
    shapes = []
    for email in (somebody.email, f"{uuid4().hex}@example.com"):
        invited = await kari.client.post("/v1/invitations", json={"email": email})
        [letter] = await identity.letters(InvitationSent, email)
        token = {"token": letter.token}
        offer = await identity.anonymous.post("/v1/invitations/look-up", json=token)
        same = {**invited.json(), "id": "", "email": "", "created_at": "", "expires_at": ""}
        shapes.append((invited.status_code, same, offer.status_code, offer.json().keys()))
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("role", ["owner", "superuser"])
async def test_nobody_is_invited_as_owner(kari: Person, role: str) -> None:
    body = {"email": f"{uuid4().hex}@example.com", "role": role}
    assert (await kari.client.post("/v1/invitations", json=body)).status_code == 422


async def test_whoever_accepts_names_neither_role_nor_workspace(
    identity: Identity, kari: Person
) -> None:
    ola = await identity.verified(await identity.person())
    letter = await identity.invite(kari, ola.email)
    new = {"name": "Ola", "email": f"{uuid4().hex}@example.com", "password": "long enough"}
    for more in ({"role": "owner"}, {"workspace_id": str(uuid4())}, {"email": kari.email}):
        tampered = await accept(ola, letter.token, **more)
        assert tampered.status_code == 422, more
    for more in ({"role": "owner"}, {"workspace_id": str(uuid4())}):
        body = {**new, "invitation_token": letter.token, **more}
        answer = await identity.anonymous.post("/v1/auth/sign-up", json=body)
        assert answer.status_code == 422, more
    moved = await accept(ola, letter.token, leave_workspace_id=str(ola.workspace_id))
    assert (moved.status_code, moved.json()["member"]["role"]) == (200, "member")


async def test_the_secret_is_in_the_mail_and_in_no_list(identity: Identity, kari: Person) -> None:
    letter = await identity.invite(kari, f"{uuid4().hex}@example.com")
    listed = await kari.client.get("/v1/invitations")
    log = await kari.client.get("/v1/workspace/audit-log")
    for answer in (listed, log):
        assert letter.token not in json.dumps(answer.json())
    async with identity.database.transaction(kari.caller) as session:
        [row] = await session.scalars(select(InvitationRow))
    assert len(row.token_hash) == 32


async def test_another_workspaces_invitation_does_not_exist(
    identity: Identity, kari: Person
) -> None:
    await identity.invite(kari, f"{uuid4().hex}@example.com")
    [row] = (await kari.client.get("/v1/invitations")).json()["items"]
    stranger = await identity.person()
    for method, path in (
        ("DELETE", f"/v1/invitations/{row['id']}"),
        ("POST", f"/v1/invitations/{row['id']}/resend"),
    ):
        theirs = await stranger.client.request(method, path)
        nobodys = await stranger.client.request(method, path.replace(row["id"], str(uuid4())))
        assert (theirs.status_code, theirs.content) == (404, nobodys.content)


async def test_a_suspended_workspace_takes_nobody_in(identity: Identity, kari: Person) -> None:
    ola = await identity.verified(await identity.person())
    letter = await identity.invite(kari, ola.email)
    await identity.set_plan(kari, status="suspended")
    answer = await accept(ola, letter.token, leave_workspace_id=str(ola.workspace_id))
    assert (answer.status_code, answer.json()["code"]) == (403, "workspace_suspended")
    assert UUID((await ola.client.get("/v1/workspace")).json()["id"]) == ola.workspace_id
