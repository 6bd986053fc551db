"""Everything notifications remembers: that a mail was sent, never what it said."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Text, UniqueConstraint, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7


class Base(DeclarativeBase):
    """Base of notifications' tables."""

    type_annotation_map = {datetime: DateTime(timezone=True), str: Text}  # noqa: RUF012


class DeliveryRow(Base):
    """One mail to one person for one fact; its links and words are not kept."""

    __tablename__ = "delivery"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    workspace_id: Mapped[UUID] = mapped_column(index=True)
    event_id: Mapped[UUID]
    template: Mapped[str]
    recipient: Mapped[str]
    language: Mapped[str]
    status: Mapped[str] = mapped_column(default="queued")
    reason: Mapped[str | None]
    """Why it did not arrive, in the provider's code or ours."""
    provider_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    sent_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("event_id", "template"),
        CheckConstraint("language IN ('en', 'nb')", name="delivery_language"),
        CheckConstraint(
            "status IN ('queued', 'sent', 'delivered', 'complained', 'bounced', 'suppressed',"
            " 'refused', 'expired')",
            name="delivery_status",
        ),
        Index("delivery_recipient", "recipient"),
        Index("delivery_created", "created_at"),
    )


class SuppressionRow(Base):
    """An address that bounced for good or complained: writing again harms everybody's mail."""

    __tablename__ = "suppression"

    email: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint("reason IN ('bounced', 'complained')", name="suppression_reason"),
    )
