"""Verbs of administrators about people: ban, lift a ban, make and unmake administrators."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from contracts.caller import Caller
from services.identity.accounts.repository import get_user
from services.identity.administration import repository
from services.identity.administration.schemas import Ban, ChangeUser
from services.identity.administration.use_cases.audit import record_audit
from services.identity.errors import (
    CannotTouchAdministrator,
    ExpiryInThePast,
    LastAdministrator,
)
from services.identity.sessions.repository import delete_impersonations
from services.identity.sessions.rules import is_banned
from services.identity.sessions.use_cases.own import end_sessions, tell_revoked
from services.identity.tables import UserRow

BANS_AT_ONCE = 100


async def ban_user(session: AsyncSession, caller: Caller, user_id: UUID, body: Ban) -> UserRow:
    """Keep somebody out, now and in every open session; raises NotFound."""
    if body.expires_at is not None and body.expires_at <= datetime.now(UTC):
        raise ExpiryInThePast
    user = await get_user(session, user_id)
    if user.is_system_admin or user.id == caller.member_id:
        raise CannotTouchAdministrator
    user.banned, user.ban_reason, user.ban_expires_at = True, body.reason, body.expires_at
    until = body.expires_at.isoformat() if body.expires_at else None
    await _record(session, user, "user.banned", {"reason": body.reason, "expires_at": until})
    if user.workspace_id is not None:
        await end_sessions(session, user.workspace_id, user.id)
    return user


async def lift_ban(session: AsyncSession, user_id: UUID) -> UserRow:
    user = await get_user(session, user_id)
    if user.banned:
        await _end_ban(session, user, "user.ban_lifted")
    return user


async def _end_ban(session: AsyncSession, user: UserRow, action: str) -> None:
    user.banned, user.ban_reason, user.ban_expires_at = False, None, None
    await _record(session, user, action, {})


async def end_bans(database: Database, now: datetime) -> None:
    """Bans past their end keep nobody out already; now lists say so too."""
    async with database.across_workspaces() as session:
        ended = await repository.list_ended_bans(session, now, BANS_AT_ONCE)
    for user_id in ended:
        async with database.across_workspaces() as session:
            user = await get_user(session, user_id)
            # An administrator may have prolonged or lifted it since the list was made.
            if user.banned and not is_banned(user.banned, user.ban_expires_at, now):
                await _end_ban(session, user, "user.ban_ended")


async def change_user(session: AsyncSession, user_id: UUID, body: ChangeUser) -> UserRow:
    """Make or unmake a system administrator; at least one remains."""
    administrators = await repository.count_administrators(session)
    user = await get_user(session, user_id)
    if user.is_system_admin == body.is_system_admin:
        return user
    if user.is_system_admin and administrators <= 1:
        raise LastAdministrator
    user.is_system_admin = body.is_system_admin
    details = {"is_system_admin": body.is_system_admin, "reason": body.reason}
    await _record(session, user, "user.administrator_changed", details)
    if user.workspace_id is not None:
        # What they hold was given to somebody else than they are now.
        await end_sessions(session, user.workspace_id, user.id)
    for workspace_id, member_id, session_id in await delete_impersonations(session, user.id):
        await tell_revoked(session, workspace_id, member_id, session_id)
    return user


async def _record(
    session: AsyncSession, user: UserRow, action: str, details: dict[str, object]
) -> None:
    await session.flush()
    await session.refresh(user)
    if user.workspace_id is not None:
        await record_audit(session, user.workspace_id, action, user.id, details)
