"""Everything affiliate remembers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

SOURCE_TYPES = "source_type IN ('invoice', 'card_payment')"
CURRENCIES = "currency IN ('usd', 'nok')"


class Base(DeclarativeBase):
    """Base of affiliate's tables."""

    type_annotation_map = {datetime: DateTime(timezone=True), str: Text, int: BigInteger}  # noqa: RUF012


def _id() -> Mapped[UUID]:
    return mapped_column(primary_key=True, default=uuid7)


def _now() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())


def _touched() -> Mapped[datetime]:
    return mapped_column(server_default=func.now(), onupdate=func.now())


class WorkspaceRow(Base):
    """What identity told us of a workspace; each part with the time of the newest fact."""

    __tablename__ = "workspace"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    organization_number: Mapped[str | None]
    company_known_at: Mapped[datetime | None]
    plan: Mapped[str | None]
    plan_known_at: Mapped[datetime | None]
    referral_code: Mapped[str | None] = mapped_column(unique=True)


class RelationshipRow(Base):
    """An affiliate earns on what a referred workspace pays between start and end."""

    __tablename__ = "affiliate_relationship"

    id: Mapped[UUID] = _id()
    affiliate_workspace_id: Mapped[UUID]
    referred_workspace_id: Mapped[UUID]
    commission_percent: Mapped[int]
    is_active: Mapped[bool] = mapped_column(default=True)
    started_by: Mapped[str]
    notes: Mapped[str | None]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _touched()

    __table_args__ = (
        UniqueConstraint("affiliate_workspace_id", "id"),
        CheckConstraint("commission_percent BETWEEN 1 AND 100", name="relationship_percent"),
        CheckConstraint(
            "affiliate_workspace_id <> referred_workspace_id", name="relationship_not_with_self"
        ),
        CheckConstraint("is_active = (ended_at IS NULL)", name="relationship_end"),
        CheckConstraint(
            "started_by IN ('administrator', 'referral_code')", name="relationship_started_by"
        ),
        Index(
            "relationship_one_active",
            "referred_workspace_id",
            unique=True,
            postgresql_where=text("is_active"),
        ),
    )


class SettlementRow(Base):
    """Money of a referred or any other workspace that arrived; base is net of VAT."""

    __tablename__ = "settlement"

    workspace_id: Mapped[UUID] = mapped_column(primary_key=True)
    source_type: Mapped[str] = mapped_column(primary_key=True)
    source_id: Mapped[UUID] = mapped_column(primary_key=True)
    base_amount_minor_units: Mapped[int]
    currency: Mapped[str]
    settled_at: Mapped[datetime]
    created_at: Mapped[datetime] = _now()

    __table_args__ = (
        UniqueConstraint("source_type", "source_id"),
        CheckConstraint(SOURCE_TYPES, name="settlement_source"),
        CheckConstraint(CURRENCIES, name="settlement_currency"),
        CheckConstraint("base_amount_minor_units > 0", name="settlement_amount"),
    )


class SettlementReversalRow(Base):
    """Money that went back; it may be heard of before the settlement itself."""

    __tablename__ = "settlement_reversal"

    id: Mapped[UUID] = _id()
    workspace_id: Mapped[UUID]
    source_type: Mapped[str]
    source_id: Mapped[UUID]
    reference: Mapped[str]
    amount_minor_units: Mapped[int]
    currency: Mapped[str]
    created_at: Mapped[datetime] = _now()

    __table_args__ = (
        UniqueConstraint("source_type", "reference"),
        Index("settlement_reversal_source", "workspace_id", "source_type", "source_id"),
        CheckConstraint(SOURCE_TYPES, name="settlement_reversal_source"),
        CheckConstraint(CURRENCIES, name="settlement_reversal_currency"),
        CheckConstraint("amount_minor_units > 0", name="settlement_reversal_amount"),
    )


class EarningRow(Base):
    """A commission, or with a reversal reference what was taken back of one."""

    __tablename__ = "affiliate_earning"

    id: Mapped[UUID] = _id()
    affiliate_workspace_id: Mapped[UUID]
    affiliate_relationship_id: Mapped[UUID]
    source_type: Mapped[str]
    source_id: Mapped[UUID]
    reversal_reference: Mapped[str | None]
    base_amount_minor_units: Mapped[int]
    commission_percent: Mapped[int]
    earning_amount_minor_units: Mapped[int]
    currency: Mapped[str]
    status: Mapped[str] = mapped_column(default="pending")
    payout_id: Mapped[UUID | None]
    paid_out_at: Mapped[datetime | None]
    paid_out_reference: Mapped[str | None]
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = _touched()

    __table_args__ = (
        ForeignKeyConstraint(
            ["affiliate_workspace_id", "affiliate_relationship_id"],
            ["affiliate_relationship.affiliate_workspace_id", "affiliate_relationship.id"],
        ),
        ForeignKeyConstraint(
            ["affiliate_workspace_id", "payout_id"], ["payout.affiliate_workspace_id", "payout.id"]
        ),
        # One commission for a source, and one line for each refund of it.
        Index(
            "earning_once",
            "source_type",
            "source_id",
            "affiliate_relationship_id",
            text("coalesce(reversal_reference, '')"),
            unique=True,
        ),
        CheckConstraint(SOURCE_TYPES, name="earning_source"),
        CheckConstraint(CURRENCIES, name="earning_currency"),
        CheckConstraint("commission_percent BETWEEN 1 AND 100", name="earning_percent"),
        CheckConstraint(
            "CASE WHEN reversal_reference IS NULL THEN earning_amount_minor_units >= 0"
            " ELSE earning_amount_minor_units <= 0 END",
            name="earning_sign",
        ),
        CheckConstraint(
            "CASE status WHEN 'pending' THEN num_nonnulls(payout_id, paid_out_at,"
            " paid_out_reference) = 0 WHEN 'paid_out' THEN num_nulls(payout_id, paid_out_at,"
            " paid_out_reference) = 0 ELSE false END",
            name="earning_status",
        ),
        Index("earning_of_affiliate", "affiliate_workspace_id", "status", "currency"),
    )


class PayoutRow(Base):
    """Earnings that were paid to the affiliate in one transfer."""

    __tablename__ = "payout"

    id: Mapped[UUID] = _id()
    affiliate_workspace_id: Mapped[UUID]
    reference: Mapped[str] = mapped_column(unique=True)
    amount_minor_units: Mapped[int]
    currency: Mapped[str]
    earning_count: Mapped[int]
    created_at: Mapped[datetime] = _now()

    __table_args__ = (
        UniqueConstraint("affiliate_workspace_id", "id"),
        CheckConstraint("amount_minor_units > 0", name="payout_amount"),
        CheckConstraint("earning_count > 0", name="payout_earnings"),
        CheckConstraint(CURRENCIES, name="payout_currency"),
    )
