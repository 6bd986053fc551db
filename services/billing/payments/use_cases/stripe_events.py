"""Stripe's webhooks: stored once, then compared with what Stripe says now."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.outbox import emit
from services.billing.ledger.use_cases import raise_alarm
from services.billing.notes import NOBODY, StripeEventStored
from services.billing.payments import repository
from services.billing.payments.use_cases.refunds import reconcile_refunds, settle_dispute
from services.billing.payments.use_cases.settle import apply_session
from services.billing.providers.base import VendorRefused
from services.billing.providers.stripe import EventSeen, Stripe
from services.billing.tables import StripeEvent

SESSION = "checkout.session."
INTENT = ("payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled")
REFUND = ("charge.refund", "refund.")
DISPUTE = "charge.dispute."
HANDLED = (SESSION, *INTENT, *REFUND, DISPUTE)


async def store_event(session: AsyncSession, seen: EventSeen, *, expects_live: bool) -> bool:
    """Keep the event and tell ourselves, in one transaction; False when it was known."""
    concerns_us = seen.type.startswith(HANDLED) and seen.is_live == expects_live
    workspace_id = seen.workspace_id
    if workspace_id is None and seen.payment_intent_id is not None:
        workspace_id = await repository.workspace_of_intent(session, seen.payment_intent_id)
    values = {
        "id": seen.id,
        "workspace_id": workspace_id,
        "type": seen.type,
        "object_id": seen.object_id,
        "payment_intent_id": seen.payment_intent_id,
        "happened_at": seen.happened_at,
        "status": "stored" if concerns_us else "ignored",
    }
    if not await repository.add_stripe_event(session, values):
        return False
    if seen.is_live != expects_live:
        detail = "A webhook of the other mode (live or test) arrived"
        await raise_alarm(session, None, "stripe_mode", seen.type, detail)
    if concerns_us:
        note = StripeEventStored(workspace_id=workspace_id or NOBODY, stripe_event_id=seen.id)
        await emit(session, note)
    return True


async def handle_event(database: Database, stripe: Stripe, event_id: str) -> None:
    """Read the truth again and apply it; may run any number of times."""
    async with database.across_workspaces() as session:
        event = await repository.find_stripe_event(session, event_id)
    if event is None or event.status != "stored":
        return
    try:
        await _compare(database, stripe, event)
    except VendorRefused as error:
        async with database.across_workspaces() as session:
            detail = f"{event.type} names what Stripe does not show: {error.code}"
            await raise_alarm(session, event.workspace_id, "stripe_event", event.id, detail)
    async with database.across_workspaces() as session:
        stored = await repository.find_stripe_event(session, event_id)
        if stored is not None:
            stored.status, stored.handled_at = "handled", datetime.now(UTC)


async def _compare(database: Database, stripe: Stripe, event: StripeEvent) -> None:
    if event.type.startswith(SESSION):
        await apply_session(database, await stripe.get_session(event.object_id))
    elif event.payment_intent_id is None:
        return
    elif event.type.startswith(INTENT):
        for session_id in await stripe.list_session_ids(event.payment_intent_id):
            await apply_session(database, await stripe.get_session(session_id))
    else:
        await _compare_given_back(database, stripe, event, event.payment_intent_id)


async def _compare_given_back(
    database: Database, stripe: Stripe, event: StripeEvent, payment_intent_id: str
) -> None:
    """A refund's news may come before its payment's: learn of the payment first."""
    for session_id in await stripe.list_session_ids(payment_intent_id):
        await apply_session(database, await stripe.get_session(session_id))
    workspace_id = await _workspace_of(database, event, payment_intent_id)
    if workspace_id is None:
        return
    if event.type.startswith(DISPUTE):
        await settle_dispute(database, workspace_id, await stripe.get_dispute(event.object_id))
    else:
        await reconcile_refunds(database, stripe, workspace_id, payment_intent_id)


async def _workspace_of(
    database: Database, event: StripeEvent, payment_intent_id: str
) -> UUID | None:
    if event.workspace_id is not None:
        return event.workspace_id
    async with database.across_workspaces() as session:
        return await repository.workspace_of_intent(session, payment_intent_id)
