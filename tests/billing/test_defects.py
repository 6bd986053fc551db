"""Defects never to repeat: each was real money lost in the system that came before (D1 to D13)."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from chassis.database import SystemScope
from contracts.billing import InvoicePaid, PaymentRefunded, ProjectPaid
from contracts.identity import WorkspaceDeleted
from contracts.imaging import ImageCompleted, ProjectFailed
from contracts.video import ClipsCompiled, VideoFailed
from services.billing.payments import use_cases
from services.billing.providers.base import VendorAway
from services.billing.tables import InvoiceLineItem, StripeEvent
from tests.billing.bench import SUBSCRIPTIONS, Bench


async def test_d1_a_failed_effect_of_a_webhook_is_retried_until_the_project_runs(
    bench: Bench,
) -> None:
    caller = await bench.workspace()
    payment = (await bench.pay(caller, await bench.project(caller))).json()
    await bench.press(payment["checkout_url"])
    [event] = await bench.told(caller, "checkout.session.completed")
    bench.stripe_fault("checkout.sessions.retrieve", "error", times=2)
    with pytest.raises(VendorAway):
        await use_cases.handle_event(bench.database, bench.stripe, event.id)
    await use_cases.handle_event(bench.database, bench.stripe, event.id)
    assert len(await bench.facts(caller, ProjectPaid)) == 1


async def test_d2_an_event_handled_in_parallel_has_one_effect(bench: Bench) -> None:
    caller = await bench.workspace()
    payment = (await bench.pay(caller, await bench.project(caller))).json()
    await bench.press(payment["checkout_url"])
    [event] = await bench.told(caller, "checkout.session.completed")
    handle = use_cases.handle_event
    await asyncio.gather(*(handle(bench.database, bench.stripe, event.id) for _ in range(5)))
    assert len(await bench.facts(caller, ProjectPaid)) == 1


async def test_d3_a_late_expired_never_undoes_a_completion(bench: Bench) -> None:
    caller = await bench.workspace()
    payment = await bench.paid_by_card(caller, await bench.project(caller))
    [done] = await bench.told(caller, "checkout.session.completed")
    async with bench.database.across_workspaces() as session:
        late = {
            "id": f"{done.id}_late",
            "type": "checkout.session.expired",
            "object_id": done.object_id,
        }
        session.add(
            StripeEvent(workspace_id=caller.workspace_id, happened_at=done.happened_at, **late)
        )
    await use_cases.handle_event(bench.database, bench.stripe, late["id"])
    assert (await bench.show(caller, payment))["status"] == "completed"


async def test_d4_two_tabs_show_the_same_page_and_are_paid_once(bench: Bench) -> None:
    caller = await bench.workspace()
    project = await bench.project(caller)
    first = (await bench.pay(caller, project)).json()
    second = (await bench.pay(caller, project, success_url="http://other.example.com/")).json()
    assert first["checkout_url"] == second["checkout_url"]
    assert (await bench.press(first["checkout_url"])).status_code == 303
    assert (await bench.press(second["checkout_url"])).status_code == 409
    assert len(bench.charges(first)) == 1


async def test_d5_a_refund_whose_answer_was_lost_is_paid_once(bench: Bench) -> None:
    caller = await bench.workspace()
    project = await bench.project(caller)
    payment = await bench.paid_by_card(caller, project)
    bench.stripe_fault("refunds.create", "timeout_after", seconds=0.05, times=2)
    await bench.tell(failed(caller, project), times=3)
    with pytest.raises(VendorAway):
        await bench.work_off(caller.workspace_id)
    bench.handled.clear()
    await bench.work_off(caller.workspace_id)
    assert refunded(bench, payment) == [9900]
    [fact] = await bench.facts(caller, PaymentRefunded)
    assert fact.refunded_minor_units == 9900
    assert (await bench.show(caller, payment))["status"] == "refunded"


async def test_d5_a_stored_500_does_not_block_a_refund_for_ever(bench: Bench) -> None:
    caller = await bench.workspace()
    project = await bench.project(caller)
    payment = await bench.paid_by_card(caller, project)
    bench.stripe_fault("refunds.create", "error", times=1)
    await bench.tell(failed(caller, project))
    with pytest.raises(VendorAway):
        await bench.work_off(caller.workspace_id)
    bench.handled.clear()
    await bench.work_off(caller.workspace_id)
    assert refunded(bench, payment) == [9900]


def failed(caller: Any, project: UUID) -> ProjectFailed:
    return ProjectFailed(
        workspace_id=caller.workspace_id, project_id=project, completed_count=0, failed_count=1
    )


def refunded(bench: Bench, payment: dict[str, Any]) -> list[int]:
    intents = {charge["payment_intent"] for charge in bench.charges(payment)}
    entries = bench.stripe_stand_in.journal.entries("refunds.create")
    return [e["amount"] for e in entries if e["payment_intent"] in intents]


async def test_d6_a_card_project_never_gets_an_invoice_line(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    await bench.paid_by_card(caller, await bench.project(caller))
    assert await bench.rows(caller, select(InvoiceLineItem.id)) == []
    assert ImageCompleted not in {subscription.event for subscription in SUBSCRIPTIONS}


async def test_d6_twenty_requests_make_one_line(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    project = await bench.project(caller)
    answers = await asyncio.gather(*(bench.pay(caller, project, "invoice") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len(await bench.rows(caller, select(InvoiceLineItem.id))) == 1
    assert len(await bench.facts(caller, ProjectPaid)) == 1


async def test_d7_fiken_bills_the_agreed_price_and_gives_the_number(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    path = f"/v1/admin/billing/workspaces/{caller.workspace_id}"
    await bench.admin("PUT", path, image_project_price_ore=77_777)
    invoice = await bench.sent(caller, projects=3)
    entries = bench.fiken_stand_in.journal.entries("invoices.create")
    [entry] = [e for e in entries if e["order_reference"] == invoice["id"]]
    assert (entry["net"], entry["gross"]) == (233_331, invoice["gross_amount_ore"])
    assert invoice["fiken_invoice_number"] == str(entry["number"]) != str(entry["id"])
    assert [line["description"] for line in invoice["lines"]] == [
        "AI Photo Enhancement - Storgata 1"
    ] * 3


async def test_d8_two_administrators_send_one_invoice_once(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    draft = await bench.invoice(caller)
    send = f"/v1/admin/invoices/{draft['id']}/send"
    answers = await asyncio.gather(*(bench.admin("POST", send) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    await bench.work_off(caller.workspace_id)
    entries = bench.fiken_stand_in.journal.entries("invoices.create")
    assert sum(e["order_reference"] == draft["id"] for e in entries) == 1


async def test_d9_two_administrators_cannot_invoice_one_line_twice(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    for _ in range(3):
        await bench.pay(caller, await bench.project(caller), "invoice")
    body = {"workspace_id": str(caller.workspace_id)}
    answers = await asyncio.gather(
        *(bench.admin("POST", "/v1/admin/invoices", **body) for _ in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    [draft] = [answer.json() for answer in answers if answer.status_code == 201]
    assert (draft["total_amount_ore"], len(draft["lines"])) == (300_000, 3)
    named = await bench.admin(
        "POST", "/v1/admin/invoices", **body, line_ids=[draft["lines"][0]["id"]]
    )
    assert (named.status_code, named.json()["code"]) == (409, "line_not_pending")


async def test_d10_an_invoice_is_paid_once_however_often_it_is_marked(bench: Bench) -> None:
    caller = await bench.workspace(plan="enterprise", organization=True)
    invoice = await bench.sent(caller)
    mark = f"/v1/admin/invoices/{invoice['id']}/mark-paid"
    answers = await asyncio.gather(*(bench.admin("POST", mark) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    assert len(await bench.facts(caller, InvoicePaid)) == 1
    draft = await bench.invoice(caller)
    refused: httpx.Response = await bench.admin(
        "POST", f"/v1/admin/invoices/{draft['id']}/mark-paid"
    )
    assert refused.json()["code"] == "invoice_not_open"


async def test_d12_deleting_a_workspace_keeps_its_invoices(bench: Bench) -> None:
    assert WorkspaceDeleted not in {subscription.event for subscription in SUBSCRIPTIONS}
    caller = await bench.workspace(plan="enterprise", organization=True)
    invoice = await bench.sent(caller)
    shown = await bench.admin("GET", f"/v1/admin/invoices/{invoice['id']}")
    assert shown.json()["status"] == "sent"


async def test_d13_a_video_without_a_film_is_refunded_and_one_with_a_film_is_not(
    bench: Bench,
) -> None:
    caller = await bench.workspace()
    for delivered in (False, True):
        video = await bench.video(caller)
        payment = (await bench.pay(caller, video, billable_kind="video")).json()
        await bench.press(payment["checkout_url"])
        await bench.told(caller, "checkout.session.completed", count=1 + delivered)
        await bench.work_off(caller.workspace_id)
        ids = {"workspace_id": caller.workspace_id, "video_id": video}
        if delivered:
            keys = {"poster_key": "p", "thumbnail_key": "t"}
            await bench.tell(ClipsCompiled(**ids, outputs=(), **keys))
        await bench.tell(VideoFailed(**ids, reason="compilation_failed"), times=2)
        await bench.work_off(caller.workspace_id)
        assert refunded(bench, payment) == ([] if delivered else [9900])
    async with bench.database.transaction(SystemScope(caller.workspace_id)) as session:
        assert await session.scalar(select(InvoiceLineItem.id)) is None
