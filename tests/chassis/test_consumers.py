"""Reactions happen once, failures wait longer and then rest, and neighbours go on."""

import asyncio
import json
from itertools import pairwise

import aio_pika
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.worker import Worker
from contracts.event import Event
from tests.chassis.bench import Bench, Noted, effect_of, leave_effect, ready, until


async def test_same_fact_three_times_at_two_replicas_has_one_effect(bench: Bench) -> None:
    bench.consumers.on(bench.noted)(leave_effect)
    fact, last = bench.fact(), bench.fact("last")
    async with bench.worker().running() as first, bench.worker().running() as second:
        await ready(first)
        await ready(second)
        body = fact.model_dump_json().encode()
        await asyncio.gather(*(bench.deliver("leave_effect", body) for _ in range(3)))
        await bench.say(last)
        await until(lambda: has_effect(bench, last))
    assert sorted(await bench.effects()) == sorted([fact.event_id, last.event_id])


async def test_poison_waits_longer_each_time_then_rests_while_neighbours_go_on(
    bench: Bench,
) -> None:
    times: list[float] = []

    async def fragile(event: Noted, session: AsyncSession) -> None:
        if event.text == "poison":
            times.append(asyncio.get_running_loop().time())
            raise ValueError("this one is poisonous")
        await leave_effect(event, session)

    bench.consumers.on(bench.noted)(fragile)
    poison = bench.fact("poison")
    neighbours = [bench.fact() for _ in range(10)]
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(neighbours[0], poison, *neighbours[1:])
        await until(bench.dead_letters)

    (letter,) = await bench.dead_letters()
    assert letter.event_id == str(poison.event_id)
    assert letter.error == "ValueError: this one is poisonous"
    assert letter.reaction == f"{bench.name}.fragile"
    assert sorted(await bench.effects()) == sorted(fact.event_id for fact in neighbours)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) == 1 + len(bench.settings.retry_delays_seconds)
    # Each wait is at least half of its delay: 25, 50 and 100 milliseconds.
    assert [wait >= least for wait, least in zip(waits, (0.025, 0.05, 0.1), strict=True)]


@pytest.mark.parametrize("body", [b"not json at all", b'{"event_id": 7}', b"", b"\xff\xfe"])
async def test_unreadable_body_rests_at_once_with_a_reason(bench: Bench, body: bytes) -> None:
    bench.consumers.on(bench.noted)(leave_effect)
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.deliver("leave_effect", body, "unreadable")
        await until(bench.dead_letters, 5)
    (letter,) = await bench.dead_letters()
    assert letter.body == body
    assert "unknown" not in letter.error
    assert "delivery_limit" not in letter.error


async def test_reason_of_an_unreadable_body_repeats_none_of_it(bench: Bench) -> None:
    bench.consumers.on(bench.noted)(leave_effect)
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.deliver("leave_effect", json.dumps({"text": ["hunter2"]}).encode())
        await until(bench.dead_letters)
    (letter,) = await bench.dead_letters()
    assert "text" in letter.error
    assert "hunter2" not in letter.error


async def test_crash_looping_reaction_ends_in_dead_letters_by_the_broker_itself(
    bench: Bench,
) -> None:
    bench.consumers.on(bench.noted)(leave_effect)
    async with bench.worker().running() as worker:
        await ready(worker)
    fact = bench.fact()
    await bench.deliver("leave_effect", fact.model_dump_json().encode(), str(fact.event_id))

    # A process that dies with the message in hand, again and again.
    for _ in range(6):
        connection = await aio_pika.connect(bench.url, timeout=5)
        queue = await (await connection.channel()).get_queue(f"{bench.name}.leave_effect")
        message = await queue.get(timeout=5, fail=False)
        await connection.close()
        if message is None:
            break

    await until(bench.dead_letters)
    (letter,) = await bench.dead_letters()
    assert letter.event_id == str(fact.event_id)
    assert letter.reaction == f"{bench.name}.leave_effect"
    assert letter.error == "delivery_limit"


async def test_prefetch_bounds_how_many_run_at_once(bench: Bench) -> None:
    running: list[str] = []
    released = asyncio.Event()

    async def slow(event: Noted, session: AsyncSession) -> None:
        running.append(event.text)
        await released.wait()
        session.add(effect_of(event, "slow"))

    bench.consumers.on(bench.noted, prefetch=2)(slow)
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(*(bench.fact(str(number)) for number in range(5)))

        async def others_wait() -> bool:
            return len(running) >= 2 and await bench.depth("slow") == 3

        await until(others_wait)
        assert len(running) == 2
        released.set()
        await until(lambda: effect_count(bench, 5))


async def test_reaction_that_takes_the_database_gets_its_resources_by_name(bench: Bench) -> None:
    given: list[object] = []

    async def call_outside(event: Event, database: Database, storage: object) -> None:
        given.extend([database, storage])
        async with database.transaction(event) as session:
            session.add(effect_of(event, "call_outside"))

    bench.consumers.on(bench.noted)(call_outside)
    storage = object()
    async with bench.worker(storage=storage, unwanted=object()).running() as worker:
        await ready(worker)
        await bench.say(bench.fact())
        await until(lambda: effect_count(bench, 1))
    assert given == [bench.database, storage]


async def test_missing_resource_is_told_when_the_worker_is_made(bench: Bench) -> None:
    async def call_outside(event: Event, database: Database, storage: object) -> None:
        raise AssertionError("never called")

    bench.consumers.on(bench.noted)(call_outside)
    with pytest.raises(LookupError, match="storage"):
        bench.worker()


async def test_failed_reaction_leaves_no_inbox_row_so_it_may_succeed_later(bench: Bench) -> None:
    failures = iter([ConnectionError("the vendor is away")])

    async def recovering(event: Noted, session: AsyncSession) -> None:
        session.add(effect_of(event, "recovering"))
        await session.flush()
        for failure in failures:
            raise failure

    bench.consumers.on(bench.noted)(recovering)
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(bench.fact())
        await until(lambda: effect_count(bench, 1))
    assert await bench.dead_letters() == []


async def test_message_stays_when_its_retry_cannot_be_published(bench: Bench) -> None:
    async def broken(event: Noted, session: AsyncSession) -> None:
        raise ValueError("always")

    bench.consumers.on(bench.noted)(broken)
    async with bench.worker().running() as worker:
        await ready(worker)
        # The way back is gone: only the broker's own delivery limit is left.
        await remove_exchange(bench, "retry-0.05s")
        await bench.say(bench.fact())
        await until(bench.dead_letters)
    (letter,) = await bench.dead_letters()
    assert letter.error == "delivery_limit"


async def test_queue_that_somebody_deleted_is_declared_and_consumed_again(bench: Bench) -> None:
    bench.consumers.on(bench.noted)(leave_effect)
    async with bench.worker().running() as worker:
        await ready(worker)
        async with await aio_pika.connect(bench.url, timeout=5) as connection:
            await (await connection.channel()).queue_delete(f"{bench.name}.leave_effect")
        await until(lambda: is_unready(worker))
        await ready(worker)
        fact = bench.fact()
        await bench.say(fact)
        await until(lambda: has_effect(bench, fact))


async def is_unready(worker: Worker) -> bool:
    return not worker.consuming()


async def remove_exchange(bench: Bench, name: str) -> None:
    async with await aio_pika.connect(bench.url, timeout=5) as connection:
        await (await connection.channel()).exchange_delete(name)


async def has_effect(bench: Bench, event: Event) -> bool:
    return event.event_id in await bench.effects()


async def effect_count(bench: Bench, count: int) -> bool:
    return len(await bench.effects()) == count
