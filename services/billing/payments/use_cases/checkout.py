"""Open a pay page at Stripe: the question is written down before it is asked."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from contracts.billing import PaymentFailed
from services.billing import errors
from services.billing.payments import repository, rules
from services.billing.providers.base import AnswerKept, VendorAway, VendorRefused
from services.billing.providers.stripe import NewCheckout, Stripe
from services.billing.tables import CheckoutSession, ProjectPayment

TRIES = 3
ANOTHER_IS_ASKING_SECONDS = 3.0


@dataclass(frozen=True)
class Wish:
    """What the payer wants to see, and for how long the page may be paid."""

    product: str
    success_url: str
    cancel_url: str
    open_for: timedelta


async def open_page(
    database: Database, stripe: Stripe, payment: ProjectPayment, wish: Wish
) -> str | None:
    """The pay page's address; None when nothing is to be paid. Raises StripeAway to be repeated."""
    scope = SystemScope(payment.workspace_id)
    for _ in range(TRIES):
        async with database.transaction(scope) as session:
            page, is_ours = await _take_page(session, payment, wish)
        if page is None or page.status == "open":
            return page.url if page is not None else None
        if not is_ours:
            url = await _wait_for_the_other(database, page)
            if url is not None:
                return url
        url = await _ask(database, stripe, payment, page, wish.product)
        if url is not None:
            return url
    raise errors.StripeAway


async def _take_page(
    session: AsyncSession, payment: ProjectPayment, wish: Wish
) -> tuple[CheckoutSession | None, bool]:
    """The page to use and whether we are the first to ask for it."""
    locked = await repository.find_payment(session, payment.workspace_id, payment.id, lock=True)
    if locked is None or locked.status != "pending":
        return None, False
    now = datetime.now(UTC)
    last = await repository.find_last_page(session, payment.workspace_id, payment.id)
    known = None if last is None else rules.LastPage(last.status, last.created_at, last.expires_at)
    if last is not None and rules.next_page(known, now) != rules.NextPage.OPEN:
        return last, False
    page = CheckoutSession(
        workspace_id=payment.workspace_id,
        payment_id=payment.id,
        attempt=1 if last is None else last.attempt + 1,
        customer_id=await repository.find_customer(session, payment.workspace_id),
        success_url=wish.success_url,
        cancel_url=wish.cancel_url,
        expires_at=(now + wish.open_for).replace(microsecond=0),
    )
    session.add(page)
    await session.flush()
    await session.refresh(page)
    return page, True


async def _wait_for_the_other(database: Database, page: CheckoutSession) -> str | None:
    """Two requests for one page: the second waits for the first one's answer."""
    give_up_at = asyncio.get_running_loop().time() + ANOTHER_IS_ASKING_SECONDS
    while asyncio.get_running_loop().time() < give_up_at:
        async with database.transaction(SystemScope(page.workspace_id)) as session:
            last = await repository.find_last_page(session, page.workspace_id, page.payment_id)
        if last is not None and last.status == "open":
            return last.url
        await asyncio.sleep(0.1)
    return None


async def _ask(
    database: Database,
    stripe: Stripe,
    payment: ProjectPayment,
    page: CheckoutSession,
    product: str,
) -> str | None:
    """The address; None when Stripe keeps a failure for this key and another must be used."""
    new = _question(payment, page, product)
    scope = SystemScope(payment.workspace_id)
    try:
        seen, url = await stripe.open_checkout(new)
    except AnswerKept:
        await _abandon(database, page)
        return None
    except VendorAway as error:
        raise errors.StripeAway from error
    except VendorRefused as error:
        await _abandon(database, page)
        if error.code == "idempotency_error":
            return None
        await _fail(database, payment)
        raise errors.CheckoutRefused(vendor_code=error.code) from error
    async with database.transaction(scope) as session:
        values = {"status": "open", "stripe_session_id": seen.id, "url": url}
        await repository.set_page(session, payment.workspace_id, page.id, **values)
    return url


def _question(payment: ProjectPayment, page: CheckoutSession, product: str) -> NewCheckout:
    return NewCheckout(
        idempotency_key=f"checkout-{payment.id}-{page.attempt}",
        workspace_id=payment.workspace_id,
        payment_id=payment.id,
        billable_kind=payment.billable_kind,
        billable_id=payment.billable_id,
        product=product,
        amount=payment.amount_minor_units,
        currency=payment.currency,
        success_url=page.success_url,
        cancel_url=page.cancel_url,
        expires_at=page.expires_at,
        customer_id=page.customer_id,
    )


async def _abandon(database: Database, page: CheckoutSession) -> None:
    async with database.transaction(SystemScope(page.workspace_id)) as session:
        await repository.set_page(session, page.workspace_id, page.id, status="expired")


async def _fail(database: Database, payment: ProjectPayment) -> None:
    async with database.transaction(SystemScope(payment.workspace_id)) as session:
        locked = await repository.find_payment(session, payment.workspace_id, payment.id, lock=True)
        if locked is not None:
            await fail(session, locked, "checkout_refused")


async def fail(session: AsyncSession, payment: ProjectPayment, reason: str) -> None:
    """A pending payment ends without money; any other stays what it is."""
    status = rules.after(payment.status, "failed")
    if status is None:
        return
    payment.status, payment.reason = status, reason
    values: dict[str, object] = {
        "workspace_id": payment.workspace_id,
        "payment_id": payment.id,
        "billable_kind": payment.billable_kind,
        "billable_id": payment.billable_id,
        "reason": reason,
    }
    await emit(session, PaymentFailed.model_validate(values))
