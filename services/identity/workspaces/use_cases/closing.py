"""Verb: close a workspace. People and look are erased; the log stays, accounting is elsewhere."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Forbidden
from chassis.outbox import emit
from contracts.caller import Caller
from contracts.identity import WorkspaceDeleted
from services.identity.administration.use_cases.audit import record_audit
from services.identity.errors import (
    CannotTouchAdministrator,
    NotConfirmed,
    NotWhileImpersonating,
    WorkspaceIsSuspended,
)
from services.identity.sessions.use_cases.own import end_sessions, must_be_own
from services.identity.tables import WorkspaceRow
from services.identity.workspaces import repository
from services.identity.workspaces.schemas import CloseWorkspace


async def close_own(session: AsyncSession, caller: Caller, body: CloseWorkspace) -> None:
    """By its owner alone, who types its slug; raises NotConfirmed."""
    if caller.impersonator_id is not None:
        raise NotWhileImpersonating
    must_be_own(caller)
    if caller.role != "owner":
        raise Forbidden
    workspace = await repository.get_workspace_locked(session, caller.workspace_id)
    if "suspended" in (caller.workspace_status, workspace.status):
        raise WorkspaceIsSuspended
    if body.confirm != workspace.slug:
        raise NotConfirmed
    await close(session, workspace)


async def close(
    session: AsyncSession, workspace: WorkspaceRow, *, keep: UUID | None = None
) -> None:
    """Erase it; `keep` is a person who moves elsewhere in the same transaction."""
    people = await repository.list_people(session, workspace.id)
    if any(person.is_system_admin and person.id != keep for person in people):
        raise CannotTouchAdministrator
    for person in people:
        await end_sessions(session, workspace.id, person.id)
    await record_audit(session, workspace.id, "workspace.closed", workspace.id, {})
    await repository.erase_people(session, workspace.id, keep)
    for person in people:
        if person.id != keep:
            session.expunge(person)
    _erase(workspace)
    await session.flush()
    await emit(session, WorkspaceDeleted(workspace_id=workspace.id))


def _erase(workspace: WorkspaceRow) -> None:
    workspace.name, workspace.slug = "Closed workspace", f"closed-{workspace.id}"
    workspace.organization_number = None
    workspace.contact_email = workspace.contact_person = None
    workspace.logo_key = workspace.primary_color = workspace.secondary_color = None
    if workspace.status == "trial":
        workspace.status, workspace.trial_ends_at = "active", None
    workspace.deleted_at = datetime.now(UTC)
