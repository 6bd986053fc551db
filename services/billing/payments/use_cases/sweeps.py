"""What no webhook told us, and what a crash left undone."""

from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database, SystemScope
from chassis.outbox import emit
from services.billing.notes import NOBODY, RefundDue, StripeEventStored
from services.billing.payments import repository, rules
from services.billing.payments.use_cases.checkout import fail
from services.billing.payments.use_cases.settle import apply_session
from services.billing.payments.use_cases.stripe_events import store_event
from services.billing.providers.base import VendorRefused
from services.billing.providers.stripe import Stripe
from services.billing.tables import CheckoutSession

log = structlog.get_logger()

BATCH = 100
STUCK_AFTER = timedelta(minutes=10)


async def reconcile_pages(database: Database, stripe: Stripe, older_than: timedelta) -> int:
    """Ask Stripe about pay pages without an end; the answer is how many were asked about."""
    before = datetime.now(UTC) - older_than
    async with database.across_workspaces() as session:
        pages = await repository.list_unfinished_pages(session, before, BATCH)
    for page in pages:
        if page.stripe_session_id is None:
            await _give_up_opening(database, page)
            continue
        try:
            await apply_session(database, await stripe.get_session(page.stripe_session_id))
        except VendorRefused as error:
            log.error("billing.page_unknown", page_id=str(page.id), code=error.code)
    return len(pages)


async def _give_up_opening(database: Database, page: CheckoutSession) -> None:
    """Nobody ever got the address of this page, so nobody can pay it."""
    if datetime.now(UTC) < page.created_at + rules.RESUME_WITHIN:
        return
    async with database.transaction(SystemScope(page.workspace_id)) as session:
        payment = await repository.find_payment(
            session, page.workspace_id, page.payment_id, lock=True
        )
        await repository.set_page(session, page.workspace_id, page.id, status="expired")
        pages = await repository.list_pages(session, page.workspace_id, page.payment_id)
        others = [p for p in pages if p.id != page.id and p.status in repository.UNFINISHED]
        if payment is not None and not others:
            await fail(session, payment, "checkout_not_opened")


async def catch_up_events(database: Database, stripe: Stripe, look_back: timedelta) -> int:
    """Store the events whose webhooks never came; the answer is how many were new."""
    since, after, new, has_more = datetime.now(UTC) - look_back, None, 0, True
    while has_more:
        events, has_more = await stripe.list_events(since, after)
        for seen in reversed(events):
            async with database.across_workspaces() as session:
                new += await store_event(session, seen, expects_live=stripe.is_live)
        after = events[-1].id if events else None
        has_more = has_more and after is not None
    return new


async def repeat_notes(database: Database) -> None:
    """Remind ourselves of refunds and events that have waited too long."""
    before = datetime.now(UTC) - STUCK_AFTER
    async with database.across_workspaces() as session:
        await _repeat(session, before)


async def _repeat(session: AsyncSession, before: datetime) -> None:
    for refund in await repository.list_pending_refunds(session, before, BATCH):
        await emit(session, RefundDue(workspace_id=refund.workspace_id, refund_id=refund.id))
    for event in await repository.list_stored_events(session, before, BATCH):
        workspace_id = event.workspace_id or NOBODY
        await emit(session, StripeEventStored(workspace_id=workspace_id, stripe_event_id=event.id))
