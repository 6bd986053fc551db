"""Workspaces as billing knows them, their agreements and what they can pay for."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.billing import BillableKind
from services.billing.tables import Billable, Delivery, Workspace, WorkspacePricing


async def find_workspace(
    session: AsyncSession, workspace_id: UUID, *, lock: bool = False
) -> Workspace | None:
    query = select(Workspace).where(Workspace.workspace_id == workspace_id)
    found: Workspace | None = await session.scalar(query.with_for_update() if lock else query)
    return found


async def lock_workspace(session: AsyncSession, workspace_id: UUID) -> Workspace:
    """The workspace's row for changing; made when no fact about it came before."""
    new = {"workspace_id": workspace_id, "plan": "free", "status": "active"}
    await session.execute(insert(Workspace).values(new).on_conflict_do_nothing())
    row = await find_workspace(session, workspace_id, lock=True)
    if row is None:
        raise LookupError(workspace_id)
    return row


async def find_pricing(session: AsyncSession, workspace_id: UUID) -> WorkspacePricing | None:
    query = select(WorkspacePricing).where(WorkspacePricing.workspace_id == workspace_id)
    found: WorkspacePricing | None = await session.scalar(query)
    return found


async def lock_pricing(session: AsyncSession, workspace_id: UUID) -> WorkspacePricing:
    """The workspace's agreement for changing; made when there was none."""
    new = {"workspace_id": workspace_id, "invoice_eligible": False}
    await session.execute(insert(WorkspacePricing).values(new).on_conflict_do_nothing())
    query = select(WorkspacePricing).where(WorkspacePricing.workspace_id == workspace_id)
    return (await session.scalars(query.with_for_update())).one()


async def add_billable(
    session: AsyncSession,
    workspace_id: UUID,
    kind: BillableKind,
    billable_id: UUID,
    *,
    name: str,
    member_id: UUID,
) -> None:
    row = {"kind": kind, "id": billable_id, "name": name, "member_id": member_id}
    values = {"workspace_id": workspace_id, **row}
    await session.execute(insert(Billable).values(values).on_conflict_do_nothing())


async def find_billable(
    session: AsyncSession, workspace_id: UUID, kind: BillableKind, billable_id: UUID
) -> Billable | None:
    return await session.get(Billable, (workspace_id, kind, billable_id))


async def add_delivery(
    session: AsyncSession,
    workspace_id: UUID,
    kind: BillableKind,
    billable_id: UUID,
    delivered_at: datetime,
) -> None:
    values = {
        "workspace_id": workspace_id,
        "kind": kind,
        "billable_id": billable_id,
        "delivered_at": delivered_at,
    }
    await session.execute(insert(Delivery).values(values).on_conflict_do_nothing())


async def was_delivered(
    session: AsyncSession, workspace_id: UUID, kind: BillableKind, billable_id: UUID
) -> bool:
    return await session.get(Delivery, (workspace_id, kind, billable_id)) is not None
