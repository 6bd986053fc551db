"""Everything billing remembers. Amounts are integers in minor units (US cents, øre)."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, ForeignKeyConstraint, UniqueConstraint, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import Date
from uuid_utils.compat import uuid7


class Base(DeclarativeBase):
    """Billing's own tables."""

    type_annotation_map = {datetime: DateTime(timezone=True), date: Date}  # noqa: RUF012


class Owned:
    """A row of one workspace, found by its own id."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    workspace_id: Mapped[UUID] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


def _own(column: str, target: str) -> ForeignKeyConstraint:
    """A reference that cannot cross into another workspace and never cascades."""
    return ForeignKeyConstraint(
        ["workspace_id", column], [f"{target}.workspace_id", f"{target}.id"]
    )


class Workspace(Base):
    """What identity told us; each part remembers how new its news is."""

    __tablename__ = "workspace"

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    organization_number: Mapped[str | None]
    contact_email: Mapped[str | None]
    contact_person: Mapped[str | None]
    profile_as_of: Mapped[datetime | None]
    plan: Mapped[str] = mapped_column(default="free")
    plan_as_of: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(default="active")
    status_as_of: Mapped[datetime | None]


class Billable(Base):
    """A photo project or a video that can be paid for."""

    __tablename__ = "billable"

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    member_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Delivery(Base):
    """A billable the customer got a result of; kept apart, its fact may come first."""

    __tablename__ = "delivery"

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    billable_id: Mapped[UUID] = mapped_column(primary_key=True)
    delivered_at: Mapped[datetime]


class WorkspacePricing(Base):
    """What an administrator agreed with a workspace."""

    __tablename__ = "workspace_pricing"

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    image_project_price_ore: Mapped[int | None] = mapped_column(BigInteger)
    video_project_price_ore: Mapped[int | None] = mapped_column(BigInteger)
    invoice_eligible: Mapped[bool] = mapped_column(default=False)
    invoice_eligible_at: Mapped[datetime | None]
    invoice_eligible_by: Mapped[UUID | None]
    fiken_contact_id: Mapped[int | None] = mapped_column(BigInteger)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class StripeCustomer(Base):
    """Whom Stripe keeps the workspace's cards under."""

    __tablename__ = "stripe_customer"

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    stripe_customer_id: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ProjectPayment(Owned, Base):
    """The one charge basis of a billable; amount and currency never change."""

    __tablename__ = "project_payment"
    __table_args__ = (UniqueConstraint("workspace_id", "id"),)

    billable_kind: Mapped[str]
    billable_id: Mapped[UUID]
    member_id: Mapped[UUID]
    method: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending")
    amount_minor_units: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    refunded_minor_units: Mapped[int] = mapped_column(BigInteger, default=0)
    reason: Mapped[str | None]
    """Why it is free, or why it failed: a stable code or an administrator's words."""
    stripe_payment_intent_id: Mapped[str | None]
    paid_at: Mapped[datetime | None]


class CheckoutSession(Owned, Base):
    """One pay page of a payment: written before Stripe is asked, with all that is asked."""

    __tablename__ = "checkout_session"
    __table_args__ = (
        UniqueConstraint("payment_id", "attempt"),
        _own("payment_id", "project_payment"),
    )

    payment_id: Mapped[UUID]
    attempt: Mapped[int]
    status: Mapped[str] = mapped_column(default="opening")
    stripe_session_id: Mapped[str | None] = mapped_column(unique=True)
    stripe_payment_intent_id: Mapped[str | None]
    customer_id: Mapped[str | None]
    url: Mapped[str | None]
    success_url: Mapped[str]
    cancel_url: Mapped[str]
    expires_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]


class StripeEvent(Base):
    """A signed webhook, once by its id. Stripe keeps the content; we keep what it is about."""

    __tablename__ = "stripe_event"

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[UUID | None]
    type: Mapped[str]
    object_id: Mapped[str]
    payment_intent_id: Mapped[str | None]
    happened_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(default="stored")
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    handled_at: Mapped[datetime | None]


class Refund(Owned, Base):
    """Money on its way back to a card; once per payment, reason and payment intent."""

    __tablename__ = "refund"
    __table_args__ = (
        UniqueConstraint("payment_id", "reason", "stripe_payment_intent_id"),
        _own("payment_id", "project_payment"),
    )

    payment_id: Mapped[UUID]
    reason: Mapped[str]
    is_extra: Mapped[bool] = mapped_column(default=False)
    """True when the money was never owed: the second of two paid pages."""
    amount_minor_units: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    stripe_payment_intent_id: Mapped[str]
    stripe_refund_id: Mapped[str | None] = mapped_column(unique=True)
    status: Mapped[str] = mapped_column(default="pending")
    attempt: Mapped[int] = mapped_column(default=1)


class Invoice(Owned, Base):
    """A Norwegian invoice; what was issued never changes."""

    __tablename__ = "invoice"
    __table_args__ = (UniqueConstraint("workspace_id", "id"),)

    status: Mapped[str] = mapped_column(default="draft")
    net_ore: Mapped[int] = mapped_column(BigInteger)
    vat_ore: Mapped[int] = mapped_column(BigInteger)
    gross_ore: Mapped[int] = mapped_column(BigInteger)
    credited_net_ore: Mapped[int] = mapped_column(BigInteger, default=0)
    currency: Mapped[str] = mapped_column(default="nok")
    notes: Mapped[str | None]
    issue_date: Mapped[date | None]
    due_date: Mapped[date | None]
    sent_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    fiken_contact_id: Mapped[int | None] = mapped_column(BigInteger)
    fiken_invoice_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    fiken_invoice_number: Mapped[str | None] = mapped_column(unique=True)
    delivery_problem: Mapped[str | None]
    """A stable code: delivery rests until an administrator sends again."""
    synced_at: Mapped[datetime | None]


class InvoiceLineItem(Owned, Base):
    """What one billable costs by invoice, net; at most on one invoice."""

    __tablename__ = "invoice_line_item"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        _own("payment_id", "project_payment"),
        _own("invoice_id", "invoice"),
    )

    billable_kind: Mapped[str]
    billable_id: Mapped[UUID]
    payment_id: Mapped[UUID]
    description: Mapped[str]
    amount_ore: Mapped[int] = mapped_column(BigInteger)
    quantity: Mapped[int] = mapped_column(default=1)
    status: Mapped[str] = mapped_column(default="pending")
    invoice_id: Mapped[UUID | None]


class CreditNote(Owned, Base):
    """Takes a line of an issued invoice back, or a share of it; once per line and reason."""

    __tablename__ = "credit_note"
    __table_args__ = (
        UniqueConstraint("line_id", "reason", name="credit_note_once"),
        _own("line_id", "invoice_line_item"),
        _own("invoice_id", "invoice"),
    )

    invoice_id: Mapped[UUID]
    line_id: Mapped[UUID]
    net_ore: Mapped[int] = mapped_column(BigInteger)
    vat_ore: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending")
    fiken_credit_note_id: Mapped[int | None] = mapped_column(BigInteger, unique=True)


class LedgerTransaction(Owned, Base):
    """One movement of money with its reason; posted once per kind and source."""

    __tablename__ = "ledger_transaction"
    __table_args__ = (UniqueConstraint("workspace_id", "id"), UniqueConstraint("kind", "source"))

    kind: Mapped[str]
    source: Mapped[str]


class LedgerEntry(Owned, Base):
    """One side of a movement: debit is positive, credit negative; a transaction sums to zero."""

    __tablename__ = "ledger_entry"
    __table_args__ = (_own("transaction_id", "ledger_transaction"),)

    transaction_id: Mapped[UUID] = mapped_column()
    account: Mapped[str]
    amount_minor_units: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]


class Alarm(Base):
    """Something a person must look at, once per kind and subject."""

    __tablename__ = "alarm"
    __table_args__ = (UniqueConstraint("kind", "subject"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    workspace_id: Mapped[UUID | None]
    kind: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str]
    raised_at: Mapped[datetime] = mapped_column(server_default=text("now()"))
    resolved_at: Mapped[datetime | None]
