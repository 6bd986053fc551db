"""Everything at once in one workspace: nothing breaks, nothing waits for ever, the log holds."""

import asyncio
from collections.abc import Awaitable
from uuid import uuid4

import httpx
from sqlalchemy import func, select

from contracts.private import PasswordResetRequested
from services.identity.accounts.use_cases.passwords import mail_reset
from services.identity.tables import UserRow
from tests.identity.conftest import PASSWORD, Identity, Person


async def reset_of(identity: Identity, person: Person) -> dict[str, str]:
    await mail_reset(identity.database, person.email)
    [letter] = await identity.letters(PasswordResetRequested, person.email)
    return {"token": letter.token, "password": PASSWORD}


async def work_on(
    identity: Identity, kari: Person, admin: Person, person: Person
) -> list[Awaitable[httpx.Response]]:
    """What many people do to one member, to an invitation and to a key, all at the same time."""
    anonymous, owner, email = identity.anonymous, kari.client, f"{uuid4().hex}@example.com"
    reset = await reset_of(identity, person)
    joining = {"name": "New", "email": email, "password": PASSWORD}
    joining["invitation_token"] = (await identity.invite(kari, email)).token
    [invited] = (await owner.get("/v1/invitations", params={"limit": 1})).json()["items"]
    invitation = f"/v1/invitations/{invited['id']}"
    made = await owner.post("/v1/api-keys", json={"name": "k", "scopes": ["projects:read"]})
    key, member = f"/v1/api-keys/{made.json()['id']}", f"/v1/members/{person.caller.member_id}"
    user, reason = f"/v1/admin/users/{person.caller.member_id}", {"reason": "x"}
    return [
        anonymous.post("/v1/auth/password/reset", json=reset),
        owner.patch(member, json={"role": "admin"}),
        owner.post(f"{member}/ownership"),
        owner.delete(member),
        admin.client.put(f"{user}/ban", json=reason),
        admin.client.post(f"{user}/impersonation", json=reason),
        anonymous.post("/v1/auth/sign-up", json=joining),
        owner.delete(invitation),
        owner.post(f"{key}/rotation"),
        owner.delete(key),
        owner.patch("/v1/workspace", json={"name": "Name"}),
    ]


async def test_a_busy_day_in_one_workspace_breaks_nothing(identity: Identity, kari: Person) -> None:
    admin = await identity.administrator()
    people = [await identity.colleague(kari) for _ in range(4)]
    work = [one for person in people for one in await work_on(identity, kari, admin, person)]
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*work)
    identity.anonymous.cookies.clear()
    assert [a.text for a in answers if a.status_code >= 500] == []
    proof = (await kari.client.get("/v1/workspace/audit-log/proof")).json()
    assert proof["intact"] is True
    async with identity.database.transaction(kari.caller) as session:
        query = select(func.count()).select_from(UserRow).where(UserRow.role == "owner")
        assert await session.scalar(query) == 1


async def test_an_impersonation_that_stops_as_its_end_is_decided_waits_for_nobody(
    identity: Identity,
) -> None:
    root = await identity.administrator()
    for _ in range(6):
        admin, victim = await identity.administrator(), await identity.person()
        user = f"/v1/admin/users/{victim.caller.member_id}"
        path = f"{user}/impersonation"
        started = await admin.client.post(path, json={"reason": "x"})
        _, client = await identity.recognise(started.cookies["session"])
        stop = {"return_token": started.json()["return_token"]}
        unmake = {"is_system_admin": False, "reason": "x"}
        async with asyncio.timeout(30):
            answers = await asyncio.gather(
                client.post("/v1/auth/impersonation/stop", json=stop),
                root.client.put(f"{user}/ban", json={"reason": "x"}),
                root.client.patch(f"/v1/admin/users/{admin.caller.member_id}", json=unmake),
            )
        assert [a.text for a in answers if a.status_code >= 500] == []


async def test_people_who_swap_workspaces_do_not_wait_for_each_other(identity: Identity) -> None:
    owners = [await identity.person() for _ in range(2)]
    movers = [await identity.colleague(owner) for owner in owners]
    letters = [
        await identity.invite(owners[1 - place], mover.email) for place, mover in enumerate(movers)
    ]
    bodies = [
        {"token": letter.token, "leave_workspace_id": str(owner.workspace_id)}
        for letter, owner in zip(letters, owners, strict=True)
    ]
    async with asyncio.timeout(30):
        answers = await asyncio.gather(
            *(
                mover.client.post("/v1/invitations/accept", json=body)
                for mover, body in zip(movers, bodies, strict=True)
            )
        )
    assert [a.status_code for a in answers] == [200, 200]
