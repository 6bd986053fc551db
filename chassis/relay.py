"""Publishes the outbox: batches, every confirm in flight, marked only when the broker has it."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection, AbstractExchange
from aio_pika.exceptions import PublishError
from sqlalchemy import ARRAY, BigInteger, any_, case, func, literal, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import topology
from chassis.database import Database
from chassis.messages import message_of
from chassis.outbox import OutboxRow

log = structlog.get_logger()

BATCH_SIZE = 500
IDLE_SECONDS = 2.0
CONFIRM_TIMEOUT_SECONDS = 5.0
REFUSED_RETRY = timedelta(seconds=30)
"""A refused (unroutable) fact waits aside, so that it cannot block the ones behind it."""


class Waiting(NamedTuple):
    """What publishing needs of an outbox row: plain columns, read by name."""

    position: int
    event_id: UUID
    routing_key: str
    is_private: bool
    body: dict[str, Any] | None
    trace: dict[str, str]


class Relay:
    """Run beside the consumers; safe in every replica, and killed at any point loses nothing."""

    def __init__(self, service: str, database: Database, rabbitmq_url: str) -> None:
        self._service = service
        self._database = database
        self._rabbitmq_url = rabbitmq_url
        self._awake = asyncio.Event()
        self._connection: AbstractConnection | None = None
        self._exchanges: dict[bool, AbstractExchange] = {}

    async def run(self) -> None:
        """Publish until cancelled; any failure is logged and tried again."""
        listener = asyncio.create_task(self._listen())
        try:
            while True:
                self._awake.clear()
                try:
                    count = await self.publish_pending()
                except Exception as error:
                    log.warning("relay.failed", error=type(error).__name__)
                    await self.disconnect()
                    await asyncio.sleep(0.5)
                    continue
                if count < BATCH_SIZE:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._awake.wait(), IDLE_SECONDS)
        finally:
            listener.cancel()
            await self.disconnect()

    async def publish_pending(self) -> int:
        """Publish one batch. A crash between publish and mark publishes again, never loses."""
        exchanges = await self._connect()
        async with self._database.across_workspaces() as session:
            rows = await _take_batch(session)
            outcomes = await asyncio.gather(
                *(self._publish(exchanges[row.is_private], row) for row in rows),
                return_exceptions=True,
            )
            results = list(zip(rows, outcomes, strict=True))
            refused = [row for row, outcome in results if isinstance(outcome, PublishError)]
            await _mark(session, [row for row, outcome in results if outcome is None], refused)
        for outcome in outcomes:
            if outcome is not None and not isinstance(outcome, PublishError):
                raise outcome
        return len(rows)

    async def _publish(self, exchange: AbstractExchange, row: Waiting) -> None:
        message = message_of(
            source=self._service,
            routing_key=row.routing_key,
            body=row.body or {},
            trace=row.trace,
        )
        await exchange.publish(
            message, row.routing_key, mandatory=True, timeout=CONFIRM_TIMEOUT_SECONDS
        )

    async def _connect(self) -> dict[bool, AbstractExchange]:
        if self._connection is None:
            self._connection = await aio_pika.connect(self._rabbitmq_url, timeout=5)
            # Without on_return_raises an unroutable publish succeeds silently.
            channel = await self._connection.channel(on_return_raises=True)
            self._exchanges = {
                False: await channel.get_exchange(topology.EVENTS, ensure=False),
                True: await channel.get_exchange(topology.PRIVATE_EVENTS, ensure=False),
            }
        return self._exchanges

    async def disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                await asyncio.wait_for(connection.close(), 2)

    async def _listen(self) -> None:
        """Wake on notices; while the database is away the slow poll goes on alone."""
        while True:
            await self._database.notices.hear(self._awake.set)
            await asyncio.sleep(IDLE_SECONDS)


async def _take_batch(session: AsyncSession) -> list[Waiting]:
    rows = await session.execute(
        select(*(getattr(OutboxRow, name) for name in Waiting._fields))
        .where(OutboxRow.published_at.is_(None))
        .where(or_(OutboxRow.retry_at.is_(None), OutboxRow.retry_at < func.now()))
        .order_by(OutboxRow.position)
        .limit(BATCH_SIZE)
        .with_for_update(skip_locked=True)
    )
    return [Waiting(*row) for row in rows]


async def _mark(session: AsyncSession, done: list[Waiting], refused: list[Waiting]) -> None:
    if done:
        kept = case((OutboxRow.is_private, null()), else_=OutboxRow.body)
        await _update(session, done, published_at=func.now(), body=kept)
    if refused:
        for row in refused:
            log.error("relay.unroutable", routing_key=row.routing_key, event_id=str(row.event_id))
        await _update(session, refused, retry_at=func.now() + REFUSED_RETRY)


async def _update(session: AsyncSession, rows: list[Waiting], **values: Any) -> None:
    positions = literal([row.position for row in rows], ARRAY(BigInteger))
    statement = update(OutboxRow).where(OutboxRow.position == any_(positions)).values(**values)
    await session.execute(statement.execution_options(synchronize_session=False))
