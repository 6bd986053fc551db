"""Verb: sign up, with a workspace of one's own or into the one that invites."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from contracts.event import Actor
from contracts.private import SignUpRepeated
from services.identity.accounts import repository, rules
from services.identity.accounts.schemas import SignUp
from services.identity.accounts.use_cases.entry import SignedIn, enter
from services.identity.accounts.use_cases.founding import (
    Founder,
    add_password,
    found,
    founder_scope,
    member_of,
)
from services.identity.accounts.use_cases.mailbox import request_verification, welcome
from services.identity.dependencies import Entrance, Origin
from services.identity.errors import SignUpRefused
from services.identity.letters import letter_to
from services.identity.members.use_cases.joining import take_invitation, tell_joined
from services.identity.notes import SignUpAsked
from services.identity.providers.passwords import Passwords
from services.identity.tables import UserRow
from services.identity.workspaces.repository import get_workspace, is_founded


async def sign_up(
    database: Database, passwords: Passwords, body: SignUp, door: Entrance
) -> SignedIn | None:
    """A person with a workspace of their own, or in the one that invites; raises SignUpRefused.

    Where sign-up does not sign in the answer is None, whether or not the address was free.
    """
    # Hashed first, so that a taken address takes as long as a free one.
    password_hash = await passwords.hash(body.password.get_secret_value())
    if body.invitation_token is not None:
        return await _join(database, body, password_hash, door.origin)
    scope = founder_scope()
    asked = SignUpAsked(
        workspace_id=scope.workspace_id,
        name=body.name,
        email=rules.normal_email(body.email),
        language=body.language,
        password_hash=password_hash,
        referral_code=body.referral_code,
    )
    if door.sign_up_signs_in:
        return await _found_and_enter(database, scope, asked, door.origin)
    async with database.transaction(scope) as session:
        await emit(session, asked)
    return None


async def _found_and_enter(
    database: Database, scope: SystemScope, asked: SignUpAsked, origin: Origin
) -> SignedIn:
    try:
        async with database.transaction(scope) as session:
            await _found(session, scope, asked)
            return await enter(session, scope, origin)
    except SignUpRefused:
        await _warn_holder(database, asked.email)
        raise


async def found_as_asked(database: Database, asked: SignUpAsked) -> None:
    """What the door noted; nobody learns here whether the address was free, but by mail."""
    scope = SystemScope(asked.workspace_id, asked.actor)
    try:
        async with database.transaction(scope) as session:
            if not await is_founded(session, asked.workspace_id):
                await _found(session, scope, asked)
    except SignUpRefused:
        async with database.transaction(scope) as session:
            delivered_twice = await is_founded(session, asked.workspace_id)
        if not delivered_twice:
            await _warn_holder(database, asked.email)


async def _found(session: AsyncSession, scope: SystemScope, asked: SignUpAsked) -> None:
    founder = Founder(asked.name, asked.email, asked.language)
    user, workspace = await found(session, scope, founder, asked.referral_code)
    await add_password(session, user, asked.password_hash)
    await request_verification(session, user, workspace)


async def _join(database: Database, body: SignUp, password_hash: str, origin: Origin) -> SignedIn:
    """The invitation's secret came by mail, so the mailbox is verified."""
    now, email = datetime.now(UTC), rules.normal_email(body.email)
    async with database.across_workspaces() as session:
        invitation = await take_invitation(session, body.invitation_token or "", email, now)
        scope = SystemScope(invitation.workspace_id, Actor(kind="member", id=uuid7()))
        session.info.update(actor=scope.actor, workspace_id=scope.workspace_id)
        user = UserRow(
            id=member_of(scope),
            workspace_id=scope.workspace_id,
            name=body.name,
            email=email,
            email_verified=True,
            language=body.language,
            role=invitation.role,
        )
        await repository.add_user(session, user)
        await add_password(session, user, password_hash)
        await tell_joined(session, user, invitation)
        await welcome(session, user, await get_workspace(session, scope.workspace_id))
        return await enter(session, scope, origin)


async def _warn_holder(database: Database, email: str) -> None:
    """Whoever holds the address learns of the attempt; whoever typed it does not learn of them."""
    async with database.across_workspaces() as session:
        holder = await repository.find_user_by_email(session, email)
        if holder is None or holder.workspace_id is None:
            return
        workspace = await get_workspace(session, holder.workspace_id)
        await emit(session, SignUpRepeated(**letter_to(holder, workspace)))
