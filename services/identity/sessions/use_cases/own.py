"""Verbs of sessions: start, list, end one, end the others."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.errors import NotFound
from chassis.outbox import emit
from contracts.caller import Caller
from contracts.identity import SessionsRevoked
from services.identity.administration.use_cases.audit import record_audit
from services.identity.dependencies import Origin
from services.identity.errors import OwnSessionNeeded
from services.identity.sessions import repository, rules
from services.identity.tables import SessionRow


async def start_session(
    session: AsyncSession, workspace_id: UUID, user_id: UUID, origin: Origin
) -> str:
    """The new session's token: random, and known to the browser only."""
    _, token = add_session(session, workspace_id, user_id, origin, None)
    return token


def add_session(
    session: AsyncSession,
    workspace_id: UUID,
    user_id: UUID,
    origin: Origin,
    lasts: timedelta | None,
) -> tuple[SessionRow, str]:
    """The row and its token; `lasts` for one that does not slide."""
    token = secrets.token_urlsafe(rules.TOKEN_BYTES)
    now = datetime.now(UTC)
    row = SessionRow(
        id=uuid7(),
        workspace_id=workspace_id,
        user_id=user_id,
        token_hash=rules.hash_token(token),
        created_at=now,
        refreshed_at=now,
        expires_at=rules.expiry_of(now, now) if lasts is None else now + lasts,
        ip_address=origin.ip_address,
        user_agent=origin.user_agent,
    )
    session.add(row)
    return row, token


async def renew_token(session: AsyncSession, row: SessionRow) -> str:
    """The same session under a new token: the old one may still lie in some other jar."""
    token = secrets.token_urlsafe(rules.TOKEN_BYTES)
    row.token_hash = rules.hash_token(token)
    await session.flush()
    await tell_revoked(session, row.workspace_id, row.user_id, row.id)
    return token


async def list_sessions(session: AsyncSession, caller: Caller) -> list[SessionRow]:
    """For people: a program has no business with where its maker is signed in."""
    if caller.api_key_id is not None:
        raise OwnSessionNeeded
    now = datetime.now(UTC)
    return await repository.list_sessions(session, caller.workspace_id, caller.member_id, now)


async def revoke_session(session: AsyncSession, caller: Caller, session_id: UUID) -> None:
    """End one of the caller's own sessions; raises NotFound for anybody else's."""
    must_be_own(caller)
    await _end(session, caller, session_id)


async def revoke_others(session: AsyncSession, caller: Caller) -> None:
    """End every session of the caller but the one that asks."""
    must_be_own(caller)
    await end_sessions(session, caller.workspace_id, caller.member_id, keep=caller.session_id)


async def sign_out(session: AsyncSession, caller: Caller) -> None:
    """Of whatever session is at hand; an administrator who impersonates leaves a line behind."""
    if caller.session_id is None:
        raise OwnSessionNeeded
    if caller.impersonator_id is not None:
        # First, since it holds the workspace: whoever ends sessions holds it before them.
        action = "impersonation.stopped"
        await record_audit(session, caller.workspace_id, action, caller.member_id, {})
    await _end(session, caller, caller.session_id)


def must_be_own(caller: Caller) -> None:
    """What lets people in is changed by people alone: no program, no impersonator."""
    if not rules.is_own_session(caller):
        raise OwnSessionNeeded


async def end_sessions(
    session: AsyncSession, workspace_id: UUID, user_id: UUID, *, keep: UUID | None = None
) -> None:
    """End all of a person's sessions but `keep`, and tell whoever remembers them."""
    ended = await repository.delete_sessions(session, workspace_id, user_id, keep)
    if keep is None or ended:
        # None named means all: also what the gateway only thinks is alive.
        named = () if keep is None else tuple(ended)
        await tell_revoked(session, workspace_id, user_id, *named)


async def _end(session: AsyncSession, caller: Caller, session_id: UUID) -> None:
    ended = await repository.delete_session(
        session, caller.workspace_id, caller.member_id, session_id
    )
    if not ended:
        raise NotFound
    await tell_revoked(session, caller.workspace_id, caller.member_id, session_id)


async def tell_revoked(
    session: AsyncSession, workspace_id: UUID, member_id: UUID, *ended: UUID
) -> None:
    fact = SessionsRevoked(workspace_id=workspace_id, member_id=member_id, session_ids=ended)
    await emit(session, fact)
