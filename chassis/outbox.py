"""Facts leave a service through a table, so that a change and its fact commit together."""

from datetime import datetime
from typing import Any
from uuid import UUID

from opentelemetry import propagate
from sqlalchemy import BigInteger, DateTime, Identity, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from chassis.database import ChassisTable
from contracts.event import SYSTEM, Event, PrivateEvent


class OutboxRow(ChassisTable):
    """One fact on its way out; public rows stay and are the service's event log."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(
            "outbox_unpublished",
            "position",
            postgresql_where=text("published_at IS NULL"),
        ),
    )

    position: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    workspace_id: Mapped[UUID]
    routing_key: Mapped[str]
    is_private: Mapped[bool]
    body: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """Empty once a private event is published: its secret must not stay behind."""
    trace: Mapped[dict[str, str]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    retry_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    published_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


async def emit(session: AsyncSession, event: Event) -> None:
    """Record the fact in the caller's transaction, signed by who acts. Publishing comes later."""
    if event.actor == SYSTEM:
        event = event.model_copy(update={"actor": session.info["actor"]})
    trace: dict[str, str] = {}
    propagate.inject(trace)
    session.add(
        OutboxRow(
            event_id=event.event_id,
            workspace_id=event.workspace_id,
            routing_key=event.routing_key,
            is_private=isinstance(event, PrivateEvent),
            body=event.model_dump(mode="json"),
            trace=trace,
        )
    )
    session.info["emitted"] = True
