"""The answers kept under Idempotency-Keys, and the claims of requests that have none yet."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy import DateTime, LargeBinary, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from chassis.database import ChassisTable
from chassis.errors import Refusal

KEPT = timedelta(hours=24)
CLAIM_LASTS = timedelta(seconds=15)


@dataclass(frozen=True)
class Answer:
    """What is worth repeating."""

    status: int
    content_type: str | None
    body: bytes


class IdempotencyRow(ChassisTable):
    """One POST a caller may safely repeat."""

    __tablename__ = "idempotency"

    scope: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    claimed_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), index=True
    )
    status: Mapped[int | None]
    content_type: Mapped[str | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)


class KeyReused(Refusal):
    """The key was used for another request before."""

    status, code = 422, "idempotency_key_reused"
    title = "This Idempotency-Key was used for another request"


class StillRunning(Refusal):
    """The first request with this key has not answered yet."""

    status, code = 409, "idempotency_in_progress"
    title = "The first request with this Idempotency-Key is still running"


async def claim(session: AsyncSession, claim_scope: str, fingerprint: str) -> IdempotencyRow | None:
    """None when the work is ours to do, else the stored answer; raises a Refusal."""
    abandoned = and_(
        IdempotencyRow.status.is_(None),
        IdempotencyRow.fingerprint == fingerprint,
        IdempotencyRow.claimed_at < func.now() - CLAIM_LASTS,
    )
    claimed = await session.scalar(
        insert(IdempotencyRow)
        .values(scope=claim_scope, fingerprint=fingerprint)
        .on_conflict_do_update(
            index_elements=[IdempotencyRow.scope],
            set_={"claimed_at": func.now()},
            where=abandoned,
        )
        .returning(IdempotencyRow.scope)
    )
    if claimed is not None:
        return None
    row = await session.scalar(select(IdempotencyRow).where(IdempotencyRow.scope == claim_scope))
    if row is None or (row.fingerprint == fingerprint and row.status is None):
        raise StillRunning
    if row.fingerprint != fingerprint:
        raise KeyReused
    return row


async def renew(session: AsyncSession, claim_scope: str) -> None:
    """Say that its holder still works on it."""
    mine = and_(IdempotencyRow.scope == claim_scope, IdempotencyRow.status.is_(None))
    await session.execute(update(IdempotencyRow).where(mine).values(claimed_at=func.now()))


async def settle(session: AsyncSession, claim_scope: str, answer: Answer | None) -> None:
    """Keep the answer; without one forget the claim, so that a repeat may succeed."""
    mine = IdempotencyRow.scope == claim_scope
    if answer is None:
        await session.execute(delete(IdempotencyRow).where(mine))
    else:
        await session.execute(update(IdempotencyRow).where(mine).values(asdict(answer)))
