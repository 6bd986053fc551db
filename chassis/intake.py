"""A worker's consumers: one FastStream broker, one channel for each reaction."""

import asyncio
import functools
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import aio_pika
import structlog
from aio_pika.abc import AbstractRobustQueue
from faststream import AckPolicy
from faststream.rabbit import Channel, RabbitBroker, RabbitMessage, RabbitQueue

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

    queue: AbstractRobustQueue
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
        while True:
            broker = self._new_broker()
            try:
                await self._consume(broker)
            except aio_pika.exceptions.ChannelPreconditionFailed:
                raise  # The broker's layout is another one than ours: waiting does not help.
            except Exception as error:
                log.warning("broker.unreachable", error=type(error).__name__)
            finally:
                self.consuming = False
                await _close(broker)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def finish(self, seconds: float) -> None:
        """Take nothing more and let running reactions end; those that do not are given up."""
        ends = [one.queue.cancel(one.tag) for one in self._registrations]
        # Waited for, never cancelled: that closes the channel, and with it ends what runs.
        await asyncio.wait([asyncio.gather(*ends, return_exceptions=True)], timeout=CANCEL_SECONDS)
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

    def _new_broker(self) -> RabbitBroker:
        broker = RabbitBroker(
            self._settings.rabbitmq_url.get_secret_value(),
            # A publish nobody receives must fail, not vanish.
            default_channel=Channel(on_return_raises=True),
            timeout=CONNECT_SECONDS,
            app_id=self._settings.service,
            # Reactions are called by us, with their session and resources.
            apply_types=False,
            logger=None,
        )
        for subscription, reaction in self._reactions:
            retries = Retries(subscription.name, broker, self._settings.retry_delays_seconds)
            broker.subscriber(
                RabbitQueue(subscription.name, declare=False),
                channel=Channel(prefetch_count=self._prefetch(subscription)),
                ack_policy=AckPolicy.MANUAL,
                no_reply=True,
                decoder=_as_it_came,
            )(functools.partial(self._take_in_hand, reaction.taker(retries)))
        return broker

    def _prefetch(self, subscription: Subscription) -> int:
        if subscription.batch_size:
            return 2 * subscription.batch_size
        return subscription.prefetch or self._settings.prefetch

    async def _consume(self, broker: RabbitBroker) -> None:
        connection = await broker.connect()
        async with connection.channel() as channel:
            await topology.declare(channel, self._settings.retry_delays_seconds)
            for subscription, _ in self._reactions:
                await topology.declare_reaction(channel, subscription.name, subscription.event)
        lost = asyncio.Event()
        await broker.start()
        self._registrations = [_registration_of(each) for each in broker.subscribers]
        for one in self._registrations:
            one.queue.channel.close_callbacks.add(lambda *_: lost.set())
            underlay = await one.queue.channel.get_underlay_channel()
            # Somebody deleted the queue: the channel stays open, and silent.
            underlay.on_consumer_cancel_callbacks.add(lambda _: lost.set())
        self.declared.set()
        self.consuming = True
        await lost.wait()
        log.warning("broker.lost")

    async def _take_in_hand(self, take: Take, message: RabbitMessage) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._in_hand.add(task)
        try:
            await take(message)
        except Exception as error:
            # Its effect is committed or undone; the broker will deliver it once more.
            log.warning("message.not_settled", error=type(error).__name__)
        finally:
            self._in_hand.discard(task)


def _registration_of(subscriber: Any) -> _Registration:
    # FastStream does not say whether its consumers are registered; these two know.
    return _Registration(subscriber._queue_obj, subscriber._consumer_tag)


async def _as_it_came(message: RabbitMessage) -> RabbitMessage:
    # FastStream decodes before it calls us, and what it cannot decode we would never see.
    return message


async def _close(broker: RabbitBroker) -> None:
    with suppress(Exception):
        async with asyncio.timeout(CANCEL_SECONDS):
            await broker.stop()
