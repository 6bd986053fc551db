"""Verbs: settle, reverse, reckon.

Facts arrive in any order, so each is first written down as heard, and then everything that follows
from all that is known of its source is booked. Hearing a fact again finds nothing left to book.
"""

from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from contracts.affiliate import CommissionEarned, CommissionReversed
from contracts.billing import Currency
from services.affiliate.earnings import repository, rules
from services.affiliate.relationships.repository import act_for, find_in_force, lock_referred
from services.affiliate.tables import (
    EarningRow,
    RelationshipRow,
    SettlementReversalRow,
    SettlementRow,
)


class CurrencyDiffers(Exception):
    """A refund in another currency than its payment: a person must look."""


async def settle(session: AsyncSession, row: SettlementRow) -> None:
    """A payment of `row.workspace_id` arrived: whoever brought that workspace earns on it."""
    if row.base_amount_minor_units <= 0:
        return
    await lock_referred(session, row.workspace_id)
    await repository.add_settlement(session, row)
    await _reckon(session, row.workspace_id, row.source_type, row.source_id)


async def reverse(session: AsyncSession, row: SettlementReversalRow) -> None:
    """Money went back: so does its share of the commission, now or once we hear of the payment."""
    if row.amount_minor_units <= 0:
        return
    await lock_referred(session, row.workspace_id)
    await repository.add_reversal(session, row)
    await _reckon(session, row.workspace_id, row.source_type, row.source_id)


async def reckon_since(session: AsyncSession, workspace_id: UUID, since: datetime) -> None:
    """Book everything on payments of the workspace from that time; its lock must be held."""
    await act_for(session, workspace_id)
    for row in await repository.list_settlements_since(session, workspace_id, since):
        await _reckon(session, workspace_id, row.source_type, row.source_id)


async def _reckon(
    session: AsyncSession, workspace_id: UUID, source_type: str, source_id: UUID
) -> None:
    await act_for(session, workspace_id)
    settlement = await repository.find_settlement(session, workspace_id, source_type, source_id)
    if settlement is None:
        return
    relationship = await find_in_force(session, workspace_id, settlement.settled_at)
    if relationship is None:
        return
    reversals = await _reversals_of(session, settlement)
    await act_for(session, relationship.affiliate_workspace_id)
    booked = await repository.list_booked(session, relationship, settlement)
    percent = relationship.commission_percent
    base = settlement.base_amount_minor_units
    for line in rules.missing_lines(base, percent, reversals, booked):
        await _book(session, relationship, settlement, line)


async def _reversals_of(session: AsyncSession, settlement: SettlementRow) -> list[rules.Reversal]:
    rows = await repository.list_reversals(session, settlement)
    if any(row.currency != settlement.currency for row in rows):
        raise CurrencyDiffers(f"{settlement.source_type} {settlement.source_id}")
    return [rules.Reversal(row.reference, row.amount_minor_units) for row in rows]


async def _book(
    session: AsyncSession,
    relationship: RelationshipRow,
    settlement: SettlementRow,
    line: rules.Line,
) -> None:
    row = EarningRow(
        affiliate_workspace_id=relationship.affiliate_workspace_id,
        affiliate_relationship_id=relationship.id,
        source_type=settlement.source_type,
        source_id=settlement.source_id,
        reversal_reference=line.reference,
        base_amount_minor_units=line.base_amount_minor_units,
        commission_percent=relationship.commission_percent,
        earning_amount_minor_units=line.earning_amount_minor_units,
        currency=settlement.currency,
    )
    session.add(row)
    await session.flush()
    await emit(session, _fact_of(row))


def _fact_of(row: EarningRow) -> CommissionEarned | CommissionReversed:
    fact = CommissionEarned if row.reversal_reference is None else CommissionReversed
    return fact(
        workspace_id=row.affiliate_workspace_id,
        earning_id=row.id,
        relationship_id=row.affiliate_relationship_id,
        source_id=row.source_id,
        amount_minor_units=row.earning_amount_minor_units,
        currency=cast(Currency, row.currency),
    )
