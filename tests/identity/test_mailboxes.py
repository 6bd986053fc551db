"""Mailed links: verify, reset, move to another mailbox; and changing a password."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from chassis.testing import emitted
from contracts.identity import SessionsRevoked
from contracts.private import (
    CredentialsChanged,
    EmailChangeRequested,
    EmailVerificationRequested,
    EmailVerified,
    PasswordResetRequested,
    SignedInElsewhere,
    SignUpRepeated,
)
from services.identity.accounts.use_cases.passwords import mail_reset
from services.identity.tables import VerificationRow
from tests.identity.conftest import PASSWORD, Identity, Person

NEW = "another good password"


async def reset_token(identity: Identity, person: Person) -> str:
    await mail_reset(identity.database, person.email)
    return (await identity.letters(PasswordResetRequested, person.email))[-1].token


async def age(identity: Identity, person: Person, purpose: str, by: timedelta) -> None:
    async with identity.database.across_workspaces() as session:
        mine = VerificationRow.user_id == person.caller.member_id
        await session.execute(
            update(VerificationRow)
            .where(mine, VerificationRow.purpose == purpose)
            .values(expires_at=VerificationRow.expires_at - by)
        )


async def test_a_verification_link_lives_a_day_and_works_once(
    identity: Identity, kari: Person
) -> None:
    [letter] = await identity.letters(EmailVerificationRequested, kari.email)
    left = letter.expires_at - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    body = {"token": letter.token}
    answers = await asyncio.gather(
        *(identity.anonymous.post("/v1/auth/email/verify", json=body) for _ in range(5))
    )
    assert sorted(a.status_code for a in answers) == [204, 410, 410, 410, 410]
    assert (await kari.client.get("/v1/members/me")).json()["member"]["email_verified"] is True
    assert len(await identity.letters(EmailVerified, kari.email)) == 1


async def test_a_resent_verification_ends_the_link_before(identity: Identity, kari: Person) -> None:
    answer = await kari.client.post("/v1/auth/email/verification")
    assert answer.status_code == 202
    first, second = await identity.letters(EmailVerificationRequested, kari.email)
    for token, status in ((first.token, 410), (second.token, 204)):
        used = await identity.anonymous.post("/v1/auth/email/verify", json={"token": token})
        assert used.status_code == status
    await kari.client.post("/v1/auth/email/verification")
    assert len(await identity.letters(EmailVerificationRequested, kari.email)) == 2


@pytest.mark.parametrize(
    ("purpose", "path", "more", "lives"),
    [
        ("verify_email", "/v1/auth/email/verify", {}, timedelta(hours=24)),
        ("reset_password", "/v1/auth/password/reset", {"password": NEW}, timedelta(hours=1)),
    ],
)
async def test_a_link_ends_by_itself(
    identity: Identity,
    kari: Person,
    purpose: str,
    path: str,
    more: dict[str, str],
    lives: timedelta,
) -> None:
    token = await reset_token(identity, kari)
    if purpose == "verify_email":
        token = (await identity.letters(EmailVerificationRequested, kari.email))[0].token
    await age(identity, kari, purpose, lives)
    answer = await identity.anonymous.post(path, json={"token": token, **more})
    assert (answer.status_code, answer.json()["code"]) == (410, "token_not_valid")


async def test_a_link_serves_its_own_purpose_only(identity: Identity, kari: Person) -> None:
    [letter] = await identity.letters(EmailVerificationRequested, kari.email)
    for path, more in (
        ("/v1/auth/password/reset", {"password": NEW}),
        ("/v1/auth/email/confirm", {}),
    ):
        answer = await identity.anonymous.post(path, json={"token": letter.token, **more})
        assert answer.status_code == 410


async def test_forgetting_a_password_answers_alike_whoever_asks(
    identity: Identity, kari: Person
) -> None:
    answers = [
        await identity.anonymous.post("/v1/auth/password/forgot", json={"email": email})
        for email in (kari.email, f"{uuid4().hex}@example.com")
    ]
    assert [a.status_code for a in answers] == [202, 202]
    assert answers[0].content == answers[1].content
    assert answers[0].headers == answers[1].headers
    await mail_reset(identity.database, f"{uuid4().hex}@example.com")


async def test_a_reset_ends_every_session_and_works_once_in_twenty_tries(
    identity: Identity, kari: Person
) -> None:
    body = {"token": await reset_token(identity, kari), "password": NEW}
    answers = await asyncio.gather(
        *(identity.anonymous.post("/v1/auth/password/reset", json=body) for _ in range(20))
    )
    assert sorted(a.status_code for a in answers) == [204] + [410] * 19
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 401
    old = {"email": kari.email, "password": PASSWORD}
    assert (await identity.anonymous.post("/v1/auth/sign-in", json=old)).status_code == 401
    new = {"email": kari.email, "password": NEW}
    assert (await identity.anonymous.post("/v1/auth/sign-in", json=new)).status_code == 200
    identity.anonymous.cookies.clear()
    [told] = await identity.letters(CredentialsChanged, kari.email)
    assert told.what == "password"
    async with identity.database.transaction(kari.caller) as session:
        [fact] = await emitted(session, SessionsRevoked)
    assert (fact.member_id, fact.session_ids) == (kari.caller.member_id, ())


async def test_somebody_removed_from_a_workspace_can_still_reset(
    identity: Identity, kari: Person
) -> None:
    ola = await identity.colleague(kari)
    await kari.client.delete(f"/v1/members/{ola.caller.member_id}")
    body = {"token": await reset_token(identity, ola), "password": NEW}
    assert (await identity.anonymous.post("/v1/auth/password/reset", json=body)).status_code == 204
    sign_in = {"email": ola.email, "password": NEW}
    back = await identity.anonymous.post("/v1/auth/sign-in", json=sign_in)
    identity.anonymous.cookies.clear()
    assert back.json()["member"]["role"] == "owner"


async def test_a_newer_reset_or_a_changed_password_ends_the_link(
    identity: Identity, kari: Person
) -> None:
    first = await reset_token(identity, kari)
    second = await reset_token(identity, kari)
    body = {"token": first, "password": NEW}
    assert (await identity.anonymous.post("/v1/auth/password/reset", json=body)).status_code == 410
    change = {"password": PASSWORD, "new_password": NEW}
    assert (await kari.client.post("/v1/auth/password/change", json=change)).status_code == 204
    body = {"token": second, "password": NEW}
    assert (await identity.anonymous.post("/v1/auth/password/reset", json=body)).status_code == 410


async def test_a_link_goes_where_settings_say_whatever_the_host_header_claims(
    identity: Identity, kari: Person
) -> None:
    await identity.anonymous.post(
        "/v1/auth/password/forgot",
        json={"email": kari.email},
        headers={"host": "evil.example", "x-forwarded-host": "evil.example"},
    )
    await mail_reset(identity.database, kari.email)
    [letter] = await identity.letters(PasswordResetRequested, kari.email)
    assert "evil" not in letter.model_dump_json()


async def test_mailed_secrets_are_stored_as_hashes(identity: Identity, kari: Person) -> None:
    token = await reset_token(identity, kari)
    async with identity.database.transaction(kari.caller) as session:
        rows = list(await session.scalars(select(VerificationRow)))
    assert {row.purpose for row in rows} == {"verify_email", "reset_password"}
    assert all(len(row.token_hash) == 32 and token.encode() not in row.token_hash for row in rows)


async def test_changing_a_password_keeps_this_session_and_ends_the_others(
    identity: Identity, kari: Person
) -> None:
    body = {"email": kari.email, "password": PASSWORD}
    other = (await identity.anonymous.post("/v1/auth/sign-in", json=body)).cookies["session"]
    identity.anonymous.cookies.clear()
    wrong = {"password": "not it", "new_password": NEW}
    refused = await kari.client.post("/v1/auth/password/change", json=wrong)
    assert (refused.status_code, refused.json()["code"]) == (401, "wrong_credentials")
    change = {"password": PASSWORD, "new_password": NEW}
    assert (await kari.client.post("/v1/auth/password/change", json=change)).status_code == 204
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 200
    assert (await identity.ask_principal(session_token=other)).status_code == 401


async def test_a_new_address_counts_only_after_it_confirms(
    identity: Identity, kari: Person
) -> None:
    new = f"{uuid4().hex}@example.com"
    body = {"email": new.upper(), "password": PASSWORD}
    assert (await kari.client.post("/v1/auth/email/change", json=body)).status_code == 202
    assert (await kari.client.get("/v1/members/me")).json()["member"]["email"] == kari.email
    sign_in = {"email": new, "password": PASSWORD}
    assert (await identity.anonymous.post("/v1/auth/sign-in", json=sign_in)).status_code == 401
    [letter] = await identity.letters(EmailChangeRequested, new)
    old_link = await reset_token(identity, kari)
    confirm = {"token": letter.token}
    answer = await identity.anonymous.post("/v1/auth/email/confirm", json=confirm)
    assert answer.status_code == 204
    assert (await identity.ask_principal(session_token=kari.token)).status_code == 401
    assert (await identity.anonymous.post("/v1/auth/sign-in", json=sign_in)).status_code == 200
    identity.anonymous.cookies.clear()
    [told] = await identity.letters(CredentialsChanged, kari.email)
    assert told.what == "email"
    stale = {"token": old_link, "password": NEW}
    assert (await identity.anonymous.post("/v1/auth/password/reset", json=stale)).status_code == 410


@pytest.mark.parametrize("by", ["change", "reset"])
async def test_a_changed_password_ends_a_change_of_address_somebody_else_began(
    identity: Identity, kari: Person, by: str
) -> None:
    """Who knew the old password must not still move the account to a mailbox of theirs."""
    thiefs = f"{uuid4().hex}@example.com"
    body = {"email": thiefs, "password": PASSWORD}
    assert (await kari.client.post("/v1/auth/email/change", json=body)).status_code == 202
    [letter] = await identity.letters(EmailChangeRequested, thiefs)
    if by == "change":
        change = {"password": PASSWORD, "new_password": NEW}
        answer = await kari.client.post("/v1/auth/password/change", json=change)
    else:
        reset = {"token": await reset_token(identity, kari), "password": NEW}
        answer = await identity.anonymous.post("/v1/auth/password/reset", json=reset)
    assert answer.status_code == 204
    late = await identity.anonymous.post("/v1/auth/email/confirm", json={"token": letter.token})
    assert (late.status_code, late.json()["code"]) == (410, "token_not_valid")
    assert (await kari.client.get("/v1/members/me")).json()["member"]["email"] == kari.email


@pytest.mark.parametrize("mailbox", ["unproven", "proven"])
async def test_keys_of_whoever_signed_up_with_anothers_address_end_when_its_owner_resets(
    identity: Identity, kari: Person, mailbox: str
) -> None:
    if mailbox == "proven":
        await identity.verified(kari)
    made = await kari.client.post("/v1/api-keys", json={"name": "k", "scopes": ["members:read"]})
    body = {"token": await reset_token(identity, kari), "password": NEW}
    assert (await identity.anonymous.post("/v1/auth/password/reset", json=body)).status_code == 204
    known = await identity.ask_principal(api_key=made.json()["key"])
    assert known.status_code == (200 if mailbox == "proven" else 401)


async def test_an_address_change_never_tells_that_an_address_is_taken(
    identity: Identity, kari: Person
) -> None:
    other = await identity.person()
    answers = []
    for email in (other.email, f"{uuid4().hex}@example.com"):
        body = {"email": email, "password": PASSWORD}
        answers.append(await kari.client.post("/v1/auth/email/change", json=body))
        if email == other.email:
            [letter] = await identity.letters(EmailChangeRequested, email)
            token = {"token": letter.token}
            used = await identity.anonymous.post("/v1/auth/email/confirm", json=token)
            assert (used.status_code, used.json()["code"]) == (409, "email_taken")
    assert [(a.status_code, a.content) for a in answers] == [(202, answers[0].content)] * 2
    assert (await other.client.get("/v1/members/me")).json()["member"]["email"] == other.email


async def test_a_wrong_password_changes_no_address(identity: Identity, kari: Person) -> None:
    body = {"email": f"{uuid4().hex}@example.com", "password": "not it"}
    assert (await kari.client.post("/v1/auth/email/change", json=body)).status_code == 401
    assert await identity.letters(EmailChangeRequested, body["email"]) == []


async def test_whoever_holds_an_address_learns_that_somebody_signs_up_with_it(
    identity: Identity, kari: Person
) -> None:
    body = {"name": "Ola", "email": kari.email, "password": NEW}
    assert (await identity.anonymous.post("/v1/auth/sign-up", json=body)).status_code == 409
    assert len(await identity.letters(SignUpRepeated, kari.email)) == 1


async def test_a_sign_in_from_elsewhere_is_told_and_a_familiar_one_is_not(
    identity: Identity, kari: Person
) -> None:
    body = {"email": kari.email, "password": PASSWORD}
    phone = {"user-agent": "Phone", "x-forwarded-for": "198.51.100.4"}
    for headers in ({}, phone, phone):
        answer = await identity.anonymous.post("/v1/auth/sign-in", json=body, headers=headers)
        assert answer.status_code == 200
    identity.anonymous.cookies.clear()
    [told] = await identity.letters(SignedInElsewhere, kari.email)
    assert (told.ip_address, told.user_agent) == ("198.51.100.4", "Phone")
