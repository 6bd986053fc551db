"""Brokers deliver at least once; the inbox makes each reaction happen once."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Uuid, bindparam, func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from chassis.database import ChassisTable


class InboxRow(ChassisTable):
    """This reaction has handled this event, in the transaction that wrote this row."""

    __tablename__ = "inbox"

    reaction: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    handled_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), index=True
    )


# One constant statement for one event or five hundred: nothing is compiled anew for each size. It
# also says whose rows the transaction sees, which saves every reaction a journey to the database.
CLAIM = text(
    "INSERT INTO inbox (reaction, event_id) SELECT :reaction, unnest(:event_ids)"
    " FROM set_config(:setting, :value, true)"
    " ON CONFLICT DO NOTHING RETURNING event_id"
).bindparams(bindparam("event_ids", type_=ARRAY(Uuid)))


async def claim(session: AsyncSession, reaction: str, event_ids: list[UUID]) -> set[UUID]:
    """Claim the events in this transaction; the answer holds those not handled before."""
    values = {"reaction": reaction, "event_ids": event_ids, **session.info["sees"]}
    return set(await session.scalars(CLAIM, values))
