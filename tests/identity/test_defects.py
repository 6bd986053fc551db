"""The access defects of the system before, each as a test that would have found it (D14-D21).

D15, D16, D17 and D18 lived in payments, downloads, clips and uploads; what of them concerns
identity is that every id belongs to the caller's own workspace.
"""

import json
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from chassis.testing import emitted
from contracts.identity import WorkspaceSuspended
from services.identity.tables import AuditEntryRow, SessionRow, UserRow
from tests.identity.conftest import PASSWORD, Identity, Person

PUBLIC = {
    "POST /v1/auth/sign-up",
    "POST /v1/auth/sign-in",
    "POST /v1/auth/email/verify",
    "POST /v1/auth/email/confirm",
    "POST /v1/auth/password/forgot",
    "POST /v1/auth/password/reset",
    "GET /v1/auth/providers",
    "POST /v1/auth/providers/{name}/begin",
    "POST /v1/auth/providers/{name}/finish",
    "POST /v1/invitations/look-up",
}


async def test_d14_nothing_but_the_listed_doors_opens_without_a_caller(
    identity: Identity, identity_app: FastAPI
) -> None:
    forged = {"cookie": "session=x", "authorization": "Bearer x", "x-caller": "x"}
    for path, item in identity_app.openapi()["paths"].items():
        for method in item:
            name = f"{method.upper()} {path}"
            if name in PUBLIC or path.startswith("/health"):
                continue
            real = path.replace("{name}", "google")
            for part in ("workspace_id", "user_id", "member_id", "session_id", "key_id"):
                real = real.replace(f"{{{part}}}", str(uuid4()))
            for part in ("upload_id", "invitation_id"):
                real = real.replace(f"{{{part}}}", str(uuid4()))
            for headers in ({}, forged):
                answer = await identity.anonymous.request(method, real, headers=headers)
                assert answer.status_code == 401, (name, answer.text)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/v1/members/{member}"),
        ("DELETE", "/v1/members/{member}"),
        ("POST", "/v1/members/{member}/ownership"),
        ("DELETE", "/v1/sessions/{session}"),
        ("DELETE", "/v1/api-keys/{key}"),
        ("POST", "/v1/api-keys/{key}/rotation"),
        ("POST", "/v1/invitations/{invitation}/resend"),
        ("DELETE", "/v1/invitations/{invitation}"),
    ],
)
async def test_d15_d16_d17_d18_another_workspaces_id_is_like_no_id(
    identity: Identity, kari: Person, method: str, path: str
) -> None:
    stranger = await identity.person()
    key = await kari.client.post("/v1/api-keys", json={"name": "k", "scopes": ["members:read"]})
    invited = await kari.client.post("/v1/invitations", json={"email": "a@example.com"})
    ids = {
        "member": kari.caller.member_id,
        "session": kari.caller.session_id,
        "key": key.json()["id"],
        "invitation": invited.json()["id"],
    }
    answers = [
        await stranger.client.request(method, path.format(**each), json={"role": "admin"})
        for each in (ids, {name: uuid4() for name in ids})
    ]
    assert [a.status_code for a in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 200


async def test_d19_a_logo_is_read_by_a_signed_address_only_and_never_overwritten(
    identity: Identity, kari: Person
) -> None:
    await identity.set_plan(kari, plan="enterprise")
    body = {"content_type": "image/png", "size_bytes": 10}
    first = (await kari.client.post("/v1/workspace/logo-uploads", json=body)).json()
    second = (await kari.client.post("/v1/workspace/logo-uploads", json=body)).json()
    assert first["upload_id"] != second["upload_id"]
    assert "X-Amz-Signature" in first["url"]
    bare = first["url"].partition("?")[0]
    async with httpx.AsyncClient() as web:
        assert (await web.put(bare, content=b"x" * 10)).status_code == 403
        assert (await web.get(bare)).status_code == 403


async def test_d20_an_invitation_alone_moves_nobody(identity: Identity, kari: Person) -> None:
    ola = await identity.verified(await identity.person())
    letter = await identity.invite(kari, ola.email)
    accept = "/v1/invitations/accept"
    leave = {"token": letter.token, "leave_workspace_id": str(ola.workspace_id)}
    assert (await identity.anonymous.post(accept, json=leave)).status_code == 401
    body = {"name": "X", "email": ola.email, "password": PASSWORD}
    signed_up = {**body, "invitation_token": letter.token}
    taken = await identity.anonymous.post("/v1/auth/sign-up", json=signed_up)
    assert taken.status_code == 409
    async with identity.database.transaction(ola.caller) as session:
        owner = await session.scalar(select(UserRow.role))
    assert owner == "owner"
    moved = await ola.client.post(accept, json=leave)
    assert moved.status_code == 200, "the refused sign-up used nothing up"


async def test_d20_a_role_above_the_inviters_and_a_listed_secret_do_not_exist(
    identity: Identity, kari: Person
) -> None:
    admin = await identity.colleague(kari, "admin")
    for role in ("owner", "", None, 7):
        body = {"email": f"{uuid4().hex}@example.com", "role": role}
        assert (await admin.client.post("/v1/invitations", json=body)).status_code == 422
    letter = await identity.invite(admin, f"{uuid4().hex}@example.com")
    member = await identity.colleague(kari)
    assert (await member.client.get("/v1/invitations")).status_code == 403
    assert letter.token not in json.dumps((await admin.client.get("/v1/invitations")).json())


async def test_d20_no_workspace_is_left_without_an_owner(identity: Identity, kari: Person) -> None:
    await identity.verified(kari)
    await identity.colleague(kari)
    other = await identity.person()
    letter = await identity.invite(other, kari.email)
    body = {"token": letter.token, "leave_workspace_id": str(kari.workspace_id)}
    assert (await kari.client.post("/v1/invitations/accept", json=body)).status_code == 409
    assert (await kari.client.delete(f"/v1/members/{kari.caller.member_id}")).status_code == 409


async def test_d21_a_suspension_is_enforced_by_the_server(identity: Identity, kari: Person) -> None:
    await identity.set_plan(kari, status="suspended")
    assert kari.caller.workspace_status == "suspended"
    for answer in (
        await kari.client.patch("/v1/workspace", json={"name": "X"}),
        await kari.client.post("/v1/invitations", json={"email": "x@example.com"}),
        await kari.client.post("/v1/api-keys", json={"name": "k", "scopes": ["members:read"]}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "workspace_suspended")
    assert (await kari.client.get("/v1/workspace")).status_code == 200
    async with identity.database.transaction(kari.caller) as session:
        assert len(await emitted(session, WorkspaceSuspended)) == 1


async def test_d21_an_impersonation_is_a_short_session_of_its_own_on_the_record(
    identity: Identity, kari: Person
) -> None:
    admin, other = await identity.administrator(), await identity.administrator()
    path = "/v1/admin/users/{}/impersonation"
    body = {"reason": "Ticket 1"}
    for target, status in ((other, 409), (admin, 409), (kari, 201)):
        answer = await admin.client.post(path.format(target.caller.member_id), json=body)
        assert answer.status_code == status
    async with identity.database.transaction(kari.caller) as session:
        query = select(SessionRow).where(SessionRow.impersonated_by.is_not(None))
        [row] = await session.scalars(query)
        [line] = await session.scalars(select(AuditEntryRow))
    assert (row.expires_at - row.created_at).total_seconds() <= 3600
    assert (line.action, line.details["reason"]) == ("impersonation.started", "Ticket 1")
    _, client = await identity.recognise(answer.cookies["session"])
    await client.post("/v1/auth/impersonation/stop", json={})
    for mine in (kari, admin):
        assert (await identity.ask_principal(session_token=mine.token)).status_code == 200
