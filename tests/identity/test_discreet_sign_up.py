"""Where sign-up does not sign in, nobody learns who has an account."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from chassis.settings import StorageSettings
from chassis.testing import KeyPair
from contracts.private import EmailVerificationRequested, SignUpRepeated
from services.identity.app import create_app
from services.identity.settings import Settings
from tests.identity.conftest import PASSWORD, Identity
from tests.support.services import ServiceUnderTest


@pytest.fixture
async def discreet(
    services: ServiceUnderTest, storage_settings: StorageSettings, key_pair: KeyPair
) -> AsyncIterator[Identity]:
    settings = services.settings(
        Settings, secure_cookies=False, password_threads=1, sign_up_signs_in=False
    )
    app = create_app(settings, storage_settings)
    yield Identity(services, app, key_pair)
    await app.state.database.close()


async def test_signing_up_answers_alike_for_a_free_and_a_taken_address(discreet: Identity) -> None:
    body = {"name": "Kari", "email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    first = await discreet.anonymous.post("/v1/auth/sign-up", json=body)
    second = await discreet.anonymous.post("/v1/auth/sign-up", json=body)
    assert (first.status_code, first.json()) == (202, {"status": "check_your_mail"})
    assert (second.status_code, second.content) == (202, first.content)
    assert first.headers == second.headers
    assert len(await discreet.letters(EmailVerificationRequested, body["email"])) == 1
    assert len(await discreet.letters(SignUpRepeated, body["email"])) == 1


async def test_who_has_not_verified_is_told_nothing_at_sign_in_but_by_mail(
    discreet: Identity,
) -> None:
    body = {"name": "Kari", "email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    await discreet.anonymous.post("/v1/auth/sign-up", json=body)
    sign_in = {"email": body["email"], "password": PASSWORD}
    early = await discreet.anonymous.post("/v1/auth/sign-in", json=sign_in)
    assert (early.status_code, early.json()["code"]) == (401, "wrong_credentials")
    letters = await discreet.letters(EmailVerificationRequested, body["email"])
    assert len(letters) == 2
    token = {"token": letters[-1].token}
    assert (await discreet.anonymous.post("/v1/auth/email/verify", json=token)).status_code == 204
    assert (await discreet.anonymous.post("/v1/auth/sign-in", json=sign_in)).status_code == 200
