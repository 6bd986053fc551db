"""Verbs: read, edit and onboard the caller's workspace."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import Forbidden
from chassis.outbox import emit
from contracts.caller import Caller
from contracts.identity import WorkspaceOnboarded
from services.identity.administration.use_cases.audit import record_audit
from services.identity.errors import WorkspaceIsSuspended
from services.identity.tables import WorkspaceRow
from services.identity.workspaces import repository, rules
from services.identity.workspaces.schemas import EditWorkspace, Onboard


async def read_workspace(session: AsyncSession, caller: Caller) -> WorkspaceRow:
    if not rules.can_read_workspace(caller):
        raise Forbidden
    return await repository.get_workspace(session, caller.workspace_id)


def may_edit(caller: Caller) -> None:
    if not rules.can_edit_workspace(caller):
        raise Forbidden
    if caller.workspace_status == "suspended":
        raise WorkspaceIsSuspended


async def edit_workspace(
    session: AsyncSession, caller: Caller, body: EditWorkspace
) -> WorkspaceRow:
    may_edit(caller)
    row = await repository.get_workspace_locked(session, caller.workspace_id)
    changes = body.model_dump(exclude_none=True)
    return await change(session, row, changes, "workspace.edited")


async def onboard(session: AsyncSession, caller: Caller, body: Onboard) -> WorkspaceRow:
    """Say which company it is; again to correct it, and every reader hears of it."""
    may_edit(caller)
    row = await repository.get_workspace_locked(session, caller.workspace_id)
    changes = {**body.model_dump(), "onboarding_completed": True}
    row = await change(session, row, changes, "workspace.onboarded")
    await emit(session, WorkspaceOnboarded(workspace_id=row.id, **body.model_dump()))
    return row


async def change(
    session: AsyncSession, row: WorkspaceRow, changes: dict[str, object], action: str
) -> WorkspaceRow:
    for column, value in changes.items():
        setattr(row, column, value)
    await session.flush()
    await session.refresh(row)
    await record_audit(session, row.id, action, row.id, {"changed": sorted(changes)})
    return row
