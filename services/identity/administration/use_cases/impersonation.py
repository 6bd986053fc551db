"""Verbs of impersonation: an administrator sees what a member sees, fenced and on the record."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import NotFound
from chassis.outbox import emit
from contracts.caller import Caller
from contracts.private import ImpersonationStarted
from services.identity.accounts.repository import get_user
from services.identity.administration.schemas import Impersonate, ImpersonationView
from services.identity.administration.use_cases.audit import record_audit
from services.identity.dependencies import Origin
from services.identity.errors import CannotTouchAdministrator, OwnSessionNeeded
from services.identity.letters import letter_to
from services.identity.sessions import rules as session_rules
from services.identity.sessions.repository import find_session, find_session_locked, find_user
from services.identity.sessions.use_cases.own import add_session, renew_token, sign_out
from services.identity.tables import SessionRow, UserRow
from services.identity.workspaces.repository import get_workspace


@dataclass(frozen=True)
class Started:
    """The answer, and the cookie's new token."""

    view: ImpersonationView
    token: str


async def start_impersonation(
    session: AsyncSession, caller: Caller, user_id: UUID, body: Impersonate, origin: Origin
) -> Started:
    """Act as a member; raises NotFound, CannotTouchAdministrator."""
    if caller.session_id is None or not session_rules.is_own_session(caller):
        raise OwnSessionNeeded
    user = await get_user(session, user_id)
    if user.is_system_admin or user.id == caller.member_id:
        raise CannotTouchAdministrator
    if user.workspace_id is None:
        raise NotFound
    lasts = timedelta(minutes=body.minutes)
    row, token = add_session(session, user.workspace_id, user.id, origin, lasts)
    return_token = secrets.token_urlsafe(session_rules.TOKEN_BYTES)
    row.impersonated_by, row.impersonator_session_id = caller.member_id, caller.session_id
    row.return_hash = session_rules.hash_token(return_token)
    details = {"reason": body.reason, "expires_at": row.expires_at.isoformat()}
    await record_audit(session, user.workspace_id, "impersonation.started", user.id, details)
    await _notify(session, user, body.reason, row.expires_at)
    view = ImpersonationView(
        member_id=user.id,
        workspace_id=user.workspace_id,
        expires_at=row.expires_at,
        return_token=return_token,
    )
    return Started(view, token)


async def _notify(session: AsyncSession, user: UserRow, reason: str, until: datetime) -> None:
    workspace = await get_workspace(session, cast(UUID, user.workspace_id))
    letter = letter_to(user, workspace, reason=reason, until=until)
    await emit(session, ImpersonationStarted(**letter))


async def stop_impersonation(
    session: AsyncSession, caller: Caller, return_token: str | None
) -> str | None:
    """End it; the administrator's session under a new token when they kept the return token."""
    if caller.impersonator_id is None:
        raise OwnSessionNeeded
    # Not held: whoever ends impersonations holds the administrator's own session first, as we do.
    ended = await find_session(session, caller.session_id)
    if ended is None or ended.impersonated_by != caller.impersonator_id:
        raise NotFound
    token = await _return(session, ended, return_token)
    await sign_out(session, caller)
    return token


async def _return(session: AsyncSession, ended: SessionRow, return_token: str | None) -> str | None:
    shown = session_rules.hash_token(return_token or "")
    if ended.return_hash is None or not hmac.compare_digest(shown, ended.return_hash):
        return None
    own = await find_session_locked(session, ended.impersonator_session_id)
    user = await find_user(session, ended.impersonated_by)
    now = datetime.now(UTC)
    if own is None or own.expires_at <= now or user is None or not user.is_system_admin:
        return None
    return await renew_token(session, own)
