"""Every query about settled payments and the earnings on them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.affiliate.earnings.schemas import EarningTotal
from services.affiliate.tables import (
    EarningRow,
    RelationshipRow,
    SettlementReversalRow,
    SettlementRow,
)


async def add_settlement(session: AsyncSession, row: SettlementRow) -> None:
    """Once for each source, however often it is told."""
    values = {
        "workspace_id": row.workspace_id,
        "source_type": row.source_type,
        "source_id": row.source_id,
        "base_amount_minor_units": row.base_amount_minor_units,
        "currency": row.currency,
        "settled_at": row.settled_at,
    }
    await session.execute(insert(SettlementRow).values(values).on_conflict_do_nothing())


async def add_reversal(session: AsyncSession, row: SettlementReversalRow) -> None:
    """Once for each reference, however often it is told."""
    values = {
        "workspace_id": row.workspace_id,
        "source_type": row.source_type,
        "source_id": row.source_id,
        "reference": row.reference,
        "amount_minor_units": row.amount_minor_units,
        "currency": row.currency,
    }
    await session.execute(insert(SettlementReversalRow).values(values).on_conflict_do_nothing())


async def find_settlement(
    session: AsyncSession, workspace_id: UUID, source_type: str, source_id: UUID
) -> SettlementRow | None:
    return await session.scalar(
        select(SettlementRow).where(
            SettlementRow.workspace_id == workspace_id,
            SettlementRow.source_type == source_type,
            SettlementRow.source_id == source_id,
        )
    )


async def list_settlements_since(
    session: AsyncSession, workspace_id: UUID, since: datetime
) -> list[SettlementRow]:
    query = select(SettlementRow).where(
        SettlementRow.workspace_id == workspace_id, SettlementRow.settled_at >= since
    )
    return list(await session.scalars(query.order_by(SettlementRow.settled_at)))


async def list_reversals(
    session: AsyncSession, settlement: SettlementRow
) -> list[SettlementReversalRow]:
    query = select(SettlementReversalRow).where(
        SettlementReversalRow.workspace_id == settlement.workspace_id,
        SettlementReversalRow.source_type == settlement.source_type,
        SettlementReversalRow.source_id == settlement.source_id,
    )
    return list(await session.scalars(query.order_by(SettlementReversalRow.id)))


async def list_booked(
    session: AsyncSession, relationship: RelationshipRow, settlement: SettlementRow
) -> set[str | None]:
    """The reversal references booked for this source; None stands for the commission itself."""
    query = select(EarningRow.reversal_reference).where(
        EarningRow.affiliate_workspace_id == relationship.affiliate_workspace_id,
        EarningRow.affiliate_relationship_id == relationship.id,
        EarningRow.source_type == settlement.source_type,
        EarningRow.source_id == settlement.source_id,
    )
    return set(await session.scalars(query))


async def list_earnings(
    session: AsyncSession, affiliate_workspace_id: UUID, *, limit: int, before: UUID | None
) -> list[EarningRow]:
    query = select(EarningRow).where(EarningRow.affiliate_workspace_id == affiliate_workspace_id)
    if before is not None:
        query = query.where(EarningRow.id < before)
    return list(await session.scalars(query.order_by(EarningRow.id.desc()).limit(limit)))


async def total_earnings(session: AsyncSession, affiliate_workspace_id: UUID) -> list[EarningTotal]:
    amount = EarningRow.earning_amount_minor_units

    def total(status: str) -> ColumnElement[int]:
        return func.coalesce(func.sum(amount).filter(EarningRow.status == status), 0)

    query = (
        select(EarningRow.currency, total("pending"), total("paid_out"))
        .where(EarningRow.affiliate_workspace_id == affiliate_workspace_id)
        .group_by(EarningRow.currency)
        .order_by(EarningRow.currency)
    )
    return [
        EarningTotal(currency=c, pending_minor_units=pending, paid_out_minor_units=paid)
        for c, pending, paid in await session.execute(query)
    ]
