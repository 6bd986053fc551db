"""Verbs: sign in, and enter: a new session for somebody we recognised."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from contracts.event import Actor
from contracts.private import SignedInElsewhere
from services.identity.accounts import repository, rules
from services.identity.accounts.schemas import SignIn
from services.identity.accounts.use_cases.founding import found_again, member_of
from services.identity.accounts.use_cases.mailbox import request_verification
from services.identity.dependencies import Entrance, Origin
from services.identity.errors import Banned, WrongCredentials
from services.identity.letters import letter_to
from services.identity.members.repository import get_member
from services.identity.members.schemas import MemberView, MeView
from services.identity.providers.passwords import Passwords
from services.identity.sessions.repository import is_familiar
from services.identity.sessions.rules import is_banned
from services.identity.sessions.use_cases.own import start_session
from services.identity.tables import UserRow
from services.identity.workspaces.repository import get_workspace
from services.identity.workspaces.schemas import WorkspaceView


@dataclass(frozen=True)
class SignedIn:
    """Who signed in, and the token for their cookie."""

    me: MeView
    token: str


async def sign_in(
    database: Database, passwords: Passwords, body: SignIn, door: Entrance
) -> SignedIn:
    """Raises WrongCredentials; Banned only to those who know the password."""
    email = rules.normal_email(body.email)
    async with database.across_workspaces() as session:
        found = await repository.find_credential(session, email)
    user, account = found if found else (None, None)
    stored = account.password_hash if account else None
    valid, better = await passwords.verify(body.password.get_secret_value(), stored)
    if not valid or user is None or account is None:
        raise WrongCredentials
    if is_banned(user.banned, user.ban_expires_at, datetime.now(UTC)):
        raise Banned
    scope = await scope_of(database, user)
    if not (door.sign_up_signs_in or user.email_verified):
        await _remind(database, scope, user)
        raise WrongCredentials
    async with database.transaction(scope) as session:
        if better is not None:
            await repository.upgrade_password(session, scope.workspace_id, account, better)
        await tell_if_elsewhere(session, scope, door.origin)
        return await enter(session, scope, door.origin)


async def scope_of(database: Database, user: UserRow) -> SystemScope:
    if user.workspace_id is None:
        return await found_again(database, user.id)
    return SystemScope(user.workspace_id, Actor(kind="member", id=user.id))


async def _remind(database: Database, scope: SystemScope, user: UserRow) -> None:
    """To sign in at once would tell who signed up from who was refused: the mailbox comes first."""
    async with database.transaction(scope) as session:
        workspace = await get_workspace(session, scope.workspace_id)
        await request_verification(session, user, workspace)


async def enter(session: AsyncSession, scope: SystemScope, origin: Origin) -> SignedIn:
    """A new session for the scope's member, always under a new token."""
    member_id = member_of(scope)
    token = await start_session(session, scope.workspace_id, member_id, origin)
    me = MeView(
        member=MemberView.model_validate(await get_member(session, scope.workspace_id, member_id)),
        workspace=WorkspaceView.model_validate(await get_workspace(session, scope.workspace_id)),
    )
    return SignedIn(me, token)


async def tell_if_elsewhere(session: AsyncSession, scope: SystemScope, origin: Origin) -> None:
    """Mail the person unless they are signed in from the same browser and network already."""
    member_id = member_of(scope)
    familiar = await is_familiar(
        session,
        scope.workspace_id,
        member_id,
        ip_address=origin.ip_address,
        user_agent=origin.user_agent,
    )
    if familiar:
        return
    user = await get_member(session, scope.workspace_id, member_id)
    workspace = await get_workspace(session, scope.workspace_id)
    letter = letter_to(user, workspace, ip_address=origin.ip_address, user_agent=origin.user_agent)
    await emit(session, SignedInElsewhere(**letter))
