"""A worker's consumers: one connection to the broker, one channel for each reaction."""

import asyncio
import functools
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage, AbstractQueue

from chassis import topology
from chassis.consumers import Subscription
from chassis.database import Database
from chassis.reactions import InBatches, OneByOne, Take
from chassis.retries import Retries
from chassis.settings import ServiceSettings

log = structlog.get_logger()

CONNECT_SECONDS = 5.0
RECONNECT_SECONDS = 1.0
CANCEL_SECONDS = 2.0
BEGIN_SECONDS = 0.01


@dataclass(frozen=True)
class _Registration:
    """The broker delivers to us what arrives in this queue."""

    queue: AbstractQueue
    tag: str


class Intake:
    """Feeds each reaction what its queue delivers; survives a broker that is away."""

    def __init__(
        self,
        settings: ServiceSettings,
        database: Database,
        subscriptions: list[Subscription],
        resources: dict[str, Any],
    ) -> None:
        self._settings = settings
        self._reactions = [
            (one, (InBatches if one.batch_size else OneByOne)(one, database, resources))
            for one in subscriptions
        ]
        self._registrations: list[_Registration] = []
        self._in_hand: set[asyncio.Task[Any]] = set()
        self.declared = asyncio.Event()
        """Set once every queue of ours exists."""
        self.consuming = False
        """True while each reaction is registered on an open channel."""

    async def run(self) -> None:
        """Consume until cancelled; whatever is lost, all of it is made again."""
        url = self._settings.rabbitmq_url.get_secret_value()
        while True:
            try:
                async with await aio_pika.connect(url, timeout=CONNECT_SECONDS) as connection:
                    await self._consume(connection)
            except aio_pika.exceptions.ChannelPreconditionFailed:
                raise  # The broker's layout is another one than ours: waiting does not help.
            except Exception as error:
                log.warning("broker.unreachable", error=type(error).__name__)
            finally:
                self.consuming = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def finish(self, seconds: float) -> None:
        """Take nothing more and let running reactions end; those that do not are given up."""
        with suppress(Exception):
            async with asyncio.timeout(CANCEL_SECONDS):
                for one in self._registrations:
                    await one.queue.cancel(one.tag)
        # What was delivered before the broker heard us has a task, which may not have begun yet.
        await asyncio.sleep(BEGIN_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._in_hand:
                    await asyncio.wait(self._in_hand)
        given_up = list(self._in_hand)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)

    async def _consume(self, connection: AbstractConnection) -> None:
        delays = self._settings.retry_delays_seconds
        await topology.declare(await connection.channel(), delays)
        lost = asyncio.Event()
        self._registrations = []
        for subscription, reaction in self._reactions:
            take = reaction.taker(Retries(subscription.name, connection, delays))
            self._registrations.append(await self._register(connection, subscription, take, lost))
        self.declared.set()
        self.consuming = True
        await lost.wait()
        log.warning("broker.lost")

    async def _register(
        self,
        connection: AbstractConnection,
        subscription: Subscription,
        take: Take,
        lost: asyncio.Event,
    ) -> _Registration:
        channel = await connection.channel()
        channel.close_callbacks.add(lambda *_: lost.set())
        underlay = await channel.get_underlay_channel()
        # Somebody deleted the queue: the channel stays open, and silent.
        underlay.on_consumer_cancel_callbacks.add(lambda _: lost.set())
        batch = subscription.batch_size
        await channel.set_qos(
            prefetch_count=2 * batch if batch else subscription.prefetch or self._settings.prefetch
        )
        queue = await topology.declare_reaction(channel, subscription.name, subscription.event)

        callback = functools.partial(self._take_in_hand, take)
        return _Registration(queue, await queue.consume(callback))

    async def _take_in_hand(self, take: Take, message: AbstractIncomingMessage) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._in_hand.add(task)
        try:
            await take(message)
        except Exception as error:
            # Its effect is committed or undone; the broker will deliver it once more.
            log.warning("message.not_settled", error=type(error).__name__)
        finally:
            self._in_hand.discard(task)
