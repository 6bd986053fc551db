"""The end of a workspace: people and look are erased, the log stays."""

import httpx
from sqlalchemy import select

from chassis.database import SystemScope
from chassis.settings import StorageSettings
from chassis.storage import Storage
from chassis.testing import emitted
from contracts.identity import SessionsRevoked, WorkspaceDeleted
from services.identity.tables import AuditEntryRow, Base, WorkspaceRow
from services.identity.workspaces.consumers import erase_branding
from tests.identity.conftest import PASSWORD, Identity, Person


async def close(person: Person) -> httpx.Response:
    slug = (await person.client.get("/v1/workspace")).json()["slug"]
    return await person.client.post("/v1/workspace/closing", json={"confirm": slug})


async def test_a_closed_workspace_leaves_its_log_and_nobody(
    identity: Identity, kari: Person
) -> None:
    ola = await identity.colleague(kari)
    await identity.invite(kari, "canary-invited@example.com")
    onboarding = {
        "name": "Canary AS",
        "organization_number": "923609016",
        "contact_email": "canary-contact@example.com",
        "contact_person": "Canary Person",
    }
    await kari.client.post("/v1/workspace/onboarding", json=onboarding)
    await kari.client.post("/v1/api-keys", json={"name": "k", "scopes": ["members:read"]})
    assert (await close(kari)).status_code == 204
    for person in (kari, ola):
        assert (await identity.ask_principal(session_token=person.token)).status_code == 401
        body = {"email": person.email, "password": PASSWORD}
        assert (await identity.anonymous.post("/v1/auth/sign-in", json=body)).status_code == 401
    scope = SystemScope(kari.workspace_id)
    async with identity.database.transaction(scope) as session:
        for table in Base.metadata.sorted_tables:
            rows = [str(row) for row in await session.execute(select(table))]
            expected = {"workspace": 1, "audit_entry": None}.get(table.name, 0)
            assert expected is None or len(rows) == expected, table.name
            for canary in ("anary", kari.email, ola.email):
                assert canary not in " ".join(rows), (table.name, canary)
        assert len(await emitted(session, WorkspaceDeleted)) == 1
        revoked = await emitted(session, SessionsRevoked)
        actions = list(await session.scalars(select(AuditEntryRow.action)))
    assert {r.member_id for r in revoked} == {kari.caller.member_id, ola.caller.member_id}
    assert "workspace.closed" in actions
    again = await identity.person(email=kari.email)
    assert again.workspace_id != kari.workspace_id


async def test_only_the_owner_closes_and_types_which(identity: Identity, kari: Person) -> None:
    admin = await identity.colleague(kari, "admin")
    assert (await close(admin)).status_code == 403
    wrong = await kari.client.post("/v1/workspace/closing", json={"confirm": "yes"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "not_confirmed")
    key = {"name": "k", "scopes": ["workspace:write"]}
    made = (await kari.client.post("/v1/api-keys", json=key)).json()["key"]
    found = (await identity.ask_principal(api_key=made)).json()["caller"]
    program = identity.client_of(kari.caller.model_validate(found))
    refused = await program.post("/v1/workspace/closing", json={"confirm": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "own_session_needed")


async def test_a_suspended_workspace_is_not_closed_by_its_owner(
    identity: Identity, kari: Person
) -> None:
    await identity.set_plan(kari, status="suspended")
    assert (await close(kari)).json()["code"] == "workspace_suspended"


async def test_an_administrators_workspace_is_not_closed_under_them(identity: Identity) -> None:
    admin = await identity.administrator()
    refused = await close(admin)
    assert (refused.status_code, refused.json()["code"]) == (409, "cannot_touch_administrator")


async def test_a_closed_workspaces_files_are_erased(
    identity: Identity, kari: Person, storage_settings: StorageSettings
) -> None:
    key = f"workspaces/{kari.workspace_id}/branding/logo-1.png"
    async with Storage(storage_settings) as storage:
        await storage.write(key, b"x", content_type="image/png")
        fact = WorkspaceDeleted(workspace_id=kari.workspace_id)
        for _ in range(2):
            await erase_branding(fact, identity.database, storage)
        answer = await storage._client.list_objects_v2(
            Bucket=storage_settings.bucket, Prefix=f"workspaces/{kari.workspace_id}/"
        )
    assert answer["KeyCount"] == 0


async def test_administrators_no_longer_find_a_closed_workspace(
    identity: Identity, kari: Person
) -> None:
    slug = (await kari.client.get("/v1/workspace")).json()["slug"]
    await close(kari)
    admin = await identity.administrator()
    for q in (slug, f"closed-{kari.workspace_id}"):
        found = await admin.client.get("/v1/admin/workspaces", params={"q": q})
        assert found.json()["items"] == []
    async with identity.database.transaction(SystemScope(kari.workspace_id)) as session:
        assert await session.scalar(select(WorkspaceRow.deleted_at)) is not None
