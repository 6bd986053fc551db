"""A worker ends gracefully when asked, and visibly when it cannot do its work."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import aio_pika
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.intake import CANCEL_SECONDS
from contracts.event import Event
from tests.chassis.bench import Bench, Noted, effect_of, ready
from tests.chassis.lines import line_to
from tests.chassis.processes import ready_process, worker_process


async def test_running_reaction_finishes_and_its_message_is_acknowledged(bench: Bench) -> None:
    begun = asyncio.Event()

    async def slow(event: Event, session: AsyncSession) -> None:
        begun.set()
        await asyncio.sleep(0.3)
        session.add(effect_of(event, "slow"))

    bench.consumers.on(bench.noted)(slow)
    fact = bench.fact()
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(fact)
        await begun.wait()
    assert await bench.effects() == [fact.event_id]
    assert await bench.left("slow") == []


async def test_nothing_more_is_delivered_to_a_worker_that_is_ending(bench: Bench) -> None:
    begun = asyncio.Event()

    async def slow(event: Noted, session: AsyncSession) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        session.add(effect_of(event, "slow"))

    bench.consumers.on(bench.noted)(slow)
    worker = bench.worker()
    async with worker.running():
        await ready(worker)
        await bench.say(bench.fact())
        await begun.wait()
        ending = asyncio.create_task(worker.intake.finish(5))
        await asyncio.sleep(0.1)
        late = bench.fact("late")
        await bench.deliver("slow", late.model_dump_json().encode())
        assert await bench.left("slow") == [False]
        await ending


async def test_a_broker_that_confirms_late_ends_no_running_reaction(bench: Bench) -> None:
    """A renderer handed its unit back: giving up on the confirmation had closed its channel."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(event: Event, session: AsyncSession) -> None:
        begun.set()
        await may_end.wait()
        session.add(effect_of(event, "slow"))

    bench.consumers.on(bench.noted)(slow)
    fact = bench.fact()
    async with line_to(bench.url) as line:
        worker = bench.with_settings(rabbitmq_url=SecretStr(line.url)).worker()
        async with worker.running():
            await ready(worker)
            await bench.say(fact)
            await begun.wait()
            line.answers.clear()
            ending = asyncio.create_task(worker.intake.finish(10))
            await asyncio.sleep(CANCEL_SECONDS + 0.5)
            line.answers.set()
            may_end.set()
            await ending
    assert await bench.effects() == [fact.event_id]
    assert await bench.left("slow") == []


async def test_reaction_beyond_the_limit_is_given_up_and_its_message_returns(bench: Bench) -> None:
    begun = asyncio.Event()

    async def endless(event: Event, session: AsyncSession) -> None:
        session.add(effect_of(event, "endless"))
        begun.set()
        await asyncio.sleep(60)

    bench.consumers.on(bench.noted)(endless)
    bench = bench.with_settings(graceful_stop_seconds=0.3)
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(bench.fact())
        await begun.wait()
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 5
    assert await bench.left("endless") == [True]
    assert await bench.effects() == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize("batched", [False, True], ids=["single", "batched"])
async def test_sigterm_ends_five_processes_cleanly_without_needless_redelivery(
    bench: Bench, batched: bool
) -> None:
    numbers = range(5) if not batched else range(1)
    await asyncio.gather(*(stop_one(named(bench, str(number)), batched) for number in numbers))


async def stop_one(bench: Bench, batched: bool) -> None:
    async with ready_process(bench, batched=batched) as running:
        await bench.say(*(bench.fact() for _ in range(4)))
        await running.begun()
        running.process.terminate()
        code, logged = await running.ended()
    assert code == 0, logged
    left = await bench.left("work_on_many" if batched else "work")
    assert not any(left)
    # A relay that ends between publish and mark leaves a fact to be told again.
    assert await bench.unpublished() + len(await bench.effects()) + len(left) >= 4


@pytest.mark.parametrize("batched", [False, True], ids=["single", "batched"])
async def test_worker_refuses_to_start_on_a_queue_declared_otherwise(
    bench: Bench, batched: bool
) -> None:
    name = f"{bench.name}.{'work_on_many' if batched else 'work'}"
    async with await aio_pika.connect(bench.url, timeout=5) as connection:
        await (await connection.channel()).declare_queue(name, durable=True)
    async with worker_process(bench, batched=batched) as refused:
        code, logged = await refused.ended()
    assert code == 1
    assert '"event": "worker.failed"' in logged
    assert (
        f"PRECONDITION_FAILED - inequivalent arg 'x-dead-letter-exchange' for queue '{name}'"
        in (logged)
    )


async def test_worker_waits_for_a_broker_that_is_away_and_still_ends_at_once(bench: Bench) -> None:
    bench.consumers.on(bench.noted)(never)
    away = bench.settings.rabbitmq_url.__class__("amqp://guest:guest@127.0.0.1:1/")
    bench = bench.with_settings(rabbitmq_url=away)
    async with asyncio.timeout(5):
        async with bench.worker().running() as worker:
            await asyncio.sleep(0.2)
            assert not worker.consuming()


async def never(event: Event, session: AsyncSession) -> None:
    raise AssertionError("never called")


def named(bench: Bench, suffix: str) -> Bench:
    settings = bench.settings.model_copy(update={"service": f"{bench.name}{suffix}"})
    return replace(bench, settings=settings, workspace_id=uuid4())
