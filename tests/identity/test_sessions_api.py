"""Sessions, API keys and the gateway's question."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from chassis.errors import Unauthenticated
from chassis.settings import StorageSettings
from chassis.testing import KeyPair, emitted
from contracts.identity import SessionsRevoked
from services.identity.app import create_app
from services.identity.sessions.repository import delete_expired
from services.identity.sessions.schemas import AskPrincipal
from services.identity.sessions.use_cases.principals import find_principal
from services.identity.settings import Settings
from services.identity.tables import SessionRow, UserRow
from tests.identity.conftest import Identity, Person
from tests.support.services import ServiceUnderTest


async def test_the_gateway_learns_everything_about_the_caller(
    identity: Identity, kari: Person
) -> None:
    answer = (await identity.ask_principal(session_token=kari.token)).json()
    caller = answer["caller"]
    assert (caller["role"], caller["plan"]) == ("owner", "free")
    assert caller["workspace_status"] == "active"
    assert caller["scopes"] is None
    assert not caller["is_system_admin"]
    expires_at = datetime.fromisoformat(answer["expires_at"])
    assert timedelta(days=6) < expires_at - datetime.now(UTC) < timedelta(days=7, seconds=1)


async def test_only_the_gateway_may_ask_who_is_calling(identity: Identity, kari: Person) -> None:
    shown = {"session_token": kari.token}
    assert (await kari.client.post("/internal/principals", json=shown)).status_code == 401
    assert (await identity.anonymous.post("/internal/principals", json=shown)).status_code == 401


@pytest.mark.parametrize("shown", [{}, {"session_token": "a", "api_key": "b"}])
async def test_the_gateway_shows_exactly_one_credential(
    identity: Identity, shown: dict[str, str]
) -> None:
    assert (await identity.ask_principal(**shown)).status_code == 422


async def test_an_unknown_credential_is_nobody(identity: Identity) -> None:
    for shown in ({"session_token": "x" * 43}, {"api_key": "ais_x"}):
        answer = await identity.ask_principal(**shown)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_used_session_slides_daily_and_ends_after_thirty_days(
    identity: Identity, kari: Person
) -> None:
    asked = AskPrincipal(session_token=kari.token)
    began = datetime.now(UTC)

    async def ask(day: int) -> datetime | None:
        async with identity.database.across_workspaces() as session:
            now = began + timedelta(days=day)
            return (await find_principal(session, asked, now, key_kind="live")).expires_at

    ends = [await ask(day) for day in range(1, 30)]
    assert all(end is not None and end <= began + timedelta(days=30) for end in ends)
    assert ends[-1] == max(ends)  # type: ignore[type-var]
    with pytest.raises(Unauthenticated):
        await ask(31)


async def test_an_idle_session_ends_after_seven_days_and_is_swept(
    identity: Identity, kari: Person
) -> None:
    asked = AskPrincipal(session_token=kari.token)
    later = datetime.now(UTC) + timedelta(days=7)
    with pytest.raises(Unauthenticated):
        async with identity.database.across_workspaces() as session:
            await find_principal(session, asked, later, key_kind="live")
    async with identity.database.transaction(kari.caller) as session:
        # Of this workspace alone: row-level security bounds the sweep, so other tests keep theirs.
        assert await delete_expired(session, later) == 1


async def test_an_impersonation_does_not_slide_and_names_the_impersonator(
    identity: Identity, kari: Person
) -> None:
    other = await identity.person()
    async with identity.database.transaction(other.caller) as session:
        await session.execute(update(UserRow).values(is_system_admin=True))
    async with identity.database.transaction(kari.caller) as session:
        await session.execute(
            update(SessionRow)
            .where(SessionRow.id == kari.caller.session_id)
            .values(
                impersonated_by=other.caller.member_id,
                expires_at=SessionRow.created_at + timedelta(minutes=60),
                refreshed_at=datetime.now(UTC) - timedelta(days=2),
            )
        )
        query = select(SessionRow.expires_at).where(SessionRow.id == kari.caller.session_id)
        before = await session.scalar(query)
    caller, client = await identity.recognise(kari.token)
    assert caller.impersonator_id == other.caller.member_id
    assert caller.actor.on_behalf_of == kari.caller.member_id
    async with identity.database.transaction(kari.caller) as session:
        assert await session.scalar(query) == before
    body = {"name": "key", "scopes": ["projects:read"]}
    refused = await client.post("/v1/api-keys", json=body)
    assert (refused.status_code, refused.json()["code"]) == (403, "own_session_needed")
    assert (await client.post("/v1/auth/sign-out")).status_code == 204


async def test_a_session_is_revoked_by_its_owner_only(identity: Identity, kari: Person) -> None:
    stranger = await identity.person()
    path = f"/v1/sessions/{kari.caller.session_id}"
    assert (await stranger.client.delete(path)).status_code == 404
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 200
    assert (await kari.client.delete(path)).status_code == 204
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 401
    assert (await kari.client.delete(path)).status_code == 404


async def test_an_api_key_acts_as_its_maker_within_its_scopes_until_revoked(
    identity: Identity, kari: Person
) -> None:
    body = {"name": "Our CRM", "scopes": ["workspace:read"]}
    created = (await kari.client.post("/v1/api-keys", json=body)).json()
    assert created["key"].startswith(created["prefix"] + "_")
    [listed] = (await kari.client.get("/v1/api-keys")).json()["items"]
    assert listed["prefix"] == created["prefix"]
    assert "key" not in listed
    answer = (await identity.ask_principal(api_key=created["key"])).json()
    caller = kari.caller.model_validate(answer["caller"])
    assert caller.api_key_id is not None
    assert caller.scopes == frozenset({"workspace:read"})
    assert (caller.member_id, caller.is_system_admin) == (kari.caller.member_id, False)
    program = identity.client_of(caller)
    assert (await program.get("/v1/workspace")).status_code == 200
    assert (await program.patch("/v1/workspace", json={"name": "X"})).status_code == 403
    assert (await program.get("/v1/members")).status_code == 403
    assert (await program.post("/v1/api-keys", json=body)).status_code == 403
    [used] = (await kari.client.get("/v1/api-keys")).json()["items"]
    assert used["last_used_at"] is not None
    assert (await kari.client.delete(f"/v1/api-keys/{created['id']}")).status_code == 204
    assert (await identity.ask_principal(api_key=created["key"])).status_code == 401
    async with identity.database.transaction(kari.caller) as session:
        [revoked] = await emitted(session, SessionsRevoked)
    assert (revoked.member_id, str(revoked.session_ids[0])) == (
        kari.caller.member_id,
        created["id"],
    )


async def test_an_api_key_of_a_system_administrator_is_not_one(
    identity: Identity, kari: Person
) -> None:
    body = {"name": "key", "scopes": ["projects:read"]}
    key = (await kari.client.post("/v1/api-keys", json=body)).json()["key"]
    async with identity.database.transaction(kari.caller) as session:
        await session.execute(
            update(UserRow).where(UserRow.id == kari.caller.member_id).values(is_system_admin=True)
        )
    by_session = (await identity.ask_principal(session_token=kari.token)).json()
    by_key = (await identity.ask_principal(api_key=key)).json()
    assert by_session["caller"]["is_system_admin"]
    assert not by_key["caller"]["is_system_admin"]


async def test_an_api_key_expires(identity: Identity, kari: Person) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    body = {"name": "key", "scopes": ["projects:read"], "expires_at": soon.isoformat()}
    created = (await kari.client.post("/v1/api-keys", json=body)).json()
    asked = AskPrincipal(api_key=created["key"])
    with pytest.raises(Unauthenticated):
        async with identity.database.across_workspaces() as session:
            await find_principal(session, asked, soon, key_kind="live")
    past = {**body, "expires_at": (soon - timedelta(days=1)).isoformat()}
    refused = await kari.client.post("/v1/api-keys", json=past)
    assert (refused.status_code, refused.json()["code"]) == (422, "expiry_in_the_past")


async def test_a_key_says_where_it_is_for_and_opens_nothing_elsewhere(
    services: ServiceUnderTest,
    identity: Identity,
    kari: Person,
    storage_settings: StorageSettings,
    key_pair: KeyPair,
) -> None:
    """A copy of the real database behind a sandbox must not make live keys work there."""
    settings = services.settings(Settings, secure_cookies=False, api_key_kind="sandbox")
    app = create_app(settings, storage_settings)
    sandbox = Identity(services, app, key_pair)
    body = {"name": "key", "scopes": ["projects:read"]}
    made = {
        "live": (await kari.client.post("/v1/api-keys", json=body)).json()["key"],
        "sandbox": (await sandbox.client_of(kari.caller).post("/v1/api-keys", json=body)).json()[
            "key"
        ],
    }
    for kind, key in made.items():
        assert key.startswith(f"ais_{kind}_")
        for place, here in ((identity, "live"), (sandbox, "sandbox")):
            answer = await place.ask_principal(api_key=key)
            assert answer.status_code == (200 if kind == here else 401), (kind, here)
    await app.state.database.close()


@pytest.mark.parametrize("scopes", [[], ["everything"], ["projects:delete"], ["invoices:write"]])
async def test_an_api_key_needs_known_scopes(kari: Person, scopes: list[str]) -> None:
    answer = await kari.client.post("/v1/api-keys", json={"name": "key", "scopes": scopes})
    assert answer.status_code == 422


async def test_a_member_manages_no_keys(identity: Identity, kari: Person) -> None:
    member = identity.client_of(kari.caller.model_copy(update={"role": "member"}))
    body = {"name": "key", "scopes": ["projects:read"]}
    assert (await member.post("/v1/api-keys", json=body)).status_code == 403
    assert (await member.get("/v1/api-keys")).status_code == 403
    assert (await member.delete(f"/v1/api-keys/{uuid4()}")).status_code == 403
