"""What no webhook told, and what a crash left undone, is found again."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from chassis.database import SystemScope
from contracts.billing import PaymentFailed, ProjectPaid
from contracts.imaging import ProjectFailed
from services.billing.invoices import use_cases as invoices
from services.billing.notes import InvoiceDeliveryDue, RefundDue, StripeEventStored
from services.billing.payments import use_cases
from tests.billing.bench import Bench

DAYS = timedelta(days=4)


async def paid_without_a_webhook(bench: Bench, caller: Any) -> dict[str, Any]:
    before = lost_completions(bench)
    bench.stripe_fault("webhook", "timeout_before", times=None)
    payment: dict[str, Any] = (await bench.pay(caller, await bench.project(caller))).json()
    await bench.press(payment["checkout_url"])
    async with asyncio.timeout(10):
        while lost_completions(bench) == before:
            await asyncio.sleep(0.02)
    bench.stripe_stand_in.faults.clear()
    return payment


def lost_completions(bench: Bench) -> int:
    lost = bench.stripe_stand_in.journal.entries("webhook.lost")
    return sum(entry["type"] == "checkout.session.completed" for entry in lost)


async def test_lost_events_are_caught_up_from_stripes_list(bench: Bench) -> None:
    caller = await bench.workspace()
    payment = await paid_without_a_webhook(bench, caller)
    assert await use_cases.catch_up_events(bench.database, bench.stripe, DAYS) > 0
    await bench.work_off(caller.workspace_id)
    assert (await bench.show(caller, payment))["status"] == "completed"
    assert await use_cases.catch_up_events(bench.database, bench.stripe, DAYS) == 0
    await bench.work_off(caller.workspace_id)
    assert len(await bench.facts(caller, ProjectPaid)) == 1


async def test_a_page_nobody_was_told_of_is_given_up(bench: Bench) -> None:
    caller = await bench.workspace()
    project = await bench.project(caller)
    bench.stripe_fault("checkout.sessions.create", "timeout_before", times=2, seconds=0.05)
    assert (await bench.pay(caller, project)).status_code == 503
    assert await use_cases.reconcile_pages(bench.database, bench.stripe, timedelta(0)) > 0
    assert await bench.facts(caller, PaymentFailed) == []
    await age(bench, caller, "checkout_session")
    await use_cases.reconcile_pages(bench.database, bench.stripe, timedelta(0))
    [fact] = await bench.facts(caller, PaymentFailed)
    assert fact.reason == "checkout_not_opened"
    assert (await bench.pay(caller, project)).status_code == 201


async def age(bench: Bench, caller: Any, table: str, column: str = "created_at") -> None:
    statement = text(f"UPDATE {table} SET {column} = {column} - interval '1 day'")
    async with bench.database.transaction(SystemScope(caller.workspace_id)) as session:
        await session.execute(statement)


async def test_forgotten_notes_are_repeated(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    project = await bench.project(caller)
    await bench.paid_by_card(caller, project)
    lost = ProjectFailed(
        workspace_id=caller.workspace_id, project_id=project, completed_count=0, failed_count=1
    )
    await bench.tell(lost)
    second = (await bench.pay(caller, await bench.project(caller))).json()
    await bench.press(second["checkout_url"])
    await bench.told(caller, "checkout.session.completed", count=2)
    draft = await bench.invoice(caller)
    await bench.admin("POST", f"/v1/admin/invoices/{draft['id']}/send")
    await age(bench, caller, "refund")
    await age(bench, caller, "stripe_event", "received_at")

    before = [await count(bench, caller.workspace_id, n) for n in NOTES]
    await use_cases.repeat_notes(bench.database)
    await invoices.repeat_notes(bench.database)
    after = [await count(bench, caller.workspace_id, n) for n in NOTES]
    assert all(b < a for b, a in zip(before, after, strict=True))
    await bench.work_off(caller.workspace_id)
    assert len(await bench.facts(caller, ProjectPaid)) == 3


NOTES = (RefundDue, StripeEventStored, InvoiceDeliveryDue)


async def count(bench: Bench, workspace_id: UUID, note: Any) -> int:
    query = text("SELECT count(*) FROM outbox WHERE routing_key = :k AND workspace_id = :w")
    async with bench.database.across_workspaces() as session:
        values = {"k": note.routing_key, "w": workspace_id}
        return int(await session.scalar(query, values) or 0)
