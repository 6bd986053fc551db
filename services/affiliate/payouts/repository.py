"""Every query about payouts."""

from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from services.affiliate.payouts.schemas import RecordPayout
from services.affiliate.tables import EarningRow, PayoutRow


async def lock_pending(
    session: AsyncSession, affiliate_workspace_id: UUID, currency: str
) -> list[EarningRow]:
    """Held until the transaction ends: a payout at the same time finds them paid out."""
    query = select(EarningRow).where(
        EarningRow.affiliate_workspace_id == affiliate_workspace_id,
        EarningRow.status == "pending",
        EarningRow.currency == currency,
    )
    return list(await session.scalars(query.order_by(EarningRow.id).with_for_update()))


async def find_by_reference(
    session: AsyncSession, affiliate_workspace_id: UUID, reference: str
) -> PayoutRow | None:
    return await session.scalar(
        select(PayoutRow).where(
            PayoutRow.affiliate_workspace_id == affiliate_workspace_id,
            PayoutRow.reference == reference,
        )
    )


async def add_payout(
    session: AsyncSession, body: RecordPayout, *, amount_minor_units: int, earning_count: int
) -> PayoutRow | None:
    """None when the reference is taken, by whichever affiliate."""
    return await session.scalar(
        insert(PayoutRow)
        .values(
            id=uuid7(),
            amount_minor_units=amount_minor_units,
            earning_count=earning_count,
            **body.model_dump(),
        )
        .on_conflict_do_nothing()
        .returning(PayoutRow)
    )


async def mark_paid_out(session: AsyncSession, payout: PayoutRow, earning_ids: list[UUID]) -> None:
    await session.execute(
        update(EarningRow)
        .where(
            EarningRow.affiliate_workspace_id == payout.affiliate_workspace_id,
            EarningRow.id.in_(earning_ids),
            EarningRow.status == "pending",
        )
        .values(
            status="paid_out",
            payout_id=payout.id,
            paid_out_at=func.now(),
            paid_out_reference=payout.reference,
        )
        .execution_options(synchronize_session=False)
    )


async def list_payouts(
    session: AsyncSession, affiliate_workspace_id: UUID, *, limit: int, before: UUID | None
) -> list[PayoutRow]:
    query = select(PayoutRow).where(PayoutRow.affiliate_workspace_id == affiliate_workspace_id)
    if before is not None:
        query = query.where(PayoutRow.id < before)
    return list(await session.scalars(query.order_by(PayoutRow.id.desc()).limit(limit)))
