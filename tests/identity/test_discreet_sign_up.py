"""Where sign-up does not sign in, nobody learns who has an account."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from sqlalchemy import select

from chassis.outbox import OutboxRow
from chassis.settings import StorageSettings
from chassis.testing import KeyPair
from contracts.private import EmailVerificationRequested, SignUpRepeated
from services.identity.accounts.consumers import found_asked_workspace
from services.identity.app import create_app
from services.identity.notes import SignUpAsked
from services.identity.settings import Settings
from tests.identity.conftest import PASSWORD, Identity
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def discreet(
    services: ServiceUnderTest, storage_settings: StorageSettings, key_pair: KeyPair
) -> AsyncIterator[Identity]:
    settings = services.settings(Settings, secure_cookies=False, password_threads=1)
    app = create_app(settings, storage_settings)
    yield Identity(services, app, key_pair)
    await app.state.database.close()


async def noted(discreet: Identity, email: str) -> list[SignUpAsked]:
    mine = OutboxRow.body["email"].astext == email
    notes = OutboxRow.routing_key == SignUpAsked.routing_key
    query = select(OutboxRow.body).where(notes, mine).order_by(OutboxRow.position)
    async with discreet.database.across_workspaces() as session:
        return [SignUpAsked.model_validate(body) for body in await session.scalars(query)]


async def react(discreet: Identity, email: str, times: int = 1) -> None:
    """What the worker does about every sign-up with this address."""
    for note in await noted(discreet, email) * times:
        await found_asked_workspace(note, discreet.database)


async def test_signing_up_answers_alike_for_a_free_and_a_taken_address(discreet: Identity) -> None:
    body = {"name": "Kari", "email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    first = await discreet.anonymous.post("/v1/auth/sign-up", json=body)
    second = await discreet.anonymous.post("/v1/auth/sign-up", json=body)
    assert (first.status_code, first.json()) == (202, {"status": "check_your_mail"})
    assert (second.status_code, second.content) == (202, first.content)
    assert first.headers == second.headers
    # And in the same time: the door looks nothing up.
    assert await discreet.letters(EmailVerificationRequested, body["email"]) == []
    await react(discreet, body["email"])
    assert len(await discreet.letters(EmailVerificationRequested, body["email"])) == 1
    assert len(await discreet.letters(SignUpRepeated, body["email"])) == 1


async def test_who_has_not_verified_is_told_nothing_at_sign_in_but_by_mail(
    discreet: Identity,
) -> None:
    body = {"name": "Kari", "email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    await discreet.anonymous.post("/v1/auth/sign-up", json=body)
    await react(discreet, body["email"])
    sign_in = {"email": body["email"], "password": PASSWORD}
    early = await discreet.anonymous.post("/v1/auth/sign-in", json=sign_in)
    assert (early.status_code, early.json()["code"]) == (401, "wrong_credentials")
    letters = await discreet.letters(EmailVerificationRequested, body["email"])
    assert len(letters) == 2
    token = {"token": letters[-1].token}
    assert (await discreet.anonymous.post("/v1/auth/email/verify", json=token)).status_code == 204
    assert (await discreet.anonymous.post("/v1/auth/sign-in", json=sign_in)).status_code == 200


async def test_a_sign_up_that_is_delivered_twice_founds_one_workspace_and_warns_nobody(
    discreet: Identity,
) -> None:
    body = {"name": "Kari", "email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    await discreet.anonymous.post("/v1/auth/sign-up", json=body)
    await react(discreet, body["email"], times=2)
    assert len(await discreet.letters(EmailVerificationRequested, body["email"])) == 1
    assert await discreet.letters(SignUpRepeated, body["email"]) == []


async def test_a_noted_password_is_a_hash(discreet: Identity) -> None:
    body = {"name": "Kari", "email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    await discreet.anonymous.post("/v1/auth/sign-up", json=body)
    query = select(OutboxRow).where(OutboxRow.body["email"].astext == body["email"])
    async with discreet.database.across_workspaces() as session:
        [note] = await session.scalars(query)
    assert note.is_private
    assert PASSWORD not in str(note.body)


async def test_a_sign_up_that_two_workers_have_at_once_warns_nobody(discreet: Identity) -> None:
    body = {"name": "Kari", "email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    await discreet.anonymous.post("/v1/auth/sign-up", json=body)
    [note] = await noted(discreet, body["email"])
    await asyncio.gather(*(found_asked_workspace(note, discreet.database) for _ in range(5)))
    assert len(await discreet.letters(EmailVerificationRequested, body["email"])) == 1
    assert await discreet.letters(SignUpRepeated, body["email"]) == []
