"""Batched reactions: many facts in one transaction, and one poison harms no neighbour."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from aio_pika import IncomingMessage
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.event import Event
from tests.chassis.bench import Bench, Noted, effect_of, ready, until


async def test_500_facts_in_batches_happen_once_and_the_poison_among_them_rests(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    acknowledge, at_once = IncomingMessage.ack, Counter[bool]()

    async def counted(message: IncomingMessage, multiple: bool = False) -> None:
        at_once[multiple] += 1
        await acknowledge(message, multiple)

    monkeypatch.setattr(IncomingMessage, "ack", counted)

    async def tally(events: Sequence[Noted], session: AsyncSession) -> None:
        session.add_all(effect_of(event, "tally") for event in events)
        await session.flush()
        if any(event.text == "poison" for event in events):
            raise ValueError("poison in the batch")
        sizes.append(len(events))

    bench.consumers.on_batch(bench.noted, size=100)(tally)
    facts = [bench.fact() for _ in range(499)]
    poison, again = bench.fact("poison"), facts[:50]
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(*facts[:250], poison, *facts[250:])
        for fact in again:
            await bench.deliver("tally", fact.model_dump_json().encode(), str(fact.event_id))
        await until(lambda: settled(bench, 499))
        await until(bench.dead_letters)
        await until(lambda: is_empty(bench, "tally"))

    assert Counter(await bench.effects()) == Counter(fact.event_id for fact in facts)
    (letter,) = await bench.dead_letters()
    assert letter.event_id == str(poison.event_id)
    assert letter.error == "ValueError: poison in the batch"
    assert max(sizes) > 50
    # One acknowledgement for each batch; only the poison's own batches were taken apart.
    assert at_once[True] >= len([size for size in sizes if size > 1])
    assert at_once.total() < 550
    assert await bench.depth("tally") == 0


async def test_unreadable_body_in_a_batch_rests_at_once(bench: Bench) -> None:
    async def tally(events: Sequence[Event], session: AsyncSession) -> None:
        session.add_all(effect_of(event, "tally") for event in events)

    bench.consumers.on_batch(bench.noted)(tally)
    fact = bench.fact()
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.deliver("tally", b"{}")
        await bench.deliver("tally", fact.model_dump_json().encode())
        await until(bench.dead_letters)
        await until(lambda: settled(bench, 1))
    (letter,) = await bench.dead_letters()
    assert letter.body == b"{}"


async def test_batch_in_hand_is_finished_and_acknowledged_before_the_worker_ends(
    bench: Bench,
) -> None:
    begun = asyncio.Event()

    async def slow_tally(events: Sequence[Event], session: AsyncSession) -> None:
        begun.set()
        await asyncio.sleep(0.3)
        session.add_all(effect_of(event, "slow_tally") for event in events)

    bench.consumers.on_batch(bench.noted, size=5)(slow_tally)
    facts = [bench.fact() for _ in range(8)]
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(*facts)
        await begun.wait()
    left = await bench.left("slow_tally")
    assert len(await bench.effects()) + len(left) == 8
    assert not any(left)


async def settled(bench: Bench, count: int) -> bool:
    return len(await bench.effects()) == count


async def is_empty(bench: Bench, reaction: str) -> bool:
    return await bench.depth(reaction) == 0
