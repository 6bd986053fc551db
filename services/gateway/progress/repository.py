"""Reads the event log: the broker's stream of every public fact, in one order for everybody."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, cast

import structlog
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aiormq.channel import Channel

from chassis import topology
from chassis.messages import PREFIX
from services.gateway.progress.streams import Fact

log = structlog.get_logger()

PREFETCH = 500
ACKNOWLEDGED_EVERY = 100
BROKER_TIMEOUT_SECONDS = 5.0

Offset = int | Literal["last"]
"""A position in the log, or that of the last facts written together."""
Hear = Callable[[Fact], Awaitable[None]]
Consuming = Callable[[], bool]


@asynccontextmanager
async def reading(
    connection: AbstractConnection, begin: Offset, hear: Hear
) -> AsyncIterator[Consuming]:
    """Hear every fact from there on, until the block ends.

    Yields a question: is the broker still sending to us? It is not after a restart, and not after
    the log was deleted.
    """
    channel = await connection.channel()
    try:
        await channel.set_qos(prefetch_count=PREFETCH, timeout=BROKER_TIMEOUT_SECONDS)
        queue = await channel.get_queue(topology.EVENT_LOG, ensure=False)

        async def hear_message(message: AbstractIncomingMessage) -> None:
            fact = fact_of(message)
            if fact is not None:
                await hear(fact)
            # Acknowledging only asks a stream for more.
            if (message.delivery_tag or 0) % ACKNOWLEDGED_EVERY == 0:
                await message.ack(multiple=True)

        tag = await queue.consume(
            hear_message, arguments={"x-stream-offset": begin}, timeout=BROKER_TIMEOUT_SECONDS
        )
        consumers = cast(Channel, await channel.get_underlay_channel()).consumers
        yield lambda: tag in consumers and not channel.is_closed and not connection.is_closed
    finally:
        await _close(channel)


def fact_of(message: AbstractIncomingMessage) -> Fact | None:
    """None for what is no fact of ours; it is skipped, since a live view decides nothing."""
    headers = message.headers
    position, workspace_id = headers.get("x-stream-offset"), headers.get(f"{PREFIX}workspaceid")
    if not isinstance(position, int) or not message.type or not message.message_id:
        log.warning("progress.unreadable", routing_key=message.routing_key)
        return None
    return Fact(position, message.message_id, message.type, str(workspace_id), message.body)


async def _close(channel: AbstractChannel) -> None:
    if not channel.is_closed:
        await channel.close()
