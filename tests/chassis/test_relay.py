"""The relay tells every committed fact, whatever dies meanwhile, and soon."""

import asyncio
from typing import Any

import aio_pika
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import inbox, relay
from chassis.database import SEE, Database
from contracts.event import Event
from local.infrastructure.databases import ServiceDatabase
from tests.chassis.bench import Bench, leave_effect, listening, ready, until
from tests.support.services import connected


@pytest.mark.parametrize("with_inbox", [True, False], ids=["inbox", "negative control"])
async def test_crash_between_publish_and_mark_repeats_and_the_inbox_makes_one_effect(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, with_inbox: bool
) -> None:
    async def crash(*_: Any) -> None:
        raise ConnectionResetError("the process died here")

    async def everything(session: AsyncSession, _: str, event_ids: list[Any]) -> set[Any]:
        await session.execute(SEE, session.info["sees"])
        return set(event_ids)

    if not with_inbox:
        monkeypatch.setattr(inbox, "claim", everything)
    bench.consumers.on(bench.noted)(leave_effect)
    fact, last = bench.fact(), bench.fact("last")
    async with listening(bench, bench.noted) as heard:
        worker = bench.worker()
        consuming = asyncio.create_task(worker.intake.run())
        await ready(worker)
        await bench.say(fact)
        with monkeypatch.context() as patch:
            patch.setattr(relay, "_mark", crash)
            with pytest.raises(ConnectionResetError):
                await bench.relay().publish_pending()
        await bench.say(last)
        assert await bench.relay().publish_pending() == 2
        told = [(await asyncio.wait_for(heard.get(), 5)).message_id for _ in range(3)]
        assert told == [str(fact.event_id), str(fact.event_id), str(last.event_id)]

        async def last_happened() -> bool:
            return last.event_id in await bench.effects() and await bench.depth("leave_effect") == 0

        await until(last_happened)
        consuming.cancel()
    effects = await bench.effects()
    assert effects.count(fact.event_id) == (1 if with_inbox else 2)


async def test_batch_has_all_its_confirms_in_flight(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = aio_pika.Exchange.publish
    in_flight = most = 0

    async def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        try:
            return await original(*arguments, **named)
        finally:
            in_flight -= 1

    monkeypatch.setattr(aio_pika.Exchange, "publish", counted)
    async with listening(bench, bench.noted):
        await bench.say(*(bench.fact() for _ in range(150)))
        assert await bench.relay().publish_pending() == 150
    assert most == 150


async def test_commit_wakes_the_relay_long_before_its_poll(bench: Bench) -> None:
    async with listening(bench, bench.noted) as heard:
        running = asyncio.create_task(bench.relay().run())
        await until(lambda: is_listened(bench))
        latencies = []
        for _ in range(5):
            began = asyncio.get_running_loop().time()
            await bench.say(bench.fact())
            await asyncio.wait_for(heard.get(), 5)
            latencies.append(asyncio.get_running_loop().time() - began)
        running.cancel()
    assert sorted(latencies)[2] < relay.IDLE_SECONDS / 4


async def test_20_writers_at_once_are_all_told_once(bench: Bench) -> None:
    facts = [bench.fact(str(number)) for number in range(20)]
    async with listening(bench, bench.noted) as heard:
        relays = [asyncio.create_task(bench.relay().run()) for _ in range(2)]
        await asyncio.gather(*(bench.say(fact) for fact in facts))
        told = [(await asyncio.wait_for(heard.get(), 5)).message_id for _ in facts]
        for task in relays:
            task.cancel()
        await asyncio.gather(*relays, return_exceptions=True)
    assert sorted(told) == sorted(str(fact.event_id) for fact in facts)


async def test_relay_goes_on_after_database_and_broker_dropped_their_connections(
    bench: Bench, sample_urls: ServiceDatabase
) -> None:
    async with connected(sample_urls.url, pool_size=2) as own:
        bench = Bench(own, bench.settings, bench.workspace_id)
        bench.consumers.on(bench.noted)(leave_effect)
        before, after = bench.fact(), bench.fact()
        async with bench.worker().running() as worker:
            await ready(worker)
            await bench.say(before)
            await until(lambda: has(bench, before))
            await cut_connections(own)
            assert worker.relay._connection is not None
            await worker.relay._connection.close()
            await bench.say(after)
            await until(lambda: has(bench, after))


async def cut_connections(database: Database) -> None:
    """Every other connection of this role to this database ends now."""
    statement = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND usename = current_user"
    )
    async with database.engine.connect() as connection:
        await connection.exec_driver_sql(statement)


async def is_listened(bench: Bench) -> bool:
    async with bench.database.engine.connect() as connection:
        found = await connection.exec_driver_sql(
            "SELECT 1 FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE '%LISTEN%outbox%'"
            " AND pid <> pg_backend_pid()"
        )
        return found.first() is not None


async def has(bench: Bench, event: Event) -> bool:
    return event.event_id in await bench.effects()
