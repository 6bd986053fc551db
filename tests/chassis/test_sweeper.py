"""Sweeps happen once per period whatever the replicas, and fail alone."""

import asyncio
import secrets
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

from sqlalchemy import func, select, update

from chassis.database import Database
from chassis.housekeeping import INBOX_KEPT, register
from chassis.inbox import InboxRow, claim
from chassis.sweeper import Sweeper
from tests.chassis.bench import until


async def test_replicas_take_turns(database: Database) -> None:
    times: list[float] = []
    loop = asyncio.get_running_loop()

    async def sweep() -> None:
        times.append(loop.time())

    name, replicas = f"turns-{secrets.token_hex(4)}", [Sweeper(database) for _ in range(3)]
    for replica in replicas:
        replica.every(0.2, sweep, name=name)
    tasks = [asyncio.create_task(replica.run()) for replica in replicas]

    async def often() -> bool:
        return len(times) >= 6

    await until(often)
    for task in tasks:
        task.cancel()
    gaps = [later - earlier for earlier, later in pairwise(times)]
    # Three that did not take turns would leave about a third of the period between two.
    assert sorted(gaps)[len(gaps) // 2] >= 0.2 * 0.65


async def test_failing_sweep_stops_neither_itself_nor_others(database: Database) -> None:
    ran: list[str] = []

    async def failing() -> None:
        ran.append("failing")
        raise RuntimeError("the vendor is away")

    async def sound() -> None:
        ran.append("sound")

    sweeper, mark = Sweeper(database), secrets.token_hex(4)
    sweeper.every(0.05, failing, name=f"failing-{mark}")
    sweeper.every(0.05, sound, name=f"sound-{mark}")
    task = asyncio.create_task(sweeper.run())

    async def both_again() -> bool:
        return min(ran.count("failing"), ran.count("sound")) >= 3

    await until(both_again)
    task.cancel()


async def test_housekeeping_forgets_old_inbox_rows_and_keeps_young_ones(
    database: Database,
) -> None:
    old, young, reaction = uuid4(), uuid4(), f"r-{secrets.token_hex(4)}"
    async with database.across_workspaces() as session:
        assert await claim(session, reaction, [old, young]) == {old, young}
        await session.execute(
            update(InboxRow)
            .where(InboxRow.event_id == old)
            .values(handled_at=func.now() - INBOX_KEPT - timedelta(minutes=1))
        )
    sweeper = Sweeper(database)
    register(sweeper, database)
    await sweeper._sweeps[0].run()
    async with database.across_workspaces() as session:
        kept = select(InboxRow.event_id).where(InboxRow.reaction == reaction)
        assert list(await session.scalars(kept)) == [young]
