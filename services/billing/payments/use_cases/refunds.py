"""Give money back: decided once, paid once, and told once."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from contracts.billing import BillableKind, PaymentRefunded
from services.billing.invoices import use_cases as invoices
from services.billing.ledger import repository as ledger
from services.billing.ledger import rules as accounts
from services.billing.ledger.use_cases import raise_alarm, resolve_alarm
from services.billing.notes import RefundDue
from services.billing.payments import repository, rules
from services.billing.payments.use_cases.checkout import fail
from services.billing.providers.base import AnswerKept, VendorRefused
from services.billing.providers.stripe import DisputeSeen, RefundSeen, Stripe
from services.billing.tables import ProjectPayment, Refund

WORK_FAILED = "work_failed"


async def give_back(
    session: AsyncSession, workspace_id: UUID, kind: BillableKind, billable_id: UUID
) -> None:
    """Nothing was delivered: refund the card, or take the line off the invoice."""
    payment = await repository.find_live_payment(
        session, workspace_id, kind, billable_id, lock=True
    )
    if payment is None or payment.method == "free":
        return
    if payment.method == "invoice":
        await invoices.take_back_line(session, payment, WORK_FAILED)
        await fail(session, payment, WORK_FAILED)
        return
    if payment.status == "pending" or payment.stripe_payment_intent_id is None:
        return
    coming = await repository.pending_refund_total(session, workspace_id, payment.id)
    left = payment.amount_minor_units - payment.refunded_minor_units - coming
    if left > 0:
        intent = payment.stripe_payment_intent_id
        await ask_refund(session, payment, WORK_FAILED, intent, amount=left)


async def ask_refund(
    session: AsyncSession,
    payment: ProjectPayment,
    reason: str,
    payment_intent_id: str,
    *,
    amount: int,
    is_extra: bool = False,
) -> None:
    """Record the intention and tell ourselves; once per payment, reason and intent."""
    values = {
        "payment_id": payment.id,
        "reason": reason,
        "is_extra": is_extra,
        "amount_minor_units": amount,
        "currency": payment.currency,
        "stripe_payment_intent_id": payment_intent_id,
    }
    refund = await repository.add_refund(session, payment.workspace_id, values)
    if refund.status == "pending":
        note = RefundDue(workspace_id=payment.workspace_id, refund_id=refund.id)
        await emit(session, note)


async def pay_refund(
    database: Database, stripe: Stripe, workspace_id: UUID, refund_id: UUID
) -> None:
    """Search before asking, ask under a key of this refund, note the outcome."""
    scope = SystemScope(workspace_id)
    async with database.transaction(scope) as session:
        refund = await repository.find_refund(session, workspace_id, refund_id)
    if refund is None or refund.status != "pending":
        return
    try:
        seen = await _find_or_refund(stripe, refund)
    except AnswerKept:
        async with database.transaction(scope) as session:
            locked = await repository.find_refund(session, workspace_id, refund_id, lock=True)
            if locked is not None and locked.attempt == refund.attempt:
                locked.attempt += 1
        raise
    except VendorRefused as error:
        await _refused(database, refund, error.code)
        return
    async with database.transaction(scope) as session:
        await _note(session, refund.payment_id, refund_id, workspace_id, seen)


async def _find_or_refund(stripe: Stripe, refund: Refund) -> RefundSeen:
    for seen in await stripe.list_refunds(refund.stripe_payment_intent_id):
        if seen.our_id == refund.id:
            return seen
    return await stripe.refund(
        refund.id,
        refund.stripe_payment_intent_id,
        refund.amount_minor_units,
        idempotency_key=f"refund-{refund.id}-{refund.attempt}",
    )


async def _refused(database: Database, refund: Refund, code: str) -> None:
    """A person must look: already refunded in the dashboard, disputed, or too old."""
    async with database.transaction(SystemScope(refund.workspace_id)) as session:
        locked = await repository.find_refund(session, refund.workspace_id, refund.id, lock=True)
        if locked is not None and locked.status == "pending":
            locked.status = "failed"
            detail = f"Stripe refused to refund: {code}"
            subject = str(refund.id)
            await raise_alarm(session, refund.workspace_id, "refund_refused", subject, detail)


async def reconcile_refunds(
    database: Database, stripe: Stripe, workspace_id: UUID, payment_intent_id: str
) -> None:
    """Bring ours to what Stripe has: also those made in the dashboard, and those that failed."""
    for seen in await stripe.list_refunds(payment_intent_id):
        async with database.transaction(SystemScope(workspace_id)) as session:
            payment = await repository.find_payment_of_intent(
                session, workspace_id, payment_intent_id
            )
            if payment is not None:
                refund_id = await _our_refund(session, payment, seen)
                await _note(session, payment.id, refund_id, workspace_id, seen)


async def _our_refund(session: AsyncSession, payment: ProjectPayment, seen: RefundSeen) -> UUID:
    if seen.our_id is not None:
        return seen.our_id
    known = await repository.find_refund_by_stripe_id(session, payment.workspace_id, seen.id)
    if known is not None:
        return known.id
    values = {
        "payment_id": payment.id,
        "reason": f"stripe:{seen.id}",
        "is_extra": seen.payment_intent_id != payment.stripe_payment_intent_id,
        "amount_minor_units": seen.amount,
        "currency": payment.currency,
        "stripe_payment_intent_id": seen.payment_intent_id,
    }
    return (await repository.add_refund(session, payment.workspace_id, values)).id


async def _note(
    session: AsyncSession, payment_id: UUID, refund_id: UUID, workspace_id: UUID, seen: RefundSeen
) -> None:
    payment = await repository.find_payment(session, workspace_id, payment_id, lock=True)
    refund = await repository.find_refund(session, workspace_id, refund_id, lock=True)
    if payment is None or refund is None:
        return
    refund.stripe_refund_id = seen.id
    if rules.is_refund_given(seen.status):
        if refund.status == "pending":
            await _given(session, payment, refund)
    elif refund.status != "failed":
        await _came_back(session, payment, refund)


async def _given(session: AsyncSession, payment: ProjectPayment, refund: Refund) -> None:
    refund.status = "succeeded"
    sides = accounts.card_refunded(refund.amount_minor_units, extra=refund.is_extra)
    await _post(session, "card_refunded", refund, sides)
    if not refund.is_extra:
        await _count(session, payment, refund.stripe_refund_id or "", refund.amount_minor_units)


async def _came_back(session: AsyncSession, payment: ProjectPayment, refund: Refund) -> None:
    was_given = refund.status == "succeeded"
    refund.status = "failed"
    subject = str(refund.id)
    detail = "The payer's bank returned a refund: pay it in another way"
    await raise_alarm(session, payment.workspace_id, "refund_failed", subject, detail)
    if not was_given:
        return
    sides = accounts.refund_failed(refund.amount_minor_units, extra=refund.is_extra)
    await _post(session, "refund_failed", refund, sides)
    if not refund.is_extra:
        payment.refunded_minor_units -= refund.amount_minor_units
        if payment.refunded_minor_units == 0:
            payment.status = rules.after(payment.status, "refund_failed") or payment.status


async def settle_dispute(database: Database, workspace_id: UUID, seen: DisputeSeen) -> None:
    """Open: a person must answer the bank. Lost: the money is gone like a refund. Won: over."""
    intent = seen.payment_intent_id or ""
    async with database.transaction(SystemScope(workspace_id)) as session:
        payment = await repository.find_payment_of_intent(session, workspace_id, intent)
        if payment is None:
            return
        if seen.status in ("won", "warning_closed", "prevented"):
            await resolve_alarm(session, "dispute", seen.id)
            return
        detail = f"A cardholder disputes payment {payment.id}: {seen.status}"
        await raise_alarm(session, workspace_id, "dispute", seen.id, detail)
        if seen.status == "lost":
            await _lose(session, payment, seen)


async def _lose(session: AsyncSession, payment: ProjectPayment, seen: DisputeSeen) -> None:
    is_extra = seen.payment_intent_id != payment.stripe_payment_intent_id
    left = payment.amount_minor_units - payment.refunded_minor_units
    values = {
        "payment_id": payment.id,
        "reason": f"dispute:{seen.id}",
        "is_extra": is_extra,
        "amount_minor_units": seen.amount,
        "currency": payment.currency,
        "stripe_payment_intent_id": seen.payment_intent_id,
    }
    refund = await repository.add_refund(session, payment.workspace_id, values)
    if refund.status != "pending":
        return
    refund.status, refund.stripe_refund_id = "succeeded", seen.id
    await _post(session, "dispute_lost", refund, accounts.dispute_lost(seen.amount))
    if not is_extra:
        await _count(session, payment, seen.id, min(seen.amount, left))


async def _count(
    session: AsyncSession, payment: ProjectPayment, stripe_id: str, amount: int
) -> None:
    status = rules.after(payment.status, "refunded")
    if status is None or amount == 0:
        return
    payment.status = status
    payment.refunded_minor_units += amount
    values: dict[str, Any] = {
        "workspace_id": payment.workspace_id,
        "payment_id": payment.id,
        "billable_kind": payment.billable_kind,
        "billable_id": payment.billable_id,
        "refund_id": stripe_id,
        "refunded_minor_units": amount,
        "currency": payment.currency,
    }
    await emit(session, PaymentRefunded(**values))


async def _post(session: AsyncSession, kind: str, refund: Refund, sides: accounts.Sides) -> None:
    await ledger.post(session, refund.workspace_id, kind, str(refund.id), sides, "usd")
