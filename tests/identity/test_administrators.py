"""Administrators: who they are, whom they find, and what they decided that ends by itself."""

import asyncio
from datetime import UTC, datetime, timedelta

from services.identity.administration.use_cases.people import end_bans
from tests.identity.conftest import Identity, Person

REASON = {"reason": "Ticket 4711"}


async def test_two_administrators_who_unmake_each_other_at_once_leave_one(
    identity: Identity,
) -> None:
    for _ in range(5):
        first, second = await identity.administrator(), await identity.administrator()
        body = {"is_system_admin": False, **REASON}
        async with identity.only_administrators(first, second):
            answers = await asyncio.gather(
                *(
                    by.client.patch(f"/v1/admin/users/{of.caller.member_id}", json=body)
                    for by, of in ((first, second), (second, first))
                )
            )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_administrators_find_people(identity: Identity, kari: Person) -> None:
    admin = await identity.administrator()
    found = await admin.client.get("/v1/admin/users", params={"q": kari.email.upper()})
    assert [u["id"] for u in found.json()["items"]] == [str(kari.caller.member_id)]
    page = await admin.client.get("/v1/admin/users", params={"limit": 1, "is_system_admin": True})
    assert len(page.json()["items"]) == 1
    none = await admin.client.get("/v1/admin/users", params={"q": "%", "banned": True})
    assert none.json()["items"] == []


async def test_a_trial_ends_when_the_administrator_said(identity: Identity, kari: Person) -> None:
    admin = await identity.administrator()
    path = f"/v1/admin/workspaces/{kari.workspace_id}"
    ends_at = datetime.now(UTC) + timedelta(days=3)
    body = {"plan": "pro", "status": "trial", "trial_ends_at": ends_at.isoformat()}
    trial = (await admin.client.patch(path, json=body)).json()
    assert datetime.fromisoformat(trial["trial_ends_at"]) == ends_at
    later = ends_at + timedelta(days=3)
    longer = await admin.client.patch(path, json={"trial_ends_at": later.isoformat()})
    assert datetime.fromisoformat(longer.json()["trial_ends_at"]) == later
    past = await admin.client.patch(path, json={"trial_ends_at": "2020-01-01T00:00:00Z"})
    assert past.status_code == 422


async def test_a_ban_that_ended_is_no_ban_in_the_lists(identity: Identity, kari: Person) -> None:
    admin = await identity.administrator()
    path = f"/v1/admin/users/{kari.caller.member_id}/ban"
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    await admin.client.put(path, json={**REASON, "expires_at": ends_at.isoformat()})

    async def is_listed() -> bool:
        query = {"q": kari.email, "banned": "true"}
        found = await admin.client.get("/v1/admin/users", params=query)
        return bool(found.json()["items"])

    await end_bans(identity.database, ends_at - timedelta(seconds=1))
    assert await is_listed()
    for _ in range(2):
        await end_bans(identity.database, ends_at)
    assert not await is_listed()
    log = (await kari.client.get("/v1/workspace/audit-log", params={"action": "user.ban"})).json()
    assert [line["action"] for line in log["items"]] == ["user.ban_ended", "user.banned"]
