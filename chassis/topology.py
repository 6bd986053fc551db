"""The whole broker layout: facts, private notes, one queue per reaction, retries, dead letters.

RabbitMQ refuses to declare a queue that exists with other arguments, so a service does not start
on a layout that differs from this file.
"""

from typing import Any

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractQueue

from contracts.event import Event, PrivateEvent

DELIVERY_LIMIT = 5
"""Deliveries that end in a crash before we could count the attempt ourselves."""

EVENTS = "events"
PRIVATE_EVENTS = "private-events"
DEAD_LETTERS = "dead-letters"
EVENT_LOG = "event-log"
"""A stream of every public fact: for partners' replay, and so that unroutable means broken."""

QUORUM: dict[str, Any] = {"x-queue-type": "quorum"}
# Looking at a letter counts as a delivery, and RabbitMQ 4 drops after 20 unless told otherwise.
GRAVEYARD: dict[str, Any] = {**QUORUM, "x-delivery-limit": 1_000_000}
# At-least-once dead lettering needs reject-publish, or the broker falls back to at-most-once.
KEEP_DEAD_LETTERS: dict[str, Any] = {
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}

REACTION: dict[str, Any] = {
    **QUORUM,
    **KEEP_DEAD_LETTERS,
    "x-dead-letter-exchange": DEAD_LETTERS,
    "x-delivery-limit": DELIVERY_LIMIT,
}


def exchange_of(event: type[Event]) -> str:
    return PRIVATE_EVENTS if issubclass(event, PrivateEvent) else EVENTS


async def declare_reaction(
    channel: AbstractChannel, reaction: str, event: type[Event]
) -> AbstractQueue:
    """The durable queue named after the reaction, bound to its fact; safe to repeat."""
    queue = await channel.declare_queue(reaction, durable=True, arguments=REACTION)
    exchange = await channel.declare_exchange(exchange_of(event), ExchangeType.TOPIC, durable=True)
    await queue.bind(exchange, event.routing_key)
    return queue


def retry_exchange(delay_seconds: float) -> str:
    """Where a message waits `delay_seconds` before it returns to its own queue."""
    return f"retry-{delay_seconds:g}s"


async def declare(channel: AbstractChannel, retry_delays_seconds: tuple[float, ...]) -> None:
    """Declare everything that belongs to no single reaction; safe to repeat."""
    events = await channel.declare_exchange(EVENTS, ExchangeType.TOPIC, durable=True)
    await channel.declare_exchange(PRIVATE_EVENTS, ExchangeType.TOPIC, durable=True)
    log = await channel.declare_queue(
        EVENT_LOG, durable=True, arguments={"x-queue-type": "stream", "x-max-age": "30D"}
    )
    await log.bind(events, "#")
    dead = await channel.declare_exchange(DEAD_LETTERS, ExchangeType.FANOUT, durable=True)
    graveyard = await channel.declare_queue(DEAD_LETTERS, durable=True, arguments=GRAVEYARD)
    await graveyard.bind(dead)
    for delay in retry_delays_seconds:
        await _declare_retry(channel, delay)


async def _declare_retry(channel: AbstractChannel, delay_seconds: float) -> None:
    name = retry_exchange(delay_seconds)
    # A topic exchange keeps the routing key, which names the queue to return to.
    exchange = await channel.declare_exchange(name, ExchangeType.TOPIC, durable=True)
    queue = await channel.declare_queue(
        name,
        durable=True,
        arguments={
            **QUORUM,
            **KEEP_DEAD_LETTERS,
            "x-message-ttl": int(delay_seconds * 1000),
            "x-dead-letter-exchange": "",
        },
    )
    await queue.bind(exchange, "#")
