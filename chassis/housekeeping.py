"""Keeps the chassis' own tables small."""

from datetime import timedelta

from sqlalchemy import delete, func

from chassis.answers import KEPT, IdempotencyRow
from chassis.database import Database
from chassis.inbox import InboxRow
from chassis.sweeper import Sweeper

INBOX_KEPT = timedelta(days=35)
"""Longer than a dead letter may wait (30 days), so that a redrive is still recognised."""


def register(sweeper: Sweeper, database: Database) -> None:
    async def forget_handled() -> None:
        async with database.across_workspaces() as session:
            await session.execute(
                delete(InboxRow).where(InboxRow.handled_at < func.now() - INBOX_KEPT)
            )
            await session.execute(
                delete(IdempotencyRow).where(IdempotencyRow.claimed_at < func.now() - KEPT)
            )

    sweeper.every(3600, forget_handled, name="chassis.forget_handled")
