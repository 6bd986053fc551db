"""What a Checkout session, read from Stripe a moment ago, means for its payment."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from services.billing.ledger import repository as ledger
from services.billing.ledger import rules as accounts
from services.billing.ledger.use_cases import raise_alarm
from services.billing.payments import repository, rules
from services.billing.payments.use_cases.checkout import fail
from services.billing.payments.use_cases.create import paid
from services.billing.payments.use_cases.refunds import ask_refund
from services.billing.providers.stripe import SessionSeen
from services.billing.tables import CheckoutSession, ProjectPayment

PAID_TWICE = "paid_twice"


async def apply_session(database: Database, seen: SessionSeen) -> None:
    """In one transaction, any number of times and in any order with the same end."""
    if seen.workspace_id is None or seen.payment_id is None:
        await _alarm_unknown(database, seen)
        return
    async with database.transaction(SystemScope(seen.workspace_id)) as session:
        payment = await repository.find_payment(
            session, seen.workspace_id, seen.payment_id, lock=True
        )
        if payment is not None:
            await _settle(session, payment, seen)
    if payment is None:
        await _alarm_unknown(database, seen)


async def _alarm_unknown(database: Database, seen: SessionSeen) -> None:
    if seen.is_paid:
        async with database.across_workspaces() as session:
            detail = "A paid Checkout session names no payment of ours"
            await raise_alarm(session, None, "unknown_checkout_session", seen.id, detail)


async def _settle(session: AsyncSession, payment: ProjectPayment, seen: SessionSeen) -> None:
    pages = await repository.list_pages(session, payment.workspace_id, payment.id)
    page = _page_of(session, payment, pages, seen)
    _remember(page, seen)
    told = rules.Told(
        is_paid=seen.is_paid,
        is_over=seen.status == "expired" or seen.has_failed,
        matches=_matches(payment, seen),
        is_the_paying_one=seen.payment_intent_id == payment.stripe_payment_intent_id,
        has_open_siblings=any(p is not page and p.status in repository.UNFINISHED for p in pages),
    )
    verdict = rules.judge(payment.status, told)
    if verdict == rules.Verdict.FULFIL:
        await _fulfil(session, payment, seen)
    elif verdict == rules.Verdict.REFUND_EXTRA:
        await _refund_extra(session, payment, seen)
    elif verdict == rules.Verdict.FAIL:
        reason = "bank_declined" if seen.has_failed else "checkout_expired"
        await fail(session, payment, reason)
    elif verdict == rules.Verdict.MISMATCH:
        detail = f"Stripe took {seen.amount} {seen.currency} for payment {payment.id}"
        workspace_id = payment.workspace_id
        await raise_alarm(session, workspace_id, "checkout_mismatch", seen.id, detail)


def _page_of(
    session: AsyncSession, payment: ProjectPayment, pages: Any, seen: SessionSeen
) -> CheckoutSession:
    """Our row of this session; a crash may have kept us from noting Stripe's answer."""
    for page in pages:
        if page.stripe_session_id == seen.id:
            return page  # type: ignore[no-any-return]
    for page in pages:
        if page.stripe_session_id is None and page.status == "opening":
            return page  # type: ignore[no-any-return]
    now = datetime.now(UTC)
    page = CheckoutSession(
        workspace_id=payment.workspace_id,
        payment_id=payment.id,
        attempt=1 + max((page.attempt for page in pages), default=0),
        success_url="",
        cancel_url="",
        expires_at=now,
    )
    session.add(page)
    return page


def _remember(page: CheckoutSession, seen: SessionSeen) -> None:
    page.stripe_session_id = seen.id
    page.stripe_payment_intent_id = seen.payment_intent_id
    # An unpaid bank debit is complete for the payer and open for us.
    still_open = seen.status == "open" or not (seen.is_paid or seen.has_failed)
    if seen.status == "expired":
        page.status = "expired"
    else:
        page.status = "open" if still_open else "complete"
    page.checked_at = datetime.now(UTC)


def _matches(payment: ProjectPayment, seen: SessionSeen) -> bool:
    named = (seen.amount, seen.currency, seen.reference, seen.billable_id)
    ours = (payment.amount_minor_units, payment.currency, str(payment.id), payment.billable_id)
    return named == ours and payment.method == "stripe"


async def _fulfil(session: AsyncSession, payment: ProjectPayment, seen: SessionSeen) -> None:
    payment.status = "completed"
    payment.paid_at = datetime.now(UTC)
    payment.stripe_payment_intent_id = seen.payment_intent_id
    if seen.customer_id is not None:
        await repository.remember_customer(session, payment.workspace_id, seen.customer_id)
    await ledger.post(
        session,
        payment.workspace_id,
        "card_paid",
        seen.payment_intent_id or seen.id,
        accounts.card_paid(seen.amount),
        "usd",
    )
    await emit(session, paid(payment))


async def _refund_extra(session: AsyncSession, payment: ProjectPayment, seen: SessionSeen) -> None:
    """Money for something paid already, or for a payment that had ended: all of it goes back."""
    intent = seen.payment_intent_id or seen.id
    sides = accounts.card_overpaid(seen.amount)
    if await ledger.post(session, payment.workspace_id, "card_overpaid", intent, sides, "usd"):
        await ask_refund(session, payment, PAID_TWICE, intent, amount=seen.amount, is_extra=True)
