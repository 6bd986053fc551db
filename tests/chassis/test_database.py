"""One workspace per transaction: what the database itself refuses."""

import asyncio
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.database import Database, SystemScope, create_engine
from contracts.event import SYSTEM
from local.infrastructure.databases import ServiceDatabase
from tests.chassis.sample import Effect, Entry


def effect(workspace_id: UUID) -> Effect:
    return Effect(workspace_id=workspace_id, event_id=uuid4(), reaction="r")


async def stored(database: Database) -> UUID:
    """A fresh workspace with one effect."""
    workspace_id = uuid4()
    async with database.transaction(SystemScope(workspace_id)) as session:
        session.add(effect(workspace_id))
    return workspace_id


async def test_200_alternations_over_two_connections_leak_nothing(
    sample_urls: ServiceDatabase,
) -> None:
    database = Database(create_engine(sample_urls.url, pool_size=2))
    workspaces = [await stored(database), await stored(database)]

    async def look(number: int) -> set[UUID]:
        scope = SystemScope(workspaces[number % 2])
        if number % 7 == 0:
            with suppress(ZeroDivisionError):
                async with database.transaction(scope) as session:
                    await session.scalars(select(Effect))
                    raise ZeroDivisionError
        async with database.transaction(scope) as session:
            return set(await session.scalars(select(Effect.workspace_id)))

    seen = await asyncio.gather(*(look(number) for number in range(200)))
    assert seen == [{workspaces[number % 2]} for number in range(200)]
    async with database.engine.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(Effect)) == 0
    await database.close()


async def test_abandoned_transaction_leaves_no_workspace_behind(
    sample_urls: ServiceDatabase,
) -> None:
    database = Database(create_engine(sample_urls.url, pool_size=1))
    workspace = await stored(database)

    async def hang() -> None:
        async with database.transaction(SystemScope(workspace)) as session:
            await session.execute(text("SELECT pg_sleep(30)"))

    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hang(), 0.1)
        async with database.engine.connect() as connection:
            assert await connection.scalar(select(func.count()).select_from(Effect)) == 0
    await database.close()


async def test_without_a_workspace_there_are_no_rows(database: Database) -> None:
    await stored(database)
    async with database.engine.connect() as connection:
        assert (await connection.execute(select(Effect.id))).all() == []


async def test_across_workspaces_sees_all(database: Database) -> None:
    workspaces = {await stored(database), await stored(database)}
    async with database.across_workspaces() as session:
        assert workspaces <= set(await session.scalars(select(Effect.workspace_id)))
        assert session.info["actor"] == SYSTEM


async def test_row_of_another_workspace_can_be_neither_added_nor_moved_nor_removed(
    database: Database,
) -> None:
    mine, others = await stored(database), await stored(database)
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.transaction(SystemScope(mine)) as session:
            session.add(effect(others))
    with pytest.raises(DBAPIError, match="row-level security"):
        async with database.transaction(SystemScope(mine)) as session:
            await session.execute(text("UPDATE effect SET workspace_id = :to"), {"to": others})
    async with database.transaction(SystemScope(mine)) as session:
        done: Any = await session.execute(
            text("DELETE FROM effect WHERE workspace_id = :of"), {"of": others}
        )
        assert done.rowcount == 0


async def test_runtime_role_is_no_owner_no_superuser_and_cannot_bypass(
    database: Database,
) -> None:
    async with database.engine.connect() as connection:
        role = await connection.execute(
            text("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        )
        assert role.one() == (False, False)
        owned = "SELECT count(*) FROM pg_tables WHERE tableowner = current_user"
        assert await connection.scalar(text(owned)) == 0
        forced = (
            "SELECT bool_and(relrowsecurity AND relforcerowsecurity) FROM pg_class"
            " WHERE relname IN ('effect', 'entry', 'outbox')"
        )
        assert await connection.scalar(text(forced)) is True


@pytest.mark.parametrize("role", ["runtime", "owner"])
@pytest.mark.parametrize(
    "statement", ["UPDATE entry SET amount = 0", "DELETE FROM entry", "TRUNCATE entry"]
)
async def test_accounting_rows_can_only_be_added(
    sample_urls: ServiceDatabase, database: Database, role: str, statement: str
) -> None:
    workspace_id = uuid4()
    async with database.transaction(SystemScope(workspace_id)) as session:
        session.add(Entry(workspace_id=workspace_id, amount=7))
    url = sample_urls.url if role == "runtime" else sample_urls.owner_url
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        await connection.execute(text("SELECT set_config('app.all_workspaces', 'on', true)"))
        with pytest.raises(DBAPIError, match=r"append-only|permission denied"):
            await connection.execute(text(statement))
    await engine.dispose()
    async with database.transaction(SystemScope(workspace_id)) as session:
        assert list(await session.scalars(select(Entry.amount))) == [7]


async def test_statement_that_takes_too_long_is_ended(sample_urls: ServiceDatabase) -> None:
    database = Database(create_engine(sample_urls.url, statement_timeout_seconds=0.2))
    with pytest.raises(DBAPIError, match="statement timeout"):
        async with database.across_workspaces() as session:
            await session.execute(text("SELECT pg_sleep(5)"))
    await database.close()


async def test_error_text_holds_no_parameters(database: Database) -> None:
    with pytest.raises(DBAPIError) as failed:
        async with database.across_workspaces() as session:
            await session.execute(text("SELECT 1 / 0, :password ::text"), {"password": "hunter2"})
    assert "hunter2" not in str(failed.value)
