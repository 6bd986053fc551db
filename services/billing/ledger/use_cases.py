"""Alarms: what a person must look at because no rule may decide it."""

from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from services.billing.tables import Alarm

log = structlog.get_logger()


async def raise_alarm(
    session: AsyncSession, workspace_id: UUID | None, kind: str, subject: str, detail: str
) -> None:
    """Once per kind and subject; `detail` never holds a secret."""
    row = {"id": uuid7(), "workspace_id": workspace_id, "kind": kind}
    values = {**row, "subject": subject, "detail": detail}
    await session.execute(insert(Alarm).values(values).on_conflict_do_nothing())
    log.error("billing.alarm", kind=kind, subject=subject, detail=detail)


async def resolve_alarm(session: AsyncSession, kind: str, subject: str) -> None:
    now = datetime.now(UTC)
    alarm = update(Alarm).where(Alarm.kind == kind, Alarm.subject == subject)
    await session.execute(alarm.values(resolved_at=now))
