"""Invoices through Fiken's stand-in: one legal invoice each, whatever goes wrong on the way."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from chassis.database import SystemScope
from contracts.billing import (
    InvoiceOverdue,
    InvoicePaid,
    InvoiceSent,
    ProjectPaid,
)
from contracts.identity import WorkspaceOnboarded
from services.billing.invoices import use_cases
from services.billing.providers.base import VendorAway
from services.billing.tables import Alarm, Invoice, ProjectPayment
from tests.billing.bench import ORGANIZATION_NUMBER, Bench
from tests.billing.invoices.journal import dispatched, made, pay_in_fiken, posted, sync


async def test_invoice_is_sent_paid_in_fiken_and_settles_its_payments(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    invoice = await bench.sent(caller, projects=2)
    assert (invoice["status"], invoice["total_amount_ore"]) == ("sent", 200_000)
    assert (invoice["vat_amount_ore"], invoice["gross_amount_ore"]) == (50_000, 250_000)
    [entry] = made(bench, invoice)
    assert (entry["net"], entry["gross"], str(entry["number"])) == (
        200_000,
        250_000,
        invoice["fiken_invoice_number"],
    )
    assert dispatched(bench, invoice) == 1
    [fact] = await bench.facts(caller, InvoiceSent)
    assert (fact.net_minor_units, fact.gross_minor_units) == (200_000, 250_000)
    assert len(await bench.facts(caller, ProjectPaid)) == 2

    await pay_in_fiken(bench, invoice)
    assert (await sync(bench, invoice))["status"] == "paid"
    assert (await sync(bench, invoice))["status"] == "paid"

    [paid] = await bench.facts(caller, InvoicePaid)
    assert (paid.net_minor_units, paid.currency) == (200_000, "nok")
    statuses = await bench.rows(caller, select(ProjectPayment.status))
    assert [status for (status,) in statuses] == ["completed", "completed"]
    assert await posted(bench, caller) == {
        "receivable": 0,
        "revenue": -200_000,
        "vat_payable": -50_000,
        "bank": 250_000,
    }


async def test_the_sweep_notices_a_payment_in_fiken(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    invoice = await bench.sent(caller)
    await pay_in_fiken(bench, invoice)
    await use_cases.sync_open(bench.database, bench.fiken)
    assert len(await bench.facts(caller, InvoicePaid)) == 1


async def test_an_invoice_past_its_due_date_becomes_overdue_once_and_can_be_paid(
    bench: Bench,
) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    draft = await bench.invoice(caller)
    scope = SystemScope(caller.workspace_id)
    async with bench.database.transaction(scope) as session:
        invoice = await use_cases.send_invoice(
            session, caller.workspace_id, UUID(draft["id"]), due_days=0
        )
        assert invoice.due_date is not None
        yesterday = invoice.due_date.fromordinal(invoice.due_date.toordinal() - 1)
        invoice.issue_date = invoice.due_date = yesterday
    await bench.work_off(caller.workspace_id)
    assert (await sync(bench, draft))["status"] == "overdue"
    assert (await sync(bench, draft))["status"] == "overdue"
    assert len(await bench.facts(caller, InvoiceOverdue)) == 1
    answer = await bench.admin("POST", f"/v1/admin/invoices/{draft['id']}/mark-paid")
    assert answer.json()["status"] == "paid"


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("contacts.create", "timeout_after"),
        ("invoices.create", "timeout_after"),
        ("invoices.create", "timeout_before"),
        ("invoices.create", "rate_limited"),
        ("invoices.send", "timeout_after"),
        ("invoices.send", "error"),
    ],
)
async def test_a_failing_step_is_repeated_without_a_second_invoice(
    bench: Bench, operation: str, kind: str
) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    if operation == "contacts.create":
        await rename(bench, caller)
    draft = await bench.invoice(caller)
    await bench.admin("POST", f"/v1/admin/invoices/{draft['id']}/send")
    bench.fiken_fault(operation, kind, seconds=0.05)

    with pytest.raises(VendorAway):
        await bench.work_off(caller.workspace_id)
    await deliver(bench, caller, draft)

    assert len(made(bench, draft)) == 1
    assert dispatched(bench, draft) == 1
    assert len(await bench.facts(caller, InvoiceSent)) == 1
    members = bench.fiken_stand_in.journal.entries("contacts.create")
    assert sum(e["member"] == str(caller.workspace_id) for e in members) <= 1


async def rename(bench: Bench, caller: Any) -> None:
    """A company Fiken does not know yet."""
    onboarded = WorkspaceOnboarded(
        workspace_id=caller.workspace_id,
        name="Ny Bolig AS",
        organization_number=str(caller.workspace_id.int)[:9],
        contact_email="faktura@ny.example.com",
        contact_person="Per Ny",
    )
    await bench.tell(onboarded)


async def deliver(bench: Bench, caller: Any, invoice: dict[str, Any]) -> None:
    await use_cases.deliver_invoice(
        bench.database, bench.fiken, caller.workspace_id, UUID(invoice["id"])
    )


async def test_an_answer_without_location_is_searched_for(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    bench.fiken_fault("invoices.create", "corrupt")
    invoice = await bench.sent(caller)
    assert invoice["status"] == "sent"
    assert len(made(bench, invoice)) == 1


async def test_three_answers_lost_after_the_work_make_three_invoices_not_four(bench: Bench) -> None:
    callers = [await bench.workspace(plan="enterprise", organization=True) for _ in range(3)]
    drafts = [await bench.invoice(caller) for caller in callers]
    bench.fiken_fault("invoices.create", "timeout_after", seconds=0.05, times=3)
    for caller, draft in zip(callers, drafts, strict=True):
        await bench.admin("POST", f"/v1/admin/invoices/{draft['id']}/send")
        with pytest.raises(VendorAway):
            await bench.work_off(caller.workspace_id)
        await deliver(bench, caller, draft)
    assert [len(made(bench, draft)) for draft in drafts] == [1] * 3


async def test_parallel_deliveries_never_have_two_requests_in_flight(bench: Bench) -> None:
    callers = [await bench.workspace(plan="enterprise", organization=True) for _ in range(4)]
    drafts = [await bench.invoice(caller) for caller in callers]
    for draft in drafts:
        await bench.admin("POST", f"/v1/admin/invoices/{draft['id']}/send")
    journal = bench.fiken_stand_in.journal
    before = len(journal.entries("concurrent_request"))
    work = [bench.work_off(caller.workspace_id) for caller in callers]
    twice = [deliver(bench, c, d) for c, d in zip(callers, drafts, strict=True)]
    await asyncio.gather(*work, *twice)
    assert len(journal.entries("concurrent_request")) == before
    assert [len(made(bench, draft)) for draft in drafts] == [1] * 4


async def test_another_total_in_fiken_blocks_the_invoice_and_alarms(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    draft = await bench.invoice(caller)
    scope = SystemScope(caller.workspace_id)
    async with bench.database.transaction(scope) as session:
        row = await session.get(Invoice, UUID(draft["id"]))
        assert row is not None
        row.vat_ore, row.gross_ore = row.vat_ore - 1, row.gross_ore - 1
    await bench.admin("POST", f"/v1/admin/invoices/{draft['id']}/send")
    await bench.work_off(caller.workspace_id)
    shown = (await bench.admin("GET", f"/v1/admin/invoices/{draft['id']}")).json()
    assert (shown["status"], shown["delivery_problem"]) == ("sending", "totals_differ")
    assert dispatched(bench, draft) == 0
    alarms = await bench.rows(caller, select(Alarm.kind).where(Alarm.subject == draft["id"]))
    assert alarms == [("invoice_delivery",)]


async def test_a_refusal_rests_until_an_administrator_sends_again(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    draft = await bench.invoice(caller)
    bench.fiken_fault("invoices.create", "error", status=400)
    await bench.admin("POST", f"/v1/admin/invoices/{draft['id']}/send")
    await bench.work_off(caller.workspace_id)
    shown = (await bench.admin("GET", f"/v1/admin/invoices/{draft['id']}")).json()
    assert shown["delivery_problem"] == "fiken_400"
    again = await bench.admin("POST", f"/v1/admin/invoices/{draft['id']}/send")
    assert again.status_code == 200
    await bench.work_off(caller.workspace_id)
    shown = (await bench.admin("GET", f"/v1/admin/invoices/{draft['id']}")).json()
    assert (shown["status"], len(made(bench, draft))) == ("sent", 1)


async def test_two_contacts_of_one_company_the_oldest_is_used(bench: Bench) -> None:
    first = await bench.workspace(plan="enterprise", organization=True)
    await bench.sent(first)
    second = await bench.workspace(plan="enterprise", organization=True)
    invoice = await bench.sent(second)
    [entry] = made(bench, invoice)
    url = f"{bench.fiken_stand_in.address}/api/v2/companies/studio-as/contacts"
    found = await bench.browser.get(
        url,
        params={"organizationNumber": ORGANIZATION_NUMBER},
        headers={"authorization": "Bearer fiken-bench"},
    )
    assert entry["customer"] == min(contact["contactId"] for contact in found.json())


async def test_the_customer_sees_the_invoice_when_it_is_sent(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    draft = await bench.invoice(caller)
    member = caller.model_copy(update={"role": "member"})
    async with bench.client(caller) as client:
        assert (await client.get(f"/v1/invoices/{draft['id']}")).status_code == 404
        await bench.admin("POST", f"/v1/admin/invoices/{draft['id']}/send")
        await bench.work_off(caller.workspace_id)
        shown = (await client.get(f"/v1/invoices/{draft['id']}")).json()
        listed = (await client.get("/v1/invoices")).json()
    assert (shown["status"], len(shown["lines"])) == ("sent", 1)
    assert [each["id"] for each in listed["items"]] == [draft["id"]]
    async with bench.client(member) as client:
        assert (await client.get("/v1/invoices")).status_code == 403
    async with bench.client(await bench.workspace()) as client:
        assert (await client.get(f"/v1/invoices/{draft['id']}")).status_code == 404
