"""Verb: say who showed a session token or an API key."""

from datetime import datetime
from typing import cast

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Unauthenticated
from contracts.caller import Caller, Plan, Role, WorkspaceStatus
from services.identity.sessions import repository, rules
from services.identity.sessions.schemas import AskPrincipal, Principal
from services.identity.tables import SessionRow, UserRow, WorkspaceRow


async def find_principal(
    session: AsyncSession, asked: AskPrincipal, now: datetime, *, key_kind: rules.KeyKind
) -> Principal:
    """Who showed this; raises Unauthenticated for anything not in force here and now."""
    if asked.session_token is not None:
        return await _session_principal(session, asked.session_token, now)
    key = cast(str, asked.api_key)
    if not key.startswith(rules.key_prefix(key_kind)):
        raise Unauthenticated
    return await _key_principal(session, key, now)


async def _session_principal(session: AsyncSession, token: str, now: datetime) -> Principal:
    found = await repository.find_session_principal(session, rules.hash_token(token))
    if found is None:
        raise Unauthenticated
    row, user, workspace = found
    if row.expires_at <= now or rules.is_banned(user.banned, user.ban_expires_at, now):
        raise Unauthenticated
    expires_at = row.expires_at
    impersonated = row.impersonated_by is not None
    if impersonated and not await _may_still_impersonate(session, row, now):
        raise Unauthenticated
    if rules.should_slide(row.refreshed_at, now, impersonated=impersonated):
        expires_at = rules.expiry_of(row.created_at, now)
        await repository.slide(session, row, now=now, until=expires_at)
    caller = _caller_of(user, workspace).model_copy(
        update={
            "session_id": row.id,
            "is_system_admin": user.is_system_admin and not impersonated,
            "impersonator_id": row.impersonated_by,
        }
    )
    return Principal(caller=caller, expires_at=expires_at)


async def _may_still_impersonate(session: AsyncSession, row: SessionRow, now: datetime) -> bool:
    # Ending an administrator ends these sessions too; this holds even where that was forgotten.
    by = await repository.find_user(session, row.impersonated_by)
    return (
        by is not None
        and by.is_system_admin
        and not rules.is_banned(by.banned, by.ban_expires_at, now)
    )


async def _key_principal(session: AsyncSession, key: str, now: datetime) -> Principal:
    found = await repository.find_key_principal(session, rules.hash_token(key))
    if found is None:
        raise Unauthenticated
    row, user, workspace = found
    expired = row.expires_at is not None and row.expires_at <= now
    if expired or rules.is_banned(user.banned, user.ban_expires_at, now):
        raise Unauthenticated
    if rules.should_record_use(row.last_used_at, now):
        await repository.record_use(session, row, now)
    # Never a system administrator: a leaked key must not open every workspace.
    caller = _caller_of(user, workspace).model_copy(
        update={"api_key_id": row.id, "scopes": frozenset(row.scopes)}
    )
    return Principal(caller=caller, expires_at=row.expires_at)


def _caller_of(user: UserRow, workspace: WorkspaceRow) -> Caller:
    return Caller(
        member_id=user.id,
        workspace_id=workspace.id,
        role=cast(Role, user.role),
        plan=cast(Plan, workspace.plan),
        workspace_status=cast(WorkspaceStatus, workspace.status),
    )
