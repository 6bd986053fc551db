"""Verbs of joining: take an invitation as somebody new, or move there from another workspace."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from contracts.caller import Caller
from contracts.identity import MemberJoined, MemberRemoved
from services.identity.administration.use_cases.audit import record_audit
from services.identity.errors import (
    AlreadyMember,
    InvitationForAnother,
    MailboxNotVerified,
    OwnerCannotLeave,
    TokenNotValid,
    WorkspaceIsSuspended,
    WouldLeaveWorkspace,
)
from services.identity.members import repository
from services.identity.members.schemas import AcceptInvitation
from services.identity.sessions.repository import delete_keys_of
from services.identity.sessions.rules import hash_token
from services.identity.sessions.use_cases.own import end_sessions, must_be_own
from services.identity.tables import InvitationRow, UserRow, WorkspaceRow
from services.identity.workspaces.repository import get_workspace, get_workspace_locked
from services.identity.workspaces.use_cases.closing import close


async def find_invitation(session: AsyncSession, token: str, now: datetime) -> InvitationRow:
    """The open invitation of a secret; raises TokenNotValid."""
    invitation = await repository.find_open_invitation(session, hash_token(token), now)
    if invitation is None:
        raise TokenNotValid
    return invitation


async def take_invitation(
    session: AsyncSession, token: str, email: str, now: datetime
) -> InvitationRow:
    """Use it up for this address; raises TokenNotValid, InvitationForAnother."""
    invitation = await find_invitation(session, token, now)
    if invitation.email != email:
        raise InvitationForAnother
    await _use(session, invitation, now)
    return invitation


async def _use(session: AsyncSession, invitation: InvitationRow, now: datetime) -> None:
    workspace = await get_workspace_locked(session, invitation.workspace_id)
    if workspace.deleted_at is not None:
        raise TokenNotValid
    if workspace.status == "suspended":
        raise WorkspaceIsSuspended
    if not await repository.accept_once(session, invitation, now):
        raise TokenNotValid


async def tell_joined(session: AsyncSession, user: UserRow, invitation: InvitationRow) -> None:
    workspace_id = invitation.workspace_id
    details = {"role": user.role, "invitation_id": str(invitation.id)}
    await record_audit(session, workspace_id, "member.joined", user.id, details)
    fact = MemberJoined(workspace_id=workspace_id, member_id=user.id, role=invitation.role)
    await emit(session, fact)


async def accept_invitation(session: AsyncSession, caller: Caller, body: AcceptInvitation) -> UUID:
    """Move the caller, across workspaces, once they know what that ends; the new workspace's id.

    Raises WouldLeaveWorkspace with what would happen until the caller names what they leave.
    """
    must_be_own(caller)
    now = datetime.now(UTC)
    invitation = await find_invitation(session, body.token, now)
    # Both, in one order: two people who swap workspaces must not wait for each other.
    for workspace_id in sorted({invitation.workspace_id, caller.workspace_id}):
        await get_workspace_locked(session, workspace_id)
    user = await repository.get_member_locked(session, caller.workspace_id, caller.member_id)
    _must_be_invited(user, invitation)
    present = await get_workspace(session, caller.workspace_id)
    await _must_be_ready(session, user, present, invitation, body.leave_workspace_id)
    await _use(session, invitation, now)
    await _leave(session, user, present)
    user.workspace_id, user.role = invitation.workspace_id, invitation.role
    await session.flush()
    await tell_joined(session, user, invitation)
    return invitation.workspace_id


def _must_be_invited(user: UserRow, invitation: InvitationRow) -> None:
    if user.email != invitation.email:
        raise InvitationForAnother
    if not user.email_verified:
        raise MailboxNotVerified
    if user.workspace_id == invitation.workspace_id:
        raise AlreadyMember


async def _must_be_ready(
    session: AsyncSession,
    user: UserRow,
    present: WorkspaceRow,
    invitation: InvitationRow,
    leave_workspace_id: UUID | None,
) -> None:
    is_owner = user.role == "owner"
    if is_owner and await repository.count_members(session, present.id) > 1:
        raise OwnerCannotLeave
    if is_owner and present.status == "suspended":
        raise WorkspaceIsSuspended
    if leave_workspace_id == present.id:
        return
    offered = await get_workspace(session, invitation.workspace_id)
    raise WouldLeaveWorkspace(
        leave_workspace_id=present.id,
        leaves=present.name,
        closes_workspace=is_owner,
        joins=offered.name,
        as_role=invitation.role,
    )


async def _leave(session: AsyncSession, user: UserRow, present: WorkspaceRow) -> None:
    """Sessions and keys belong to the membership: they end with it."""
    await end_sessions(session, present.id, user.id)
    await delete_keys_of(session, present.id, user.id)
    if user.role == "owner":
        await close(session, present, keep=user.id)
        return
    await record_audit(session, present.id, "member.left", user.id, {})
    await emit(session, MemberRemoved(workspace_id=present.id, member_id=user.id))
