"""One test's own sample service: a name, a fact, queues and effects that no other test touches."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID, uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import topology
from chassis.consumers import Consumers
from chassis.database import Database, SystemScope
from chassis.dead_letters import DeadLetter, open_dead_letters
from chassis.outbox import OutboxRow, emit
from chassis.relay import Relay
from chassis.settings import ServiceSettings
from chassis.worker import Worker
from contracts.event import Event, PrivateEvent
from tests.chassis.sample import Effect


class Noted(Event):
    """A fact of the sample service."""

    routing_key: ClassVar[str] = "sample.noted.v1"

    text: str = ""


class Whispered(PrivateEvent):
    """A note of the sample service to itself."""

    routing_key: ClassVar[str] = "sample.whispered.v1"

    secret: str = ""


@dataclass
class Bench:
    """The sample service under one name."""

    database: Database
    settings: ServiceSettings
    workspace_id: UUID = field(default_factory=uuid4)

    def __post_init__(self) -> None:
        self.name = self.settings.service
        self.url = self.settings.rabbitmq_url.get_secret_value()
        self.consumers = Consumers(self.name)
        self.noted: type[Noted] = type("Noted", (Noted,), {"routing_key": f"{self.name}.noted.v1"})
        self.whispered: type[Whispered] = type(
            "Whispered", (Whispered,), {"routing_key": f"{self.name}.whisper.v1"}
        )

    def worker(self, **resources: Any) -> Worker:
        return Worker(self.settings, self.database, self.consumers, **resources)

    def with_settings(self, **values: Any) -> "Bench":
        """The same service and reactions, configured differently."""
        other = Bench(self.database, self.settings.model_copy(update=values), self.workspace_id)
        other.consumers = self.consumers
        return other

    def relay(self) -> Relay:
        return Relay(self.name, self.database, self.url)

    def fact(self, text: str = "") -> Noted:
        return self.noted(workspace_id=self.workspace_id, text=text)

    async def say(self, *events: Event) -> list[UUID]:
        """Record the facts in one transaction, as a use case would."""
        async with self.database.transaction(SystemScope(self.workspace_id)) as session:
            for event in events:
                await emit(session, event)
        return [event.event_id for event in events]

    async def outbox(self, event: Event) -> OutboxRow:
        async with self.database.across_workspaces() as session:
            row = await session.scalar(
                select(OutboxRow).where(OutboxRow.event_id == event.event_id)
            )
            assert row is not None
            return row

    async def unpublished(self) -> int:
        async with self.database.across_workspaces() as session:
            mine = OutboxRow.workspace_id == self.workspace_id
            query = select(func.count()).where(mine, OutboxRow.published_at.is_(None))
            return await session.scalar(query) or 0

    async def effects(self, reaction: str = "") -> list[UUID]:
        """The events that had an effect, once for each effect."""
        async with self.database.across_workspaces() as session:
            query = select(Effect.event_id).where(Effect.workspace_id == self.workspace_id)
            if reaction:
                query = query.where(Effect.reaction == reaction)
            return list(await session.scalars(query))

    async def dead_letters(self) -> list[DeadLetter]:
        async with open_dead_letters(self.url) as letters:
            found = await letters.waiting()
        return [one for one in found if one.reaction.startswith(f"{self.name}.")]

    async def depth(self, reaction: str) -> int:
        """How many messages wait for the reaction."""
        async with await aio_pika.connect(self.url, timeout=5) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(f"{self.name}.{reaction}", passive=True)
            return queue.declaration_result.message_count or 0

    async def left(self, reaction: str) -> list[bool]:
        """Take what waits for the reaction: for each message, whether it was delivered before."""
        flags: list[bool] = []
        async with await aio_pika.connect(self.url, timeout=5) as connection:
            queue = await (await connection.channel()).get_queue(f"{self.name}.{reaction}")
            while (message := await queue.get(fail=False, timeout=5)) is not None:
                flags.append(bool(message.redelivered))
                await message.ack()
        return flags

    async def deliver(self, reaction: str, body: bytes, message_id: str = "m") -> None:
        """Put bytes straight into a reaction's queue, as a stranger could."""
        message = aio_pika.Message(
            body, message_id=message_id, content_type="application/json", delivery_mode=2
        )
        async with await aio_pika.connect(self.url, timeout=5) as connection:
            channel = await connection.channel(on_return_raises=True)
            await channel.default_exchange.publish(message, f"{self.name}.{reaction}", timeout=5)


@asynccontextmanager
async def listening(bench: Bench, *events: type[Event]) -> AsyncIterator[asyncio.Queue[Any]]:
    """What goes over the wire for these facts, seen by a stranger's queue."""
    heard: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    async with await aio_pika.connect(bench.url, timeout=5) as connection:
        channel = await connection.channel()
        await topology.declare(channel, ())
        queue = await channel.declare_queue(exclusive=True)
        for event in events:
            await queue.bind(topology.exchange_of(event), event.routing_key)
        await queue.consume(heard.put, no_ack=True)
        yield heard


def effect_of(event: Event, reaction: str) -> Effect:
    return Effect(workspace_id=event.workspace_id, event_id=event.event_id, reaction=reaction)


async def leave_effect(event: Event, session: AsyncSession) -> None:
    """The plainest reaction."""
    session.add(effect_of(event, "leave_effect"))


async def until(check: Callable[[], Awaitable[Any]], seconds: float = 30) -> None:
    """Wait, bounded, until the check answers something true."""
    async with asyncio.timeout(seconds):
        while not await check():
            await asyncio.sleep(0.03)


async def ready(worker: Worker) -> None:
    """Wait until the worker's consumers are registered."""

    async def consuming() -> bool:
        return worker.consuming()

    await until(consuming)
