"""Workspaces, members, administration and the fences between workspaces."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from chassis.database import SystemScope
from chassis.testing import emitted
from contracts.identity import (
    WorkspaceOnboarded,
    WorkspacePlanChanged,
    WorkspaceReinstated,
    WorkspaceSuspended,
)
from services.identity.administration.rules import FIRST_PREVIOUS_HASH, entry_hash
from services.identity.administration.use_cases.audit import content_of
from services.identity.administration.use_cases.standing import end_trials
from services.identity.tables import AuditEntryRow, Base, WorkspaceRow
from tests.identity.conftest import Identity, Person

COMPANY = {
    "name": "Nordmann Eiendom AS",
    "organization_number": "923 609 016",
    "contact_email": "post@example.com",
    "contact_person": "Kari Nordmann",
}


async def test_me_shows_the_member_and_the_workspace(kari: Person) -> None:
    me = (await kari.client.get("/v1/members/me")).json()
    assert me["member"]["email"] == kari.email
    assert me["workspace"]["id"] == str(kari.workspace_id)
    assert me["impersonator_id"] is None
    listed = (await kari.client.get("/v1/members")).json()
    assert [m["id"] for m in listed["items"]] == [me["member"]["id"]]
    assert listed["next_cursor"] is None


async def test_onboarding_tells_which_company_it_is(identity: Identity, kari: Person) -> None:
    answer = await kari.client.post("/v1/workspace/onboarding", json=COMPANY)
    assert answer.json()["onboarding_completed"] is True
    assert answer.json()["organization_number"] == "923609016"
    async with identity.database.transaction(kari.caller) as session:
        [fact] = await emitted(session, WorkspaceOnboarded)
    assert (fact.name, fact.organization_number) == ("Nordmann Eiendom AS", "923609016")
    assert fact.actor.id == kari.caller.member_id


async def test_onboarding_refuses_a_wrong_organization_number(kari: Person) -> None:
    body = {**COMPANY, "organization_number": "923609017"}
    assert (await kari.client.post("/v1/workspace/onboarding", json=body)).status_code == 422


async def test_an_edit_changes_what_is_given_and_keeps_the_rest(kari: Person) -> None:
    await kari.client.post("/v1/workspace/onboarding", json=COMPANY)
    edited = (await kari.client.patch("/v1/workspace", json={"name": "Nytt navn"})).json()
    assert (edited["name"], edited["contact_person"]) == ("Nytt navn", "Kari Nordmann")


@pytest.mark.parametrize(
    ("claims", "code"),
    [({"role": "member"}, "forbidden"), ({"workspace_status": "suspended"}, "workspace_suspended")],
)
async def test_members_and_suspended_workspaces_edit_nothing(
    identity: Identity, kari: Person, claims: dict[str, str], code: str
) -> None:
    client = identity.client_of(kari.caller.model_copy(update=claims))
    for answer in (
        await client.patch("/v1/workspace", json={"name": "X"}),
        await client.post("/v1/workspace/onboarding", json=COMPANY),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert (await client.get("/v1/workspace")).status_code == 200


async def test_an_administrator_changes_plan_and_status_and_everybody_hears(
    identity: Identity, kari: Person, system_admin: httpx.AsyncClient
) -> None:
    path = f"/v1/admin/workspaces/{kari.workspace_id}"
    unexplained = await system_admin.patch(path, json={"status": "suspended"})
    assert (unexplained.status_code, unexplained.json()["code"]) == (422, "reason_needed")
    await system_admin.patch(path, json={"plan": "enterprise", "reason": "signed contract"})
    suspended = await system_admin.patch(path, json={"status": "suspended", "reason": "unpaid"})
    assert suspended.json()["suspended_reason"] == "unpaid"
    caller, _ = await identity.recognise(kari.token)
    assert (caller.plan, caller.workspace_status) == ("enterprise", "suspended")
    await system_admin.patch(path, json={"status": "suspended", "reason": "again"})
    back = await system_admin.patch(path, json={"status": "active"})
    assert back.json()["suspended_at"] is None
    async with identity.database.transaction(kari.caller) as session:
        [plan] = await emitted(session, WorkspacePlanChanged)
        [suspension] = await emitted(session, WorkspaceSuspended)
        [reinstated] = await emitted(session, WorkspaceReinstated)
    assert (plan.plan, plan.status, plan.actor.kind) == ("enterprise", "active", "administrator")
    assert (suspension.reason, reinstated.status) == ("unpaid", "active")


async def test_administration_is_for_system_administrators_only(
    identity: Identity, kari: Person
) -> None:
    impersonating = kari.caller.model_copy(
        update={"is_system_admin": True, "impersonator_id": uuid4()}
    )
    for client in (kari.client, identity.client_of(impersonating)):
        path = f"/v1/admin/workspaces/{kari.workspace_id}"
        assert (await client.get("/v1/admin/workspaces")).status_code == 403
        assert (await client.patch(path, json={"plan": "pro"})).status_code == 403
    assert (await identity.anonymous.get("/v1/admin/workspaces")).status_code == 401


async def test_an_administrator_finds_workspaces_page_by_page(
    identity: Identity, system_admin: httpx.AsyncClient
) -> None:
    name = f"Team {uuid4().hex}"
    people = [await identity.person(name=name) for _ in range(3)]
    found, cursor = [], None
    while True:
        query = {"q": name.upper(), "limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await system_admin.get("/v1/admin/workspaces", params=query)).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [str(p.workspace_id) for p in reversed(people)]
    by_mail = await system_admin.get("/v1/admin/workspaces", params={"q": people[0].email})
    assert [i["id"] for i in by_mail.json()["items"]] == [str(people[0].workspace_id)]
    odd = await system_admin.get("/v1/admin/workspaces", params={"q": "%_", "plan": "pro"})
    assert odd.json()["items"] == []


async def test_a_trial_that_ended_falls_back_to_the_free_plan(
    identity: Identity, kari: Person, system_admin: httpx.AsyncClient
) -> None:
    path = f"/v1/admin/workspaces/{kari.workspace_id}"
    trial = (await system_admin.patch(path, json={"plan": "pro", "status": "trial"})).json()
    ends_at = datetime.fromisoformat(trial["trial_ends_at"])
    await end_trials(identity.database, ends_at - timedelta(seconds=1))
    still, _ = await identity.recognise(kari.token)
    assert (still.plan, still.workspace_status) == ("pro", "trial")
    await end_trials(identity.database, ends_at)
    await end_trials(identity.database, ends_at)
    after, _ = await identity.recognise(kari.token)
    assert (after.plan, after.workspace_status) == ("free", "active")
    async with identity.database.transaction(kari.caller) as session:
        facts = await emitted(session, WorkspacePlanChanged)
    assert [(f.plan, f.status) for f in facts] == [("pro", "trial"), ("free", "active")]
    [ended, _] = (await kari.client.get("/v1/workspace/audit-log")).json()["items"]
    assert (ended["action"], ended["actor"]["kind"]) == ("workspace.trial_ended", "system")
    assert ended["details"] == {"plan_before": "pro"}


async def test_the_log_is_one_unbroken_chain_under_parallel_writes(
    identity: Identity, kari: Person
) -> None:
    key = {"name": "key", "scopes": ["projects:read"]}
    await asyncio.gather(
        *(kari.client.patch("/v1/workspace", json={"name": f"Name {n}"}) for n in range(4)),
        *(kari.client.post("/v1/api-keys", json=key) for _ in range(4)),
    )
    async with identity.database.transaction(kari.caller) as session:
        mine = AuditEntryRow.workspace_id == kari.workspace_id
        query = select(AuditEntryRow).where(mine).order_by(AuditEntryRow.position)
        rows = list(await session.scalars(query))
    assert [row.position for row in rows] == list(range(1, 9))
    previous = FIRST_PREVIOUS_HASH
    for row in rows:
        assert row.previous_hash == previous
        assert row.hash == entry_hash(previous, content_of(row))
        assert row.actor["id"] == str(kari.caller.member_id)
        previous = row.hash


@pytest.mark.parametrize(
    "change",
    ["UPDATE audit_entry SET action = 'nothing'", "DELETE FROM audit_entry"],
)
async def test_the_log_cannot_be_rewritten(identity: Identity, kari: Person, change: str) -> None:
    await kari.client.patch("/v1/workspace", json={"name": "X"})
    with pytest.raises(DBAPIError, match="append-only"):
        async with identity.database.transaction(kari.caller) as session:
            await session.execute(text(change))


async def test_another_workspace_sees_and_changes_nothing(identity: Identity, kari: Person) -> None:
    await kari.client.post("/v1/workspace/onboarding", json=COMPANY)
    body = {"name": "key", "scopes": ["projects:read"]}
    await kari.client.post("/v1/api-keys", json=body)
    async with identity.database.transaction(SystemScope(uuid4())) as session:
        for table in Base.metadata.sorted_tables:
            assert await session.scalar(select(func.count()).select_from(table)) == 0, table.name
        touched = await session.execute(
            update(WorkspaceRow)
            .where(WorkspaceRow.id == kari.workspace_id)
            .values(name="stolen")
            .returning(WorkspaceRow.id)
        )
        assert touched.all() == []


async def test_a_workspace_cannot_be_suspended_without_explanation(
    identity: Identity, kari: Person
) -> None:
    with pytest.raises(DBAPIError, match="workspace_suspension_is_explained"):
        async with identity.database.transaction(kari.caller) as session:
            await session.execute(
                update(WorkspaceRow)
                .where(WorkspaceRow.id == kari.workspace_id)
                .values(status="suspended", suspended_at=datetime.now(UTC))
            )


@pytest.mark.parametrize("odd", ["a\x00b", "a\nb", "\ud800", " ", "x" * 201])
async def test_a_name_that_is_no_plain_line_is_refused(kari: Person, odd: str) -> None:
    body = json.dumps({"name": odd})
    headers = {"content-type": "application/json"}
    answer = await kari.client.patch("/v1/workspace", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
