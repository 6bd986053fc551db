"""Verbs: change a workspace's plan and status, and end trials."""

from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from contracts.caller import Plan, WorkspaceStatus
from contracts.identity import WorkspacePlanChanged, WorkspaceReinstated, WorkspaceSuspended
from services.identity.administration import repository, rules
from services.identity.administration.schemas import ChangeStanding
from services.identity.administration.use_cases.audit import record_audit
from services.identity.errors import ExpiryInThePast, ReasonNeeded
from services.identity.letters import look_of
from services.identity.tables import WorkspaceRow
from services.identity.workspaces.repository import get_workspace_locked

TRIALS_AT_ONCE = 100


async def change_standing(
    session: AsyncSession, workspace_id: UUID, body: ChangeStanding, *, trial: timedelta
) -> WorkspaceRow:
    """Set plan and status as an administrator decided; raises NotFound, ReasonNeeded."""
    row = await get_workspace_locked(session, workspace_id)
    before = _standing_of(row)
    after = rules.Standing(body.plan or before.plan, body.status or before.status)
    change = rules.change_of(before, after)
    if change.suspended and body.reason is None:
        raise ReasonNeeded
    if not change.anything and body.trial_ends_at is None:
        return row
    if body.trial_ends_at is not None and body.trial_ends_at <= datetime.now(UTC):
        raise ExpiryInThePast
    _apply(row, after, change, body.reason)
    _set_trial(row, body.trial_ends_at, trial)
    await session.flush()
    await session.refresh(row)
    details = {
        "before": {"plan": before.plan, "status": before.status},
        "after": {"plan": after.plan, "status": after.status},
        "reason": body.reason,
        "trial_ends_at": row.trial_ends_at.isoformat() if row.trial_ends_at else None,
    }
    await record_audit(session, workspace_id, "workspace.standing_changed", workspace_id, details)
    await _tell(session, workspace_id, after, change, body.reason)
    await _tell_look(session, row, before.plan)
    return row


def _standing_of(row: WorkspaceRow) -> rules.Standing:
    return rules.Standing(cast(Plan, row.plan), cast(WorkspaceStatus, row.status))


def _apply(
    row: WorkspaceRow,
    after: rules.Standing,
    change: rules.StandingChange,
    reason: str | None,
) -> None:
    now = datetime.now(UTC)
    row.plan, row.status = after.plan, after.status
    if change.suspended:
        row.suspended_at, row.suspended_reason = now, reason
    if change.reinstated:
        row.suspended_at = row.suspended_reason = None


def _set_trial(row: WorkspaceRow, wanted: datetime | None, usual: timedelta) -> None:
    now = datetime.now(UTC)
    if row.status == "active":
        row.trial_ends_at = None
    elif row.status == "trial" and wanted is not None:
        row.trial_ends_at = wanted
    elif row.status == "trial" and (row.trial_ends_at is None or row.trial_ends_at <= now):
        row.trial_ends_at = now + usual


async def _tell(
    session: AsyncSession,
    workspace_id: UUID,
    after: rules.Standing,
    change: rules.StandingChange,
    reason: str | None,
) -> None:
    if change.plan_changed:
        fact = WorkspacePlanChanged(workspace_id=workspace_id, plan=after.plan, status=after.status)
        await emit(session, fact)
    if change.suspended:
        await emit(session, WorkspaceSuspended(workspace_id=workspace_id, reason=reason or ""))
    if change.reinstated:
        await emit(session, WorkspaceReinstated(workspace_id=workspace_id, status=after.status))


async def _tell_look(session: AsyncSession, row: WorkspaceRow, plan_before: str) -> None:
    """White label comes and goes with the enterprise plan."""
    is_branded = row.logo_key or row.primary_color or row.secondary_color
    if is_branded and "enterprise" in {plan_before, row.plan} and plan_before != row.plan:
        await emit(session, look_of(row))


async def end_trials(database: Database, now: datetime) -> None:
    """Trials past their end fall back to the free plan."""
    async with database.across_workspaces() as session:
        ended = await repository.list_ended_trials(session, now, TRIALS_AT_ONCE)
    for workspace_id in ended:
        async with database.transaction(SystemScope(workspace_id)) as session:
            await _end_trial(session, workspace_id, now)


async def _end_trial(session: AsyncSession, workspace_id: UUID, now: datetime) -> None:
    row = await get_workspace_locked(session, workspace_id)
    # An administrator may have prolonged or ended it since the list was made.
    if row.status != "trial" or row.trial_ends_at is None or row.trial_ends_at > now:
        return
    plan_before, row.plan = row.plan, "free"
    row.status, row.trial_ends_at = "active", None
    await session.flush()
    details = {"plan_before": plan_before}
    await record_audit(session, workspace_id, "workspace.trial_ended", workspace_id, details)
    fact = WorkspacePlanChanged(workspace_id=workspace_id, plan="free", status="active")
    await emit(session, fact)
    await _tell_look(session, row, plan_before)
