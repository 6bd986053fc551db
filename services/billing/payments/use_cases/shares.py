"""Give a part of the money back: one of several equal shares, each once."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from contracts.billing import BillableKind
from services.billing.invoices import use_cases as invoices
from services.billing.payments import repository
from services.billing.payments.rules import Share
from services.billing.payments.use_cases.refunds import ask_refund


async def give_back_share(
    session: AsyncSession, workspace_id: UUID, kind: BillableKind, billable_id: UUID, share: Share
) -> None:
    """Refund it to the card, or take it off the invoice; never more than is left."""
    payment = await repository.find_live_payment(
        session, workspace_id, kind, billable_id, lock=True
    )
    if payment is None or payment.method == "free":
        return
    amount = share.of_price(payment.amount_minor_units)
    if payment.method == "invoice":
        await invoices.reduce_line(session, payment, amount, share.reason)
        return
    if payment.stripe_payment_intent_id is None:
        return
    coming = await repository.pending_refund_total(session, workspace_id, payment.id)
    left = payment.amount_minor_units - payment.refunded_minor_units - coming
    if left > 0:
        intent = payment.stripe_payment_intent_id
        await ask_refund(session, payment, share.reason, intent, amount=min(amount, left))
