"""Verbs of the team: change a role, remove somebody, hand the workspace over."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Forbidden
from chassis.outbox import emit
from contracts.caller import Caller, Role
from contracts.identity import MemberRemoved, MemberRoleChanged
from services.identity.administration.use_cases.audit import record_audit
from services.identity.errors import (
    NotWhileImpersonating,
    OwnerCannotLeave,
    OwnerIsUntouchable,
    RoleTooHigh,
    WorkspaceIsSuspended,
)
from services.identity.members import repository, rules
from services.identity.members.schemas import ChangeRole
from services.identity.sessions.repository import delete_keys_of, find_session_locked
from services.identity.sessions.use_cases.own import end_sessions, must_be_own, renew_token
from services.identity.tables import UserRow
from services.identity.workspaces.repository import get_workspace_locked


def must_manage(caller: Caller) -> None:
    if caller.impersonator_id is not None:
        raise NotWhileImpersonating
    if not rules.can_manage_members(caller):
        raise Forbidden
    if caller.workspace_status == "suspended":
        raise WorkspaceIsSuspended


async def change_role(
    session: AsyncSession, caller: Caller, member_id: UUID, body: ChangeRole
) -> UserRow:
    """The member signs in again; raises NotFound, OwnerIsUntouchable, RoleTooHigh."""
    must_manage(caller)
    await get_workspace_locked(session, caller.workspace_id)
    member = await repository.get_member_locked(session, caller.workspace_id, member_id)
    if member.role == "owner":
        raise OwnerIsUntouchable
    if not rules.can_give(caller.role, body.role):
        raise RoleTooHigh
    if member.role != body.role:
        await _set_role(session, member, body.role)
    return member


async def _set_role(
    session: AsyncSession, member: UserRow, role: Role, *, keep: UUID | None = None
) -> None:
    """No session but `keep` outlives it: more, or less, is done under a token made after this."""
    before, member.role = member.role, role
    await session.flush()
    workspace_id = member.workspace_id
    assert workspace_id is not None  # noqa: S101 - found by its workspace
    details = {"before": before, "after": role}
    await record_audit(session, workspace_id, "member.role_changed", member.id, details)
    fact = MemberRoleChanged(workspace_id=workspace_id, member_id=member.id, role=role)
    await emit(session, fact)
    await end_sessions(session, workspace_id, member.id, keep=keep)


async def remove_member(session: AsyncSession, caller: Caller, member_id: UUID) -> None:
    """Somebody else, or oneself; the owner hands over first. Raises NotFound."""
    if member_id == caller.member_id:
        must_be_own(caller)
    else:
        must_manage(caller)
    await get_workspace_locked(session, caller.workspace_id)
    member = await repository.get_member_locked(session, caller.workspace_id, member_id)
    if member.role == "owner":
        raise OwnerCannotLeave if member.id == caller.member_id else OwnerIsUntouchable
    await end_sessions(session, caller.workspace_id, member.id)
    await delete_keys_of(session, caller.workspace_id, member.id)
    action = "member.left" if member.id == caller.member_id else "member.removed"
    await record_audit(session, caller.workspace_id, action, member.id, {"role": member.role})
    await emit(session, MemberRemoved(workspace_id=caller.workspace_id, member_id=member.id))
    await repository.detach(session, caller.workspace_id, member.id)


async def transfer_ownership(
    session: AsyncSession, caller: Caller, member_id: UUID
) -> tuple[UserRow, str | None]:
    """The owner becomes an administrator in the same breath: there is always exactly one.

    The answer is the new owner, who signs in again, and a new token for the caller's session.
    """
    if caller.impersonator_id is not None:
        raise NotWhileImpersonating
    must_be_own(caller)
    await get_workspace_locked(session, caller.workspace_id)
    # The token may be a minute old: who owns the workspace is read under its lock.
    owner = await repository.get_member_locked(session, caller.workspace_id, caller.member_id)
    if owner.role != "owner":
        raise Forbidden
    if caller.workspace_status == "suspended":
        raise WorkspaceIsSuspended
    successor = await repository.get_member_locked(session, caller.workspace_id, member_id)
    if successor.id == owner.id:
        return owner, None
    await _set_role(session, owner, "admin", keep=caller.session_id)
    await _set_role(session, successor, "owner")
    own = await find_session_locked(session, caller.session_id)
    return successor, await renew_token(session, own) if own is not None else None
