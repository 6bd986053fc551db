"""Verbs: found a workspace for somebody new or left without one, and the first administrator."""

import secrets
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from contracts.event import Actor
from contracts.identity import MemberJoined, WorkspaceCreated
from contracts.private import Language
from services.identity.accounts import repository, rules
from services.identity.accounts.schemas import SignUp
from services.identity.errors import SignUpRefused
from services.identity.providers.passwords import Passwords
from services.identity.tables import AccountRow, UserRow, WorkspaceRow

log = structlog.get_logger()


def founder_scope() -> SystemScope:
    return SystemScope(uuid7(), Actor(kind="member", id=uuid7()))


@dataclass(frozen=True)
class Founder:
    """Who begins a workspace of their own."""

    name: str
    email: str
    language: Language
    email_verified: bool = False
    is_system_admin: bool = False


async def found(
    session: AsyncSession, scope: SystemScope, founder: Founder, referral_code: str | None = None
) -> tuple[UserRow, WorkspaceRow]:
    """A workspace and its owner; raises SignUpRefused when the address is taken."""
    workspace = _workspace_for(scope, founder.name, founder.email)
    user = UserRow(
        id=member_of(scope),
        workspace_id=scope.workspace_id,
        name=founder.name,
        email=founder.email,
        email_verified=founder.email_verified,
        language=founder.language,
        role="owner",
        is_system_admin=founder.is_system_admin,
    )
    await repository.add_person(session, workspace, user)
    await _tell_founded(session, workspace, user.id, referral_code or None)
    return user, workspace


def _workspace_for(scope: SystemScope, name: str, email: str) -> WorkspaceRow:
    suffix = "".join(secrets.choice(rules.SLUG_ALPHABET) for _ in range(rules.SLUG_SUFFIX_LENGTH))
    return WorkspaceRow(
        id=scope.workspace_id,
        name=rules.workspace_name_of(name),
        slug=rules.slug_of(email, suffix),
    )


async def found_again(database: Database, user_id: UUID) -> SystemScope:
    """A workspace of their own for somebody who was removed from one."""
    scope = SystemScope(uuid7(), Actor(kind="member", id=user_id))
    async with database.across_workspaces() as session:
        session.info["actor"] = scope.actor
        user = await repository.get_user(session, user_id)
        if user.workspace_id is not None:
            return SystemScope(user.workspace_id, scope.actor)
        workspace = _workspace_for(scope, user.name, user.email)
        session.add(workspace)
        await session.flush()
        user.workspace_id, user.role = workspace.id, "owner"
        await session.flush()
        await repository.rehome_accounts(session, user.id, workspace.id)
        await session.refresh(workspace)
        await _tell_founded(session, workspace, user.id, None)
    return scope


async def add_password(session: AsyncSession, user: UserRow, password_hash: str) -> None:
    account = AccountRow(
        workspace_id=user.workspace_id,
        user_id=user.id,
        provider_id="credential",
        account_id=user.email,
        password_hash=password_hash,
    )
    await repository.add_account(session, account)


async def _tell_founded(
    session: AsyncSession, workspace: WorkspaceRow, user_id: UUID, referral_code: str | None
) -> None:
    created = WorkspaceCreated(
        workspace_id=workspace.id,
        name=workspace.name,
        owner_id=user_id,
        plan="free",
        status="active",
        referral_code=referral_code,
    )
    await emit(session, created)
    await emit(session, MemberJoined(workspace_id=workspace.id, member_id=user_id, role="owner"))


def member_of(scope: SystemScope) -> UUID:
    if scope.actor.id is None:
        raise ValueError("the scope names no member")
    return scope.actor.id


async def ensure_system_admin(database: Database, passwords: Passwords, body: SignUp) -> None:
    """Make the administrator unless the address is taken; nobody is ever promoted here."""
    email = rules.normal_email(body.email)
    async with database.across_workspaces() as session:
        if await repository.find_user_by_email(session, email) is not None:
            return
    password_hash = await passwords.hash(body.password.get_secret_value())
    scope = founder_scope()
    founder = Founder(body.name, email, body.language, email_verified=True, is_system_admin=True)
    try:
        async with database.transaction(scope) as session:
            user, _ = await found(session, scope, founder)
            await add_password(session, user, password_hash)
    except SignUpRefused:
        # Another replica was faster.
        return
    log.info("system_admin.created", member_id=str(member_of(scope)))
