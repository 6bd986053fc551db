"""Whether everything is at rest: nothing waits in a queue, in an outbox or half done."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import aio_pika

from chassis import topology
from chassis.settings import ServiceSettings
from tests.chaos.invariants import INVARIANTS
from tests.chaos.invariants.messaging import reactions
from tests.chaos.world import World

RESTING = ("M2", "M4", "G4", "V3", "B10", "B15", "N2", "N4")
"""The invariants that are not yet true while something is under way."""
TIMEOUT_SECONDS = 5.0


async def waiting(rabbitmq_url: str) -> dict[str, int]:
    """How many messages wait in each queue of the product that holds any."""
    delays = ServiceSettings.model_fields["retry_delays_seconds"].default
    names = [name for _, name, _, _ in reactions()]
    names += [topology.retry_exchange(delay) for delay in delays]
    names.append(topology.DEAD_LETTERS)
    found = {}
    async with await aio_pika.connect(rabbitmq_url, timeout=TIMEOUT_SECONDS) as connection:
        channel = await connection.channel()
        for name in names:
            queue = await channel.declare_queue(name, passive=True, timeout=TIMEOUT_SECONDS)
            if queue.declaration_result.message_count:
                found[name] = queue.declaration_result.message_count
    return found


async def unrest(world: World, rabbitmq_url: str) -> dict[str, object]:
    """What is still under way, by name; empty at rest."""
    found: dict[str, object] = {}
    for one in INVARIANTS:
        if one.id in RESTING and (offenders := await one.check(world)):
            found[f"{one.id} {one.sentence}"] = offenders[:5]
    return found | await waiting(rabbitmq_url)


async def until_quiet(look: Callable[[], Awaitable[Mapping[str, object]]], seconds: float) -> float:
    """Seconds it took until nothing moved; raises AssertionError that names what still does."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    left = await look()
    while left:
        if loop.time() - began > seconds:
            raise AssertionError(f"not at rest after {seconds:.0f} s: {left}")
        await asyncio.sleep(0.5)
        left = await look()
    return loop.time() - began
