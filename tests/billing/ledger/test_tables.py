"""What PostgreSQL itself refuses, to the runtime role and to the owner."""

from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from uuid_utils.compat import uuid7

from chassis.database import SystemScope
from services.billing.ledger import repository
from services.billing.tables import Base
from tests.billing.bench import Bench

KEPT = [
    "project_payment",
    "refund",
    "invoice",
    "invoice_line_item",
    "credit_note",
    "ledger_transaction",
    "ledger_entry",
]


async def test_a_posting_that_does_not_sum_to_zero_is_not_committed(bench: Bench) -> None:
    caller = await bench.workspace()
    ids = (caller.workspace_id, "test", str(uuid7()))
    with pytest.raises(DBAPIError, match="does not sum to zero"):
        async with bench.database.transaction(SystemScope(caller.workspace_id)) as session:
            await repository.post(session, *ids, {"bank": 100, "revenue": -99}, "nok")
    with pytest.raises(DBAPIError, match="has no entries"):
        async with bench.database.transaction(SystemScope(caller.workspace_id)) as session:
            await repository.post(session, *ids, {}, "nok")


async def test_a_source_is_posted_once(bench: Bench) -> None:
    caller = await bench.workspace()
    ids = (caller.workspace_id, "test", str(uuid7()))
    answers = []
    for _ in range(2):
        async with bench.database.transaction(SystemScope(caller.workspace_id)) as session:
            sides = {"bank": 100, "revenue": -100}
            answers.append(await repository.post(session, *ids, sides, "nok"))
    assert answers == [True, False]


async def refused(bench: Bench, statement: str, workspace_id: Any) -> None:
    with pytest.raises(DBAPIError, match=r"append-only|does not change|permission denied"):
        async with bench.database.transaction(SystemScope(workspace_id)) as session:
            await session.execute(text(statement))


@pytest.mark.parametrize("table", KEPT)
async def test_accounting_rows_are_never_deleted_by_either_role(bench: Bench, table: str) -> None:
    caller = await bench.workspace()
    await refused(bench, f"DELETE FROM {table}", caller.workspace_id)
    owner = await as_owner(bench)
    try:
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(asyncpg.PostgresError, match="append-only"):
                await owner.execute(statement)
    finally:
        await owner.close()


@pytest.mark.parametrize("table", ["ledger_transaction", "ledger_entry"])
async def test_the_ledger_is_never_updated_by_either_role(bench: Bench, table: str) -> None:
    caller = await bench.workspace()
    await refused(bench, f"UPDATE {table} SET created_at = now()", caller.workspace_id)
    owner = await as_owner(bench)
    try:
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await owner.execute(f"UPDATE {table} SET created_at = now()")
    finally:
        await owner.close()


async def as_owner(bench: Bench) -> asyncpg.Connection:
    url = bench.services.database_urls("billing").owner_url
    return await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))


@pytest.mark.parametrize(
    "change",
    [
        "net_ore = net_ore + 4, gross_ore = gross_ore + 4",
        "fiken_invoice_number = '1'",
        "due_date = due_date + 1",
        "currency = 'nok', fiken_invoice_id = 1",
    ],
)
async def test_an_issued_invoice_does_not_change(bench: Bench, change: str) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    await bench.sent(caller)
    await refused(bench, f"UPDATE invoice SET {change}", caller.workspace_id)
    lines = "UPDATE invoice_line_item SET amount_ore = 1"
    await refused(bench, lines, caller.workspace_id)
    free = "UPDATE invoice_line_item SET invoice_id = NULL, status = 'pending'"
    await refused(bench, free, caller.workspace_id)


async def test_a_quoted_price_does_not_change(bench: Bench) -> None:
    caller = await bench.workspace()
    await bench.pay(caller, await bench.project(caller))
    change = "UPDATE project_payment SET amount_minor_units = 1"
    await refused(bench, change, caller.workspace_id)


async def test_every_table_is_guarded_and_cascades_nowhere(bench: Bench) -> None:
    query = text(
        "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class"
        " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    cascades = text("SELECT count(*) FROM pg_constraint WHERE confdeltype NOT IN ('a', ' ')")
    async with bench.database.across_workspaces() as session:
        forced = {row[0]: row[1] for row in await session.execute(query)}
        assert await session.scalar(cascades) == 0
    assert all(forced[table] for table in Base.metadata.tables)


async def test_no_workspace_sees_anothers_rows(bench: Bench) -> None:
    caller, other = await bench.workspace(), await bench.workspace()
    payment = (await bench.pay(caller, await bench.project(caller))).json()
    async with bench.database.transaction(SystemScope(other.workspace_id)) as session:
        for table in Base.metadata.tables:
            query = text(f"SELECT count(*) FROM {table} WHERE workspace_id = :id")
            assert await session.scalar(query, {"id": caller.workspace_id}) == 0
    async with bench.client(other) as client:
        assert (await client.get(f"/v1/payments/{payment['id']}")).status_code == 404
