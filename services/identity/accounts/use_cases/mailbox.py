"""Verbs of a mailbox: verify it, and move to another one that confirms first."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.database import Database
from chassis.outbox import emit
from contracts.caller import Caller
from contracts.event import Actor
from contracts.private import (
    CredentialsChanged,
    EmailChangeRequested,
    EmailVerificationRequested,
    EmailVerified,
)
from services.identity.accounts import repository, rules
from services.identity.administration.use_cases.audit import record_audit
from services.identity.errors import EmailTaken, TokenNotValid
from services.identity.letters import letter_to
from services.identity.sessions.rules import TOKEN_BYTES, hash_token
from services.identity.sessions.use_cases.own import end_sessions, must_be_own
from services.identity.tables import UserRow, VerificationRow, WorkspaceRow
from services.identity.workspaces.repository import get_workspace


@dataclass(frozen=True)
class Mailed:
    """The secret for the mail, stored only as a hash, and when it ends."""

    token: str
    expires_at: datetime


async def new_token(
    session: AsyncSession, user_id: UUID, identifier: str, purpose: rules.Purpose
) -> Mailed:
    """A single-use secret; earlier ones of the same purpose stop working."""
    now = datetime.now(UTC)
    await repository.end_tokens(session, user_id, purpose, now)
    mailed = Mailed(secrets.token_urlsafe(TOKEN_BYTES), now + rules.TOKEN_LIVES[purpose])
    session.add(
        VerificationRow(
            id=uuid7(),
            user_id=user_id,
            identifier=identifier,
            purpose=purpose,
            token_hash=hash_token(mailed.token),
            created_at=now,
            expires_at=mailed.expires_at,
        )
    )
    await session.flush()
    return mailed


async def request_verification(
    session: AsyncSession, user: UserRow, workspace: WorkspaceRow
) -> None:
    mailed = await new_token(session, user.id, user.email, "verify_email")
    letter = letter_to(user, workspace, token=mailed.token, expires_at=mailed.expires_at)
    await emit(session, EmailVerificationRequested(**letter))


async def resend_verification(session: AsyncSession, caller: Caller) -> None:
    """Again, unless there is nothing left to verify."""
    must_be_own(caller)
    user = await repository.get_user(session, caller.member_id)
    if not user.email_verified:
        workspace = await get_workspace(session, caller.workspace_id)
        await request_verification(session, user, workspace)


async def verify_email(database: Database, token: str) -> None:
    """The mailbox is theirs; raises TokenNotValid."""
    async with database.across_workspaces() as session:
        user = await take_token(session, token, "verify_email")
        user.email_verified = True
        if user.workspace_id is not None:
            await welcome(session, user, await get_workspace(session, user.workspace_id))


async def welcome(session: AsyncSession, user: UserRow, workspace: WorkspaceRow) -> None:
    """Whoever proved their mailbox, by a link, an invitation or another provider."""
    await emit(session, EmailVerified(**letter_to(user, workspace)))


async def take_token(session: AsyncSession, token: str, purpose: rules.Purpose) -> UserRow:
    """Whom the mailed secret belongs to, once; the transaction then acts as them."""
    taken = await repository.use_token(session, hash_token(token), purpose, datetime.now(UTC))
    if taken is None:
        raise TokenNotValid
    user = await repository.get_user(session, taken[0])
    # A link for an address the person has left behind proves nothing about the present one.
    if purpose == "verify_email" and user.email != taken[1]:
        raise TokenNotValid
    session.info["actor"] = Actor(kind="member", id=user.id)
    return user


async def request_change(session: AsyncSession, caller: Caller, email: str) -> None:
    """Mail the new address; answers alike when it is taken, and the present one stays."""
    must_be_own(caller)
    user = await repository.get_user(session, caller.member_id)
    workspace = await get_workspace(session, caller.workspace_id)
    mailed = await new_token(session, user.id, email, "change_email")
    letter = letter_to(user, workspace, to=email)
    letter |= {"token": mailed.token, "expires_at": mailed.expires_at}
    await emit(session, EmailChangeRequested(**letter))


async def confirm_change(database: Database, token: str) -> None:
    """The new address counts from now on; raises TokenNotValid, EmailTaken."""
    async with database.across_workspaces() as session:
        now = datetime.now(UTC)
        taken = await repository.use_token(session, hash_token(token), "change_email", now)
        if taken is None:
            raise TokenNotValid
        user = await repository.get_user(session, taken[0])
        session.info["actor"] = Actor(kind="member", id=user.id)
        await _move(session, user, taken[1])


async def _move(session: AsyncSession, user: UserRow, email: str) -> None:
    workspace = None
    if user.workspace_id is not None:
        workspace = await get_workspace(session, user.workspace_id)
        await emit(session, CredentialsChanged(**letter_to(user, workspace), what="email"))
    account = await repository.find_account(session, user.id, "credential")
    user.email, user.email_verified = email, True
    if account is not None:
        account.account_id = email
    try:
        await session.flush()
    except IntegrityError as error:
        raise EmailTaken from error
    # Links on their way to the old mailbox must open nothing any more.
    for purpose in rules.TOKEN_LIVES:
        await repository.end_tokens(session, user.id, purpose, datetime.now(UTC))
    if workspace is not None:
        await record_audit(session, workspace.id, "user.email_changed", user.id, {})
        await end_sessions(session, workspace.id, user.id)
