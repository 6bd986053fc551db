"""A commit wakes a relay at once, in this process or in another, and costs commits nothing."""

import asyncio
from contextlib import suppress

import pytest
from sqlalchemy import event

from chassis import relay
from chassis.database import SystemScope
from local.infrastructure.databases import ServiceDatabase
from tests.chassis.bench import Bench, listening, until
from tests.chassis.test_relay import is_listened
from tests.support.services import connected


async def test_commit_of_another_process_wakes_the_relay_long_before_its_poll(
    bench: Bench, sample_urls: ServiceDatabase
) -> None:
    async with connected(sample_urls.url) as others, listening(bench, bench.noted) as heard:
        running = asyncio.create_task(bench.relay().run())
        await until(lambda: is_listened(bench))
        theirs = Bench(others, bench.settings, bench.workspace_id)
        latencies = []
        for _ in range(5):
            began = asyncio.get_running_loop().time()
            await theirs.say(bench.fact())
            await asyncio.wait_for(heard.get(), 5)
            latencies.append(asyncio.get_running_loop().time() - began)
        running.cancel()
    assert sorted(latencies)[2] < relay.IDLE_SECONDS / 4


async def test_notice_follows_its_commit_and_many_commits_share_it(
    bench: Bench, sample_urls: ServiceDatabase
) -> None:
    said: list[str] = []
    async with connected(sample_urls.url) as database:

        @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
        def note(_: object, __: object, statement: str, *___: object) -> None:
            said.append(statement)

        @event.listens_for(database.engine.sync_engine, "commit")
        def noted(_: object) -> None:
            said.append("commit")

        here = Bench(database, bench.settings, bench.workspace_id)
        await asyncio.gather(*(here.say(bench.fact()) for _ in range(20)))
        await until(lambda: is_told(said))
    first = next(place for place, one in enumerate(said) if "pg_notify" in one)
    assert "commit" in said[:first]
    assert sum("pg_notify" in one for one in said) < 20


async def is_told(said: list[str]) -> bool:
    return any("pg_notify" in one for one in said)


async def test_rolled_back_change_gives_no_notice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bool] = []
    monkeypatch.setattr(bench.database.notices, "give", lambda: given.append(True))
    with suppress(ZeroDivisionError):
        async with bench.database.transaction(SystemScope(bench.workspace_id)) as session:
            session.info["emitted"] = True
            raise ZeroDivisionError
    assert given == []
    await bench.say(bench.fact())
    assert given == [True]
