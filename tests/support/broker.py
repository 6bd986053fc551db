"""Messages put into queues by hand: facts again, and what nobody can read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractChannel

from chassis.messages import message_of
from contracts.event import Event

TIMEOUT_SECONDS = 5.0


@asynccontextmanager
async def channel(rabbitmq_url: str) -> AsyncIterator[AbstractChannel]:
    """A channel on which publishing to nobody fails."""
    async with await aio_pika.connect(rabbitmq_url, timeout=TIMEOUT_SECONDS) as connection:
        yield await connection.channel(on_return_raises=True)


async def deliver(to: AbstractChannel, queue: str, event: Event) -> None:
    """The event as the relay sends it, to one reaction only."""
    body = event.model_dump(mode="json")
    message = message_of(source="test", routing_key=event.routing_key, body=body, trace={})
    await to.default_exchange.publish(message, queue, mandatory=True, timeout=TIMEOUT_SECONDS)


async def publish_raw(to: AbstractChannel, exchange: str, routing_key: str, body: bytes) -> None:
    """Anything at all, as if a publisher had sent it."""
    message = aio_pika.Message(body, message_id="poison", type=routing_key)
    target = await to.get_exchange(exchange, ensure=False)
    await target.publish(message, routing_key, mandatory=True, timeout=TIMEOUT_SECONDS)
