"""The operator's tool: what failed for good comes back once, or goes with a reason."""

import asyncio
import os
import sys
from collections import Counter

import aio_pika
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from chassis import topology
from chassis.dead_letters import open_dead_letters
from tests.chassis.bench import Bench, Noted, effect_of, ready, until


class Fragile:
    """A reaction that fails until it is repaired."""

    def __init__(self, bench: Bench) -> None:
        self.repaired = False
        bench.consumers.on(bench.noted)(self.react)

    async def react(self, event: Noted, session: AsyncSession) -> None:
        if not self.repaired:
            raise ValueError("not repaired yet")
        session.add(effect_of(event, "react"))


@pytest.fixture(autouse=True)
async def empty_graveyard(bench: Bench) -> None:
    """Other tests' dead letters would be redriven along with ours."""
    async with await aio_pika.connect(bench.url, timeout=5) as connection:
        channel = await connection.channel()
        await topology.declare(channel, ())
        await (await channel.get_queue(topology.DEAD_LETTERS)).purge()


async def rested(bench: Bench, count: int) -> bool:
    """Asked without taking them: looking locks every letter for a moment."""
    async with await aio_pika.connect(bench.url, timeout=5) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(topology.DEAD_LETTERS, passive=True)
        return queue.declaration_result.message_count == count


async def happened(bench: Bench, count: int) -> bool:
    return len(await bench.effects()) >= count


async def test_one_redriven_returns_to_its_reaction_and_the_other_stays(bench: Bench) -> None:
    fragile = Fragile(bench)
    bench = bench.with_settings(retry_delays_seconds=())
    wanted, other = bench.fact(), bench.fact()
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(wanted, other)
        await until(lambda: rested(bench, 2))
        fragile.repaired = True
        async with open_dead_letters(bench.url) as letters:
            assert await letters.redrive(str(wanted.event_id)) == 1
        await until(lambda: happened(bench, 1))
    assert await bench.effects() == [wanted.event_id]
    assert [letter.event_id for letter in await bench.dead_letters()] == [str(other.event_id)]


async def test_200_redriven_twice_happen_once_each(bench: Bench) -> None:
    fragile = Fragile(bench)
    bench = bench.with_settings(retry_delays_seconds=())
    facts = [bench.fact() for _ in range(200)]
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(*facts)
        await until(lambda: rested(bench, 200), 50)
        fragile.repaired = True
        async with open_dead_letters(bench.url) as letters:
            assert await letters.redrive() == 200
            for fact in facts[:20]:
                body = fact.model_dump_json().encode()
                await bench.deliver("react", body, str(fact.event_id))
        await until(lambda: happened(bench, 200), 50)
    assert Counter(await bench.effects()) == Counter(fact.event_id for fact in facts)
    assert await bench.dead_letters() == []


async def test_redriven_poison_gets_all_its_attempts_again_and_rests_again(bench: Bench) -> None:
    fragile = Fragile(bench)
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(bench.fact())
        await until(lambda: rested(bench, 1))
        async with open_dead_letters(bench.url) as letters:
            await letters.redrive()
        assert await bench.dead_letters() == []
        await until(lambda: rested(bench, 1))
    assert not fragile.repaired


async def test_letters_stay_however_often_they_are_listed(bench: Bench) -> None:
    Fragile(bench)
    bench = bench.with_settings(retry_delays_seconds=())
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(bench.fact())
        await until(lambda: rested(bench, 1))
    for _ in range(30):
        assert len(await bench.dead_letters()) == 1


async def test_letter_of_a_reaction_that_is_gone_stays(bench: Bench) -> None:
    Fragile(bench)
    bench = bench.with_settings(retry_delays_seconds=())
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(bench.fact())
        await until(lambda: rested(bench, 1))
    async with await aio_pika.connect(bench.url, timeout=5) as connection:
        await (await connection.channel()).queue_delete(f"{bench.name}.react")
    with pytest.raises(aio_pika.exceptions.PublishError):
        async with open_dead_letters(bench.url) as letters:
            await letters.redrive()
    assert await rested(bench, 1)


async def test_discarding_logs_the_reason(bench: Bench) -> None:
    Fragile(bench)
    bench = bench.with_settings(retry_delays_seconds=())
    fact = bench.fact()
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(fact)
        await until(lambda: rested(bench, 1))
    with capture_logs() as logs:
        async with open_dead_letters(bench.url) as letters:
            assert await letters.discard(str(fact.event_id), reason="refunded by hand") == 1
    assert [(log["event"], log["reason"]) for log in logs] == [
        ("dead_letter.discarded", "refunded by hand")
    ]
    assert await bench.dead_letters() == []


async def test_operators_commands_list_show_redrive_and_discard(bench: Bench) -> None:
    fragile = Fragile(bench)
    bench = bench.with_settings(retry_delays_seconds=())
    first, second = bench.fact("first words"), bench.fact()
    async with bench.worker().running() as worker:
        await ready(worker)
        await bench.say(first, second)
        await until(lambda: rested(bench, 2))
        fragile.repaired = True

        listed = await command(bench, "list")
        assert f"{first.event_id}  {bench.noted.routing_key}  {bench.name}.react" in listed
        assert "ValueError: not repaired yet" in listed
        assert "first words" in await command(bench, "show", str(first.event_id))
        assert "1 redriven" in await command(bench, "redrive", str(first.event_id))
        gone = await command(bench, "discard", str(second.event_id), "--reason", "by hand")
        assert "1 discarded" in gone
        assert "no dead letters" in await command(bench, "list")
        await until(lambda: happened(bench, 1))
    assert await bench.effects() == [first.event_id]


async def command(bench: Bench, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chassis.dead_letters",
        *arguments,
        env={**os.environ, "RABBITMQ_URL": bench.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 0, output
    return output.decode()
