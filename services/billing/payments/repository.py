"""Payments, their pay pages, refunds and Stripe's events, always inside one workspace."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from chassis.errors import NotFound
from contracts.billing import BillableKind
from services.billing.tables import (
    CheckoutSession,
    ProjectPayment,
    Refund,
    StripeCustomer,
    StripeEvent,
)

UNFINISHED = ("opening", "open")


async def add_payment(session: AsyncSession, workspace_id: UUID, values: dict[str, Any]) -> bool:
    """False when the billable has a charge basis already, even one committed a moment ago."""
    row = {"id": uuid7(), "workspace_id": workspace_id, "refunded_minor_units": 0, **values}
    claim = insert(ProjectPayment).values(row).on_conflict_do_nothing()
    return await session.scalar(claim.returning(ProjectPayment.id)) is not None


async def find_live_payment(
    session: AsyncSession,
    workspace_id: UUID,
    kind: BillableKind,
    billable_id: UUID,
    *,
    lock: bool = False,
) -> ProjectPayment | None:
    """The charge basis of the billable; failed payments are none."""
    query = select(ProjectPayment).where(
        ProjectPayment.workspace_id == workspace_id,
        ProjectPayment.billable_kind == kind,
        ProjectPayment.billable_id == billable_id,
        ProjectPayment.status != "failed",
    )
    found: ProjectPayment | None = await session.scalar(query.with_for_update() if lock else query)
    return found


async def find_payment(
    session: AsyncSession, workspace_id: UUID, payment_id: UUID, *, lock: bool = False
) -> ProjectPayment | None:
    query = select(ProjectPayment).where(
        ProjectPayment.workspace_id == workspace_id, ProjectPayment.id == payment_id
    )
    query = query.execution_options(populate_existing=True)
    found: ProjectPayment | None = await session.scalar(query.with_for_update() if lock else query)
    return found


async def get_payment(
    session: AsyncSession, workspace_id: UUID, payment_id: UUID
) -> ProjectPayment:
    found = await find_payment(session, workspace_id, payment_id)
    if found is None:
        raise NotFound
    return found


async def find_payment_of_intent(
    session: AsyncSession, workspace_id: UUID, payment_intent_id: str
) -> ProjectPayment | None:
    """The payment this intent took money for, the extra ones included."""
    query = (
        select(ProjectPayment)
        .join(CheckoutSession, CheckoutSession.payment_id == ProjectPayment.id)
        .where(
            ProjectPayment.workspace_id == workspace_id,
            CheckoutSession.workspace_id == workspace_id,
            CheckoutSession.stripe_payment_intent_id == payment_intent_id,
        )
        .with_for_update(of=ProjectPayment)
    )
    found: ProjectPayment | None = await session.scalar(query)
    return found


async def list_payments(
    session: AsyncSession, workspace_id: UUID, *, limit: int, before: UUID | None
) -> Sequence[ProjectPayment]:
    query = select(ProjectPayment).where(ProjectPayment.workspace_id == workspace_id)
    if before is not None:
        query = query.where(ProjectPayment.id < before)
    return (await session.scalars(query.order_by(ProjectPayment.id.desc()).limit(limit))).all()


async def count_free(session: AsyncSession, workspace_id: UUID, reason: str) -> int:
    query = select(func.count()).where(
        ProjectPayment.workspace_id == workspace_id,
        ProjectPayment.method == "free",
        ProjectPayment.reason == reason,
    )
    return await session.scalar(query) or 0


async def find_last_page(
    session: AsyncSession, workspace_id: UUID, payment_id: UUID
) -> CheckoutSession | None:
    query = (
        select(CheckoutSession)
        .where(
            CheckoutSession.workspace_id == workspace_id, CheckoutSession.payment_id == payment_id
        )
        .order_by(CheckoutSession.attempt.desc())
        .limit(1)
    )
    found: CheckoutSession | None = await session.scalar(query)
    return found


async def list_pages(
    session: AsyncSession, workspace_id: UUID, payment_id: UUID
) -> Sequence[CheckoutSession]:
    query = select(CheckoutSession).where(
        CheckoutSession.workspace_id == workspace_id, CheckoutSession.payment_id == payment_id
    )
    return (await session.scalars(query.order_by(CheckoutSession.attempt))).all()


async def set_page(session: AsyncSession, workspace_id: UUID, page_id: UUID, **values: Any) -> None:
    """Only an unanswered question takes an answer."""
    await session.execute(
        update(CheckoutSession)
        .where(
            CheckoutSession.workspace_id == workspace_id,
            CheckoutSession.id == page_id,
            CheckoutSession.status == "opening",
        )
        .values(**values)
    )


async def list_unfinished_pages(
    session: AsyncSession, older_than: datetime, limit: int
) -> Sequence[CheckoutSession]:
    """Of every workspace, the longest unchecked first: for the sweeper."""
    query = (
        select(CheckoutSession)
        .where(CheckoutSession.status.in_(UNFINISHED), CheckoutSession.created_at < older_than)
        .order_by(CheckoutSession.checked_at.asc().nulls_first())
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def find_customer(session: AsyncSession, workspace_id: UUID) -> str | None:
    row = await session.get(StripeCustomer, workspace_id)
    return None if row is None else row.stripe_customer_id


async def remember_customer(session: AsyncSession, workspace_id: UUID, customer_id: str) -> None:
    values = {"workspace_id": workspace_id, "stripe_customer_id": customer_id}
    await session.execute(insert(StripeCustomer).values(values).on_conflict_do_nothing())


async def add_refund(session: AsyncSession, workspace_id: UUID, values: dict[str, Any]) -> Refund:
    """The refund of this payment, reason and intent: a new row or the one that was there."""
    row = {"id": uuid7(), "workspace_id": workspace_id, "status": "pending", "attempt": 1, **values}
    await session.execute(insert(Refund).values(row).on_conflict_do_nothing())
    query = select(Refund).where(
        Refund.workspace_id == workspace_id,
        Refund.payment_id == values["payment_id"],
        Refund.reason == values["reason"],
        Refund.stripe_payment_intent_id == values["stripe_payment_intent_id"],
    )
    return (await session.scalars(query.with_for_update())).one()


async def find_refund(
    session: AsyncSession, workspace_id: UUID, refund_id: UUID, *, lock: bool = False
) -> Refund | None:
    query = select(Refund).where(Refund.workspace_id == workspace_id, Refund.id == refund_id)
    found: Refund | None = await session.scalar(query.with_for_update() if lock else query)
    return found


async def find_refund_by_stripe_id(
    session: AsyncSession, workspace_id: UUID, stripe_refund_id: str
) -> Refund | None:
    query = select(Refund).where(
        Refund.workspace_id == workspace_id, Refund.stripe_refund_id == stripe_refund_id
    )
    found: Refund | None = await session.scalar(query.with_for_update())
    return found


async def pending_refund_total(session: AsyncSession, workspace_id: UUID, payment_id: UUID) -> int:
    """Minor units on their way back of what was owed."""
    query = select(func.coalesce(func.sum(Refund.amount_minor_units), 0)).where(
        Refund.workspace_id == workspace_id,
        Refund.payment_id == payment_id,
        Refund.status == "pending",
        Refund.is_extra.is_(False),
    )
    return int(await session.scalar(query) or 0)


async def list_pending_refunds(
    session: AsyncSession, older_than: datetime, limit: int
) -> Sequence[Refund]:
    """Of every workspace: for the sweeper."""
    query = select(Refund).where(Refund.status == "pending", Refund.created_at < older_than)
    return (await session.scalars(query.order_by(Refund.created_at).limit(limit))).all()


async def add_stripe_event(session: AsyncSession, values: dict[str, Any]) -> bool:
    """False when this event was stored before."""
    claim = insert(StripeEvent).values(values).on_conflict_do_nothing()
    return await session.scalar(claim.returning(StripeEvent.id)) is not None


async def find_stripe_event(session: AsyncSession, event_id: str) -> StripeEvent | None:
    return await session.get(StripeEvent, event_id)


async def workspace_of_intent(session: AsyncSession, payment_intent_id: str) -> UUID | None:
    """Across workspaces: for messages that name only a payment intent."""
    query = select(CheckoutSession.workspace_id).where(
        CheckoutSession.stripe_payment_intent_id == payment_intent_id
    )
    return (await session.scalars(query)).first()


async def list_stored_events(
    session: AsyncSession, older_than: datetime, limit: int
) -> Sequence[StripeEvent]:
    query = select(StripeEvent).where(
        StripeEvent.status == "stored", StripeEvent.received_at < older_than
    )
    return (await session.scalars(query.order_by(StripeEvent.received_at).limit(limit))).all()
