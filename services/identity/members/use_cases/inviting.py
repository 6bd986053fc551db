"""Verbs of invitations: invite, list, resend, revoke, look up."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.database import Database
from chassis.errors import Forbidden
from chassis.outbox import emit
from contracts.caller import Caller
from contracts.private import InvitationSent
from services.identity.accounts.rules import normal_email
from services.identity.administration.use_cases.audit import record_audit
from services.identity.errors import AlreadyMember, RoleTooHigh, TokenNotValid
from services.identity.letters import letter_to
from services.identity.members import repository, rules
from services.identity.members.schemas import InvitationOffer, Invite
from services.identity.members.use_cases.joining import find_invitation
from services.identity.members.use_cases.team import must_manage
from services.identity.sessions.rules import TOKEN_BYTES, hash_token
from services.identity.tables import InvitationRow
from services.identity.workspaces.repository import get_workspace, get_workspace_locked


@dataclass(frozen=True)
class Invitations:
    """How long an invitation is open."""

    lives: timedelta

    async def invite(self, session: AsyncSession, caller: Caller, body: Invite) -> InvitationRow:
        """Raises AlreadyMember, AlreadyInvited, RoleTooHigh."""
        must_manage(caller)
        if not rules.can_give(caller.role, body.role):
            raise RoleTooHigh
        email, now = normal_email(body.email), datetime.now(UTC)
        await get_workspace_locked(session, caller.workspace_id)
        if await repository.is_member(session, caller.workspace_id, email):
            raise AlreadyMember
        token = secrets.token_urlsafe(TOKEN_BYTES)
        row = InvitationRow(
            id=uuid7(),
            workspace_id=caller.workspace_id,
            email=email,
            role=body.role,
            token_hash=hash_token(token),
            invited_by=caller.member_id,
            created_at=now,
            expires_at=now + self.lives,
        )
        await repository.add_invitation(session, row)
        details = {"role": row.role}
        await record_audit(session, row.workspace_id, "invitation.created", row.id, details)
        await _mail(session, caller, row, token, body.language)
        return row

    async def resend(
        self, session: AsyncSession, caller: Caller, invitation_id: UUID
    ) -> InvitationRow:
        """A new secret and a new end; the old mail opens nothing any more."""
        must_manage(caller)
        await get_workspace_locked(session, caller.workspace_id)
        row = await repository.get_invitation(session, caller.workspace_id, invitation_id)
        if row.accepted_at is not None or row.revoked_at is not None:
            raise TokenNotValid
        if not rules.can_give(caller.role, "admin" if row.role == "admin" else "member"):
            raise RoleTooHigh
        token = secrets.token_urlsafe(TOKEN_BYTES)
        row.token_hash, row.expires_at = hash_token(token), datetime.now(UTC) + self.lives
        await session.flush()
        await record_audit(session, row.workspace_id, "invitation.resent", row.id, {})
        await _mail(session, caller, row, token, None)
        return row


async def _mail(
    session: AsyncSession, caller: Caller, row: InvitationRow, token: str, language: str | None
) -> None:
    inviter = await repository.get_member(session, caller.workspace_id, caller.member_id)
    workspace = await get_workspace(session, caller.workspace_id)
    letter = letter_to(inviter, workspace, to=row.email, role=row.role, token=token)
    letter |= {"expires_at": row.expires_at, "language": language or inviter.language}
    await emit(session, InvitationSent(**letter))


async def list_invitations(
    session: AsyncSession, caller: Caller, *, limit: int, before: UUID | None
) -> list[InvitationRow]:
    if not (caller.role in ("owner", "admin") and rules.can_see_members(caller)):
        raise Forbidden
    return await repository.list_invitations(
        session, caller.workspace_id, limit=limit, before=before
    )


async def revoke_invitation(session: AsyncSession, caller: Caller, invitation_id: UUID) -> None:
    """Raises NotFound; TokenNotValid when it was accepted already."""
    must_manage(caller)
    await get_workspace_locked(session, caller.workspace_id)
    row = await repository.get_invitation(session, caller.workspace_id, invitation_id)
    if row.accepted_at is not None:
        raise TokenNotValid
    if row.revoked_at is None:
        row.revoked_at = datetime.now(UTC)
        await session.flush()
        await record_audit(session, row.workspace_id, "invitation.revoked", row.id, {})


async def look_up(database: Database, token: str) -> InvitationOffer:
    """What whoever holds the mail is offered; raises TokenNotValid."""
    async with database.across_workspaces() as session:
        row = await find_invitation(session, token, datetime.now(UTC))
        workspace = await get_workspace(session, row.workspace_id)
    return InvitationOffer(
        workspace_name=workspace.name, email=row.email, role=row.role, expires_at=row.expires_at
    )
