"""Work that failed takes its line back: cancelled, off the draft, or credited in Fiken."""

from typing import Any
from uuid import UUID

import pytest

from contracts.billing import (
    InvoiceCredited,
    InvoicePaid,
    PaymentFailed,
)
from contracts.imaging import ProjectFailed
from services.billing.providers.base import VendorAway
from tests.billing.bench import Bench
from tests.billing.invoices.journal import pay_in_fiken, posted, sync


def failed(caller: Any, project: UUID) -> ProjectFailed:
    return ProjectFailed(
        workspace_id=caller.workspace_id, project_id=project, completed_count=0, failed_count=3
    )


async def lines_of(bench: Bench, caller: Any) -> list[dict[str, Any]]:
    path = f"/v1/admin/billing/lines?workspace_id={caller.workspace_id}"
    items: list[dict[str, Any]] = (await bench.admin("GET", path)).json()["items"]
    return items


async def test_work_that_failed_takes_its_pending_line_back(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    project = await bench.project(caller)
    await bench.pay(caller, project, "invoice")
    await bench.tell(failed(caller, project), times=2)
    assert [line["status"] for line in await lines_of(bench, caller)] == ["cancelled"]
    [fact] = await bench.facts(caller, PaymentFailed)
    assert fact.reason == "work_failed"


async def test_work_that_failed_leaves_a_draft_with_its_other_lines(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    draft = await bench.invoice(caller, projects=2)
    first = UUID(draft["lines"][0]["billable_id"])
    await bench.tell(failed(caller, first))
    shown = (await bench.admin("GET", f"/v1/admin/invoices/{draft['id']}")).json()
    assert (shown["total_amount_ore"], len(shown["lines"])) == (100_000, 1)
    await bench.tell(failed(caller, UUID(shown["lines"][0]["billable_id"])))
    shown = (await bench.admin("GET", f"/v1/admin/invoices/{draft['id']}")).json()
    assert shown["status"] == "cancelled"


@pytest.mark.parametrize("projects", [1, 2])
async def test_work_that_failed_after_sending_is_credited_once(bench: Bench, projects: int) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    invoice = await bench.sent(caller, projects)
    project = UUID(invoice["lines"][0]["billable_id"])
    bench.fiken_fault("credit_notes.full", "timeout_after", seconds=0.05)
    bench.fiken_fault("credit_notes.partial", "timeout_after", seconds=0.05)
    await bench.tell(failed(caller, project), times=2)
    notes = bench.fiken_stand_in.journal.entries
    with pytest.raises(VendorAway):
        await bench.work_off(caller.workspace_id)
    bench.handled.clear()
    await bench.work_off(caller.workspace_id)

    mine = [e for e in notes("credit_notes.create") if e["invoice"] == invoice["fiken_invoice_id"]]
    assert [entry["gross"] for entry in mine] == [125_000]
    [fact] = await bench.facts(caller, InvoiceCredited)
    assert fact.net_minor_units == 100_000
    shown = (await bench.admin("GET", f"/v1/admin/invoices/{invoice['id']}")).json()
    assert shown["status"] == ("credited" if projects == 1 else "sent")
    accounts = await posted(bench, caller)
    assert accounts["receivable"] == 125_000 * (projects - 1)
    if projects == 2:
        await pay_in_fiken(bench, invoice)
        await sync(bench, invoice)
        [paid] = await bench.facts(caller, InvoicePaid)
        assert paid.net_minor_units == 100_000
        assert (await posted(bench, caller))["bank"] == 125_000
