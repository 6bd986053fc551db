"""Verb: record that an affiliate was paid."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.outbox import emit
from contracts.affiliate import PayoutRecorded
from services.affiliate.errors import NothingToPayOut, ReferenceUsed
from services.affiliate.payouts import repository
from services.affiliate.payouts.schemas import RecordPayout
from services.affiliate.tables import PayoutRow


async def record_payout(session: AsyncSession, body: RecordPayout) -> PayoutRow:
    """All pending earnings of the currency in one payout; raises NothingToPayOut, ReferenceUsed.

    While reversals outweigh the earnings nothing is paid, and they wait for the next payout.
    """
    affiliate = body.affiliate_workspace_id
    if await repository.find_by_reference(session, affiliate, body.reference) is not None:
        raise ReferenceUsed
    pending = await repository.lock_pending(session, affiliate, body.currency)
    amount = sum(row.earning_amount_minor_units for row in pending)
    if amount <= 0:
        raise NothingToPayOut
    payout = await repository.add_payout(
        session, body, amount_minor_units=amount, earning_count=len(pending)
    )
    if payout is None:
        raise ReferenceUsed
    await repository.mark_paid_out(session, payout, [row.id for row in pending])
    fact = PayoutRecorded(
        workspace_id=affiliate,
        payout_id=payout.id,
        reference=payout.reference,
        amount_minor_units=amount,
        currency=body.currency,
    )
    await emit(session, fact)
    return payout
