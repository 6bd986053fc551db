"""Outbox, relay and reactions beside raw aio-pika, in one process on one real broker."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import aio_pika
from sqlalchemy.ext.asyncio import AsyncSession

from benchmarks.events.place import Effect, Noted, Place, opened
from benchmarks.figures import Figure, at_least, at_most, median
from benchmarks.gateway.load import resident_bytes
from chassis import topology
from chassis.consumers import Consumers
from chassis.database import Database, SystemScope
from chassis.messages import message_of
from chassis.outbox import emit
from chassis.relay import BATCH_SIZE, Relay
from chassis.worker import Worker

ROUNDS = 3
FACTS = 4000
WAITING = int(os.environ.get("BENCH_WAITING", "20000"))
"""100,000 is what performance.md asks for, in a few minutes."""
LATENCY_SECONDS = 8
PER_SECOND = 100
PATIENCE_SECONDS = 600.0


async def run() -> list[Figure]:
    """Rows against performance.md §2; medians of interleaved rounds."""
    async with opened() as place:
        raw, relayed = [], []
        async with _queue(place, "bench.heard"):
            for _ in range(ROUNDS):
                raw.append(await _publish(place))
                relayed.append(await _relay(place))
        single = [await _react(place, _single()) for _ in range(ROUNDS)]
        batched = [await _react(place, _batched()) for _ in range(ROUNDS)]
        return [
            Figure("raw aio-pika, confirms in flight", median(raw), "facts/s"),
            Figure("relay", median(relayed), "facts/s"),
            at_least("relay, of raw aio-pika", median(relayed) / median(raw), "×", 0.9),
            at_least("reaction, one transaction a fact", median(single), "facts/s", 2000),
            at_least("reaction, batched", median(batched), "facts/s", 8000),
            *await _latency(place),
            await _drain(place),
        ]


def _single() -> Consumers:
    consumers = Consumers("bench")

    @consumers.on(Noted)
    async def leave_effect(event: Noted, session: AsyncSession) -> None:
        session.add(Effect(workspace_id=event.workspace_id, event_id=event.event_id))

    return consumers


def _batched() -> Consumers:
    consumers = Consumers("bench")

    @consumers.on_batch(Noted, size=500)
    async def leave_effects(events: Sequence[Noted], session: AsyncSession) -> None:
        session.add_all(
            Effect(workspace_id=event.workspace_id, event_id=event.event_id) for event in events
        )

    return consumers


@asynccontextmanager
async def _queue(place: Place, name: str) -> AsyncIterator[None]:
    """A quorum queue that hears every fact, as a reaction's does."""
    async with await aio_pika.connect(place.rabbitmq_url, timeout=5) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(name, durable=True, arguments=topology.QUORUM)
        await queue.bind(topology.EVENTS, Noted.routing_key)
        yield
        await queue.delete(if_unused=False, if_empty=False)


async def _publish(place: Place, count: int = FACTS) -> float:
    """Facts a second: the same messages, published by nothing but aio-pika."""
    fact = Noted(workspace_id=uuid4(), project_id=uuid4())
    async with await aio_pika.connect(place.rabbitmq_url, timeout=5) as connection:
        channel = await connection.channel(on_return_raises=True)
        exchange = await channel.get_exchange(topology.EVENTS, ensure=False)

        async def publish() -> None:
            body = fact.model_dump(mode="json") | {"event_id": str(uuid4())}
            message = message_of(source="bench", routing_key=fact.routing_key, body=body, trace={})
            await exchange.publish(message, fact.routing_key, mandatory=True, timeout=30)

        began = time.perf_counter()
        for _ in range(0, count, BATCH_SIZE):
            await asyncio.gather(*(publish() for _ in range(BATCH_SIZE)))
        return count / (time.perf_counter() - began)


async def _relay(place: Place) -> float:
    """Facts a second from the outbox to the broker."""
    await place.record(FACTS)
    relay = Relay("bench", place.database, place.rabbitmq_url)
    began = time.perf_counter()
    while await relay.publish_pending():
        pass
    rate = FACTS / (time.perf_counter() - began)
    await relay.disconnect()
    await place.forget()
    return rate


async def _react(place: Place, consumers: Consumers) -> float:
    """Effects a second of a worker that finds its queue full, from its first effect on."""
    async with place.worker(consumers).running() as worker:
        await _until_consuming(worker)
    await _publish(place)
    async with place.worker(consumers).running(), asyncio.timeout(PATIENCE_SECONDS):
        # Polling: the effects are rows, and counting them wakes nobody.
        while not (at_first := await place.effects()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        began = time.perf_counter()
        while await place.effects() < FACTS:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        rate = (FACTS - at_first) / (time.perf_counter() - began)
    await place.forget()
    return rate


async def _until_consuming(worker: Worker) -> None:
    async with asyncio.timeout(30):
        # Polling: FastStream tells nobody when its consumers are registered.
        while not worker.consuming():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def _latency(place: Place) -> list[Figure]:
    """From before the use case's transaction until the reaction has its session.

    What changes has a pool of its own, as in another process: PostgreSQL wakes the relay.
    """
    seconds: list[float] = []
    consumers = Consumers("bench")

    @consumers.on(Noted)
    async def take_time(event: Noted, session: AsyncSession) -> None:
        session.add(Effect(workspace_id=event.workspace_id, event_id=event.event_id))
        seconds.append(time.time() - event.sent_at)

    async with place.worker(consumers).running() as worker:
        await _until_consuming(worker)
        async with place.another_process() as database:
            await _emit_steadily(database)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(seconds) < LATENCY_SECONDS * PER_SECOND:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    await place.forget()
    ranked = [1000 * second for second in sorted(seconds[PER_SECOND:])]
    p99 = ranked[int(len(ranked) * 0.99)]
    return [
        at_most(f"from change to reaction at {PER_SECOND}/s, p50", median(ranked), "ms", 5),
        at_most(f"from change to reaction at {PER_SECOND}/s, p99", p99, "ms", 15),
    ]


async def _emit_steadily(database: Database) -> None:
    scope = SystemScope(uuid4())

    async def change() -> None:
        fact = Noted(workspace_id=scope.workspace_id, project_id=uuid4(), sent_at=time.time())
        async with database.transaction(scope) as session:
            await emit(session, fact)

    changes, began = [], time.perf_counter()
    for number in range(LATENCY_SECONDS * PER_SECOND):
        changes.append(asyncio.create_task(change()))
        await asyncio.sleep(max(0.0, began + (number + 1) / PER_SECOND - time.perf_counter()))
    await asyncio.gather(*changes)


async def _drain(place: Place) -> Figure:
    """How much more memory the process takes after the first tenth of what waits."""
    await place.record(WAITING)
    sizes: list[int] = []
    async with place.worker(_batched()).running(), asyncio.timeout(PATIENCE_SECONDS):
        while (done := await place.effects()) < WAITING:
            if done > WAITING / 10:
                sizes.append(resident_bytes(os.getpid()))
            await asyncio.sleep(0.2)
    grown = (max(sizes, default=0) - (sizes or [0])[0]) / 1024 / 1024
    return at_most(f"memory gained while {WAITING:,} waiting facts drain", grown, "MiB", 20)
