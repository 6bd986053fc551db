"""Reactions to many facts at once: one transaction and one acknowledgement for a whole batch.

FastStream hands over RabbitMQ messages one at a time, so this reads the same kind of queue with
aio-pika. A batch that fails is taken apart, so that a poisonous message does not harm its
neighbours.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from faststream.exceptions import RejectMessage
from pydantic import ValidationError

from chassis import inbox, topology
from chassis.database import Database
from chassis.retries import Failed, Retries
from contracts.event import Event

log = structlog.get_logger()

# Called with a list of the fact and a session.
BatchReaction = Callable[..., Awaitable[None]]

RECONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class BatchSubscription:
    """One batched reaction; its transaction sees every workspace its facts belong to."""

    name: str
    event: type[Event]
    reaction: BatchReaction
    size: int = 200
    linger_seconds: float = 0.02


@dataclass(frozen=True)
class _Consumer:
    """Our registration at the broker."""

    queue: AbstractQueue
    tag: str


class BatchConsumer:
    """Runs one batched reaction beside the broker's other consumers."""

    def __init__(
        self,
        subscription: BatchSubscription,
        database: Database,
        rabbitmq_url: str,
        retries: Retries,
    ) -> None:
        self._subscription = subscription
        self._database = database
        self._url = rabbitmq_url
        self._retries = retries
        self._arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        """None after the last message: the channel is closed, or we stop."""
        self._consumer: _Consumer | None = None
        self._drained = asyncio.Event()

    def consuming(self) -> bool:
        return self._consumer is not None and not self._consumer.queue.channel.is_closed

    async def run(self) -> None:
        """Consume until stopped; a lost connection is made again."""
        while not self._drained.is_set():
            try:
                async with await aio_pika.connect(self._url, timeout=5) as connection:
                    await self._consume(await connection.channel())
            except aio_pika.exceptions.ChannelPreconditionFailed:
                raise
            except Exception as error:
                log.warning("batch.disconnected", error=type(error).__name__)
                await asyncio.sleep(RECONNECT_SECONDS)

    async def stop(self, seconds: float) -> None:
        """Take no more messages, and finish what has arrived."""
        if self._consumer is not None:
            with suppress(Exception):
                async with asyncio.timeout(seconds):
                    await self._consumer.queue.cancel(self._consumer.tag)
                    self._arrived.put_nowait(None)
                    await self._drained.wait()

    async def _consume(self, channel: AbstractChannel) -> None:
        subscription = self._subscription
        arrived: asyncio.Queue[AbstractIncomingMessage | None] = asyncio.Queue()
        self._arrived = arrived
        channel.close_callbacks.add(lambda *_: arrived.put_nowait(None))
        await channel.set_qos(prefetch_count=2 * subscription.size)
        queue = await topology.declare_reaction(channel, subscription.name, subscription.event)
        self._consumer = _Consumer(queue, await queue.consume(arrived.put))
        while batch := await self._next_batch():
            await self._handle(batch)
        if channel.is_closed:
            raise ConnectionError("the channel was closed")
        self._drained.set()

    async def _next_batch(self) -> list[AbstractIncomingMessage]:
        """What has arrived, at most `size`; empty when nothing more can come."""
        batch: list[AbstractIncomingMessage] = []
        linger = self._subscription.linger_seconds
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as waiting:
                while len(batch) < self._subscription.size:
                    message = await self._arrived.get()
                    if message is None:
                        self._arrived.put_nowait(None)
                        break
                    if not batch:
                        waiting.reschedule(asyncio.get_running_loop().time() + linger)
                    batch.append(message)
        return batch

    async def _handle(self, batch: list[AbstractIncomingMessage]) -> None:
        try:
            await self._react([self._read(message) for message in batch])
        except Exception:
            log.warning("batch.taken_apart", reaction=self._subscription.name, size=len(batch))
            for message in batch:
                await self._handle_alone(message)
            return
        await batch[-1].ack(multiple=True)

    async def _handle_alone(self, message: AbstractIncomingMessage) -> None:
        failed = Failed(message.body, message.headers, message.message_id)
        try:
            try:
                await self._react([self._read(message)])
            except ValidationError as error:
                await self._retries.give_up(failed, error)
            except Exception as error:
                await self._retries.retry(failed, error)
        except RejectMessage:
            await message.reject(requeue=True)
        else:
            await message.ack()

    def _read(self, message: AbstractIncomingMessage) -> Event:
        return self._subscription.event.model_validate_json(message.body)

    async def _react(self, events: list[Event]) -> None:
        async with self._database.across_workspaces() as session:
            ids = [event.event_id for event in events]
            first = await inbox.claim(session, self._subscription.name, ids)
            fresh = {event.event_id: event for event in events if event.event_id in first}
            if fresh:
                await self._subscription.reaction(list(fresh.values()), session)
