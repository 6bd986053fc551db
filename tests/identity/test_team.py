"""The permission table of roles, removal, and handing a workspace over."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from chassis.database import SystemScope
from chassis.testing import emitted
from contracts.identity import MemberRemoved, MemberRoleChanged, SessionsRevoked
from services.identity.tables import UserRow
from tests.identity.conftest import PASSWORD, Identity, Person


async def owners(identity: Identity, person: Person) -> list[str]:
    async with identity.database.transaction(SystemScope(person.workspace_id)) as session:
        query = select(UserRow.id).where(UserRow.role == "owner")
        return [str(user_id) for user_id in await session.scalars(query)]


async def sign_in(identity: Identity, person: Person) -> str:
    """The token of one more browser."""
    body = {"email": person.email, "password": PASSWORD}
    answer = await identity.anonymous.post("/v1/auth/sign-in", json=body)
    identity.anonymous.cookies.clear()
    return answer.cookies["session"]


async def test_an_administrator_changes_members_but_not_the_owner(
    identity: Identity, kari: Person
) -> None:
    admin = await identity.colleague(kari, "admin")
    member = await identity.colleague(kari)
    path = f"/v1/members/{member.caller.member_id}"
    promoted = await admin.client.patch(path, json={"role": "admin"})
    assert promoted.json()["role"] == "admin"
    async with identity.database.transaction(kari.caller) as session:
        [fact] = await emitted(session, MemberRoleChanged)
    assert (fact.member_id, fact.role) == (member.caller.member_id, "admin")
    assert fact.actor.id == admin.caller.member_id
    owner = f"/v1/members/{kari.caller.member_id}"
    refused = await admin.client.patch(owner, json={"role": "member"})
    assert (refused.status_code, refused.json()["code"]) == (409, "owner_is_untouchable")
    removed = await admin.client.delete(owner)
    assert (removed.status_code, removed.json()["code"]) == (409, "owner_is_untouchable")
    crowned = await admin.client.patch(path, json={"role": "owner"})
    assert crowned.status_code == 422
    for who in (admin.caller.member_id, member.caller.member_id):
        taken = await admin.client.post(f"/v1/members/{who}/ownership")
        assert taken.status_code == 403
    assert await owners(identity, kari) == [str(kari.caller.member_id)]


async def test_a_member_manages_nobody(identity: Identity, kari: Person) -> None:
    member = await identity.colleague(kari)
    other = await identity.colleague(kari)
    path = f"/v1/members/{other.caller.member_id}"
    for answer in (
        await member.client.patch(path, json={"role": "admin"}),
        await member.client.delete(path),
        await member.client.post(f"{path}/ownership"),
        await member.client.post("/v1/invitations", json={"email": "x@example.com"}),
        await member.client.get("/v1/invitations"),
        await member.client.get("/v1/workspace/audit-log"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_removed_member_loses_sessions_and_keys_and_starts_anew(
    identity: Identity, kari: Person
) -> None:
    admin = await identity.colleague(kari, "admin")
    key = await admin.client.post("/v1/api-keys", json={"name": "k", "scopes": ["members:read"]})
    removed = await kari.client.delete(f"/v1/members/{admin.caller.member_id}")
    assert removed.status_code == 204
    assert (await identity.ask_principal(session_token=admin.token)).status_code == 401
    assert (await identity.ask_principal(api_key=key.json()["key"])).status_code == 401
    async with identity.database.transaction(kari.caller) as session:
        [fact] = await emitted(session, MemberRemoved)
        ended = await emitted(session, SessionsRevoked)
    assert fact.member_id == admin.caller.member_id
    assert admin.caller.member_id in {e.member_id for e in ended}
    body = {"email": admin.email, "password": PASSWORD}
    back = await identity.anonymous.post("/v1/auth/sign-in", json=body)
    identity.anonymous.cookies.clear()
    assert back.json()["member"]["role"] == "owner"
    assert back.json()["workspace"]["id"] != str(kari.workspace_id)


async def test_a_member_may_leave_and_the_owner_may_not(identity: Identity, kari: Person) -> None:
    member = await identity.colleague(kari)
    own = f"/v1/members/{member.caller.member_id}"
    assert (await member.client.delete(own)).status_code == 204
    answer = await kari.client.delete(f"/v1/members/{kari.caller.member_id}")
    assert (answer.status_code, answer.json()["code"]) == (409, "owner_cannot_leave")


async def test_ownership_moves_and_there_is_always_exactly_one(
    identity: Identity, kari: Person
) -> None:
    people = [await identity.colleague(kari) for _ in range(4)]
    answers = await asyncio.gather(
        *(kari.client.post(f"/v1/members/{p.caller.member_id}/ownership") for p in people)
    )
    assert sorted(a.status_code for a in answers) == [200, 403, 403, 403]
    [owner] = await owners(identity, kari)
    assert owner in {str(p.caller.member_id) for p in people}
    me = (await kari.client.get("/v1/members/me")).json()["member"]
    assert me["role"] == "admin"
    stale = await kari.client.post(f"/v1/members/{kari.caller.member_id}/ownership")
    assert stale.status_code == 403


async def test_a_session_does_not_outlive_its_members_role(
    identity: Identity, kari: Person
) -> None:
    """Fixation: who gets to do more, or less, does so under a token made after that."""
    ola = await identity.colleague(kari)
    path = f"/v1/members/{ola.caller.member_id}"
    assert (await kari.client.patch(path, json={"role": "member"})).status_code == 200
    assert (await identity.ask_principal(session_token=ola.token)).status_code == 200
    assert (await kari.client.patch(path, json={"role": "admin"})).status_code == 200
    assert (await identity.ask_principal(session_token=ola.token)).status_code == 401
    async with identity.database.transaction(kari.caller) as session:
        [ended] = await emitted(session, SessionsRevoked)
    assert (ended.member_id, ended.session_ids) == (ola.caller.member_id, ())
    promoted, _ = await identity.recognise(await sign_in(identity, ola))
    assert promoted.role == "admin"


async def test_handing_over_gives_the_browser_another_token_and_ends_the_other_sessions(
    identity: Identity, kari: Person
) -> None:
    ola = await identity.colleague(kari)
    other = await sign_in(identity, kari)
    answer = await kari.client.post(f"/v1/members/{ola.caller.member_id}/ownership")
    assert answer.json()["role"] == "owner"
    for token in (kari.token, other, ola.token):
        assert (await identity.ask_principal(session_token=token)).status_code == 401
    caller, _ = await identity.recognise(answer.cookies["session"])
    assert (caller.member_id, caller.role) == (kari.caller.member_id, "admin")
    assert caller.session_id == kari.caller.session_id
    async with identity.database.transaction(kari.caller) as session:
        told = {end.member_id for end in await emitted(session, SessionsRevoked)}
    assert told == {kari.caller.member_id, ola.caller.member_id}
    to_oneself = await ola.client.post(f"/v1/members/{ola.caller.member_id}/ownership")
    assert (to_oneself.status_code, to_oneself.cookies.get("session")) == (200, None)


async def test_another_workspaces_member_does_not_exist(identity: Identity, kari: Person) -> None:
    stranger = await identity.person()
    for method, suffix, body in (
        ("PATCH", "", {"role": "admin"}),
        ("DELETE", "", None),
        ("POST", "/ownership", None),
    ):
        answers = [
            await stranger.client.request(method, f"/v1/members/{who}{suffix}", json=body)
            for who in (kari.caller.member_id, uuid4())
        ]
        assert [a.status_code for a in answers] == [404, 404]
        assert answers[0].content == answers[1].content


async def test_a_person_edits_their_own_name_and_language(kari: Person) -> None:
    edited = await kari.client.patch("/v1/members/me", json={"name": "Kåre", "language": "nb"})
    member = edited.json()["member"]
    assert (member["name"], member["language"]) == ("Kåre", "nb")
    for wrong in ({"language": "de"}, {"name": ""}, {"name": "a\nb"}):
        assert (await kari.client.patch("/v1/members/me", json=wrong)).status_code == 422
    sneaky = await kari.client.patch("/v1/members/me", json={"role": "owner", "email": "x@y.no"})
    assert sneaky.status_code == 422
    mine = (await kari.client.get("/v1/members/me")).json()["member"]
    assert (mine["email"], mine["role"]) == (kari.email, member["role"])


@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_a_key_manages_members_only_with_its_scope_and_transfers_never(
    identity: Identity, kari: Person, role: str
) -> None:
    maker = kari if role == "owner" else await identity.colleague(kari, "admin")
    other = await identity.colleague(kari)
    clients = {}
    for scope in ("members:read", "members:write"):
        body = {"name": "k", "scopes": [scope]}
        key = (await maker.client.post("/v1/api-keys", json=body)).json()["key"]
        caller = (await identity.ask_principal(api_key=key)).json()["caller"]
        clients[scope] = identity.client_of(kari.caller.model_validate(caller))
    path = f"/v1/members/{other.caller.member_id}"
    refused = await clients["members:read"].patch(path, json={"role": "admin"})
    assert refused.status_code == 403
    assert (await clients["members:write"].patch(path, json={"role": "admin"})).status_code == 200
    assert (await clients["members:write"].post(f"{path}/ownership")).status_code == 403


async def test_an_administrators_rotation_lends_no_owners_key(
    identity: Identity, kari: Person
) -> None:
    admin = await identity.colleague(kari, "admin")
    body = {"name": "k", "scopes": ["members:write"]}
    key = (await kari.client.post("/v1/api-keys", json=body)).json()
    path = f"/v1/api-keys/{key['id']}/rotation"
    assert (await admin.client.post(path)).status_code == 403
    rotated = (await kari.client.post(path)).json()
    assert rotated["id"] == key["id"]
    assert (await identity.ask_principal(api_key=key["key"])).status_code == 401
    assert (await identity.ask_principal(api_key=rotated["key"])).status_code == 200
    assert (await kari.client.post(f"/v1/api-keys/{uuid4()}/rotation")).status_code == 404


async def test_every_person_is_of_at_most_one_workspace(identity: Identity, kari: Person) -> None:
    await identity.colleague(kari)
    async with identity.database.across_workspaces() as session:
        query = select(UserRow.email).group_by(UserRow.email).having(func.count() > 1)
        assert list(await session.scalars(query)) == []
