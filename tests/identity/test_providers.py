"""Signing in with another provider, against a real OpenID provider on this machine."""

import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from chassis.settings import StorageSettings
from chassis.testing import KeyPair
from contracts.private import EmailVerified
from services.identity.app import create_app
from services.identity.settings import Settings
from services.identity.tables import AccountRow
from tests.identity.conftest import PASSWORD, Identity, Person
from tests.support.openid import OpenIdProvider
from tests.support.services import ServiceUnderTest


@pytest.fixture(autouse=True)
def _honest_provider(openid: OpenIdProvider) -> None:
    openid.changes.clear()


async def begin(identity: Identity) -> dict[str, str]:
    answer = await identity.anonymous.post("/v1/auth/providers/google/begin")
    assert answer.status_code == 200, answer.text
    begun: dict[str, str] = answer.json()
    return begun


async def enter(identity: Identity, openid: OpenIdProvider, **claims: Any) -> httpx.Response:
    begun = await begin(identity)
    claims = {"email_verified": True, "name": "Kari", **claims}
    carried = openid.consent(begun["authorization_url"], **claims)
    body = {"attempt": begun["attempt"], **carried}
    answer = await identity.anonymous.post("/v1/auth/providers/google/finish", json=body)
    identity.anonymous.cookies.clear()
    return answer


async def test_a_new_person_gets_a_workspace_and_comes_back_to_it(
    identity: Identity, openid: OpenIdProvider
) -> None:
    email, subject = f"{uuid4().hex}@example.com", uuid4().hex
    first = await enter(identity, openid, sub=subject, email=email)
    assert first.status_code == 200, first.text
    me = first.json()["member"]
    assert (me["email"], me["email_verified"], me["role"]) == (email, True, "owner")
    caller, _ = await identity.recognise(first.cookies["session"])
    assert len(await identity.letters(EmailVerified, email)) == 1
    # The subject is who they are, whatever their address has become.
    again = await enter(identity, openid, sub=subject, email=f"{uuid4().hex}@example.com")
    assert again.json()["member"]["id"] == str(caller.member_id)


async def test_a_verified_person_is_linked_and_keeps_their_password(
    identity: Identity, openid: OpenIdProvider, kari: Person
) -> None:
    await identity.verified(kari)
    answer = await enter(identity, openid, sub=uuid4().hex, email=kari.email.upper())
    assert answer.json()["member"]["id"] == str(kari.caller.member_id)
    async with identity.database.transaction(kari.caller) as session:
        ways = set(await session.scalars(select(AccountRow.provider_id)))
    assert ways == {"credential", "google"}
    body = {"email": kari.email, "password": PASSWORD}
    assert (await identity.anonymous.post("/v1/auth/sign-in", json=body)).status_code == 200
    identity.anonymous.cookies.clear()


async def test_who_waits_with_somebody_elses_address_is_not_linked_to_its_owner(
    identity: Identity, openid: OpenIdProvider, kari: Person
) -> None:
    answer = await enter(identity, openid, sub=uuid4().hex, email=kari.email)
    assert (answer.status_code, answer.json()["code"]) == (409, "account_exists")
    assert "set-cookie" not in answer.headers


async def test_an_address_the_provider_did_not_verify_is_nobodys(
    identity: Identity, openid: OpenIdProvider
) -> None:
    for claims in ({"email_verified": False}, {"email_verified": "true"}, {"email": None}):
        wanted = {"email": f"{uuid4().hex}@example.com", **claims}
        answer = await enter(identity, openid, sub=uuid4().hex, **wanted)
        assert (answer.status_code, answer.json()["code"]) == (401, "provider_refused")


@pytest.mark.parametrize(
    "forged",
    [
        {"aud": "another-client"},
        {"iss": "https://evil.example"},
        {"nonce": "another-nonce"},
        {"exp": int(time.time()) - 3600},
        {"azp": "another-client"},
    ],
)
async def test_a_token_for_somebody_or_something_else_is_refused(
    identity: Identity, openid: OpenIdProvider, forged: dict[str, Any]
) -> None:
    openid.changes.update(forged)
    answer = await enter(identity, openid, sub=uuid4().hex, email=f"{uuid4().hex}@example.com")
    assert (answer.status_code, answer.json()["code"]) == (401, "provider_refused")


async def test_a_token_signed_by_nobody_we_know_is_refused(
    identity: Identity, openid: OpenIdProvider
) -> None:
    published = openid.published
    openid.rotate()
    openid.published = published
    try:
        answer = await enter(identity, openid, sub=uuid4().hex, email=f"{uuid4().hex}@example.com")
    finally:
        openid.published = [openid.key]
    assert (answer.status_code, answer.json()["code"]) == (401, "provider_refused")


async def test_a_provider_that_changed_its_keys_is_understood(
    identity: Identity, openid: OpenIdProvider
) -> None:
    openid.rotate()
    answer = await enter(identity, openid, sub=uuid4().hex, email=f"{uuid4().hex}@example.com")
    assert answer.status_code == 200, answer.text


async def test_another_browsers_code_state_or_attempt_opens_nothing(
    identity: Identity, openid: OpenIdProvider
) -> None:
    mine, theirs = await begin(identity), await begin(identity)
    claims = {"sub": uuid4().hex, "email": f"{uuid4().hex}@example.com", "email_verified": True}
    carried = openid.consent(theirs["authorization_url"], **claims)
    own = openid.consent(mine["authorization_url"], **claims)
    for body in (
        {"attempt": mine["attempt"], **carried},
        {"attempt": mine["attempt"], "state": own["state"], "code": carried["code"]},
        {"attempt": mine["attempt"], "state": own["state"], "code": "guessed"},
    ):
        answer = await identity.anonymous.post("/v1/auth/providers/google/finish", json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, "provider_refused")


@pytest.fixture
async def microsoft(
    services: ServiceUnderTest,
    storage_settings: StorageSettings,
    openid: OpenIdProvider,
    key_pair: KeyPair,
) -> AsyncIterator[Identity]:
    """Where Microsoft is offered: its common endpoint announces a template of an issuer."""
    openid.issuer = f"{openid.address}/{{tenantid}}/v2.0"
    settings = services.settings(
        Settings,
        secure_cookies=False,
        microsoft_client_id=openid.client_id,
        microsoft_client_secret=openid.client_secret,
        microsoft_issuer=openid.address,
    )
    app = create_app(settings, storage_settings)
    yield Identity(services, app, key_pair)
    openid.issuer = openid.address
    await app.state.database.close()


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"xms_edov": True}, 200),
        ({"xms_edov": "1"}, 200),
        # Anybody may write any address into a tenant of their own.
        ({}, 401),
        ({"xms_edov": False}, 401),
        ({"xms_edov": True, "tid": "another-tenant"}, 401),
    ],
)
async def test_microsofts_tenants_sign_for_themselves_and_their_own_domains(
    microsoft: Identity, openid: OpenIdProvider, claims: dict[str, Any], status: int
) -> None:
    issuer = {"iss": f"{openid.address}/a-tenant/v2.0", "tid": "a-tenant"}
    person = {"sub": uuid4().hex, "email": f"{uuid4().hex}@example.com", "name": "Kari"}
    begun = (await microsoft.anonymous.post("/v1/auth/providers/microsoft/begin")).json()
    carried = openid.consent(begun["authorization_url"], **{**issuer, **person, **claims})
    body = {"attempt": begun["attempt"], **carried}
    answer = await microsoft.anonymous.post("/v1/auth/providers/microsoft/finish", json=body)
    assert answer.status_code == status, answer.text


async def test_a_code_works_once(identity: Identity, openid: OpenIdProvider) -> None:
    begun = await begin(identity)
    claims = {"sub": uuid4().hex, "email": f"{uuid4().hex}@example.com", "email_verified": True}
    body = {"attempt": begun["attempt"], **openid.consent(begun["authorization_url"], **claims)}
    path = "/v1/auth/providers/google/finish"
    assert (await identity.anonymous.post(path, json=body)).status_code == 200
    identity.anonymous.cookies.clear()
    assert (await identity.anonymous.post(path, json=body)).status_code == 401


async def test_providers_nobody_configured_are_not_offered(identity: Identity) -> None:
    listed = await identity.anonymous.get("/v1/auth/providers")
    assert listed.json() == {"items": ["google"]}
    answer = await identity.anonymous.post("/v1/auth/providers/microsoft/begin")
    assert (answer.status_code, answer.json()["code"]) == (404, "provider_not_configured")
    assert (await identity.anonymous.post("/v1/auth/providers/evil/begin")).status_code == 422


async def test_the_browser_comes_back_to_our_own_address_only(
    identity: Identity, openid: OpenIdProvider
) -> None:
    url = httpx.URL((await begin(identity))["authorization_url"])
    assert url.params["redirect_uri"] == "https://studio.example/oauth/google"
